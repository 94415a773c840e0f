//! The repository that the chores are about: where it is, which files and crates it holds.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand};

use crate::process;

/// A checkout of this repository.
#[derive(Debug)]
pub(crate) struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The checkout that this program was built in.
    pub(crate) fn find() -> Result<Self> {
        // Cargo sets the variable at run time too; the built-in value serves when the program is started by hand.
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.parent().context("the directory of xtask has no parent")?.to_owned();
        Ok(Self { root })
    }

    /// The top directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo, to be run at the top.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root);
        command
    }

    /// What the manifests of the workspace say, without resolving anything.
    pub(crate) fn metadata(&self) -> Result<Metadata> {
        MetadataCommand::new()
            .manifest_path(self.root.join("Cargo.toml"))
            .no_deps()
            .exec()
            .context("cannot read the workspace with `cargo metadata`")
    }

    /// Builds a program of the workspace; where it is.
    pub(crate) fn program(&self, package: &str, name: &str, feature: Option<&str>, release: bool) -> Result<PathBuf> {
        self.program_of(package, name, feature, if release { "release" } else { "dev" })
    }

    /// The same with any profile.
    pub(crate) fn program_of(
        &self,
        package: &str,
        name: &str,
        feature: Option<&str>,
        profile: &str,
    ) -> Result<PathBuf> {
        let mut build = self.cargo();
        build.args(["build", "--quiet", "--package", package, "--bin", name, "--profile", profile]);
        build.args(feature.iter().flat_map(|feature| ["--features", feature]));
        process::run(&mut build)?;
        let target = self.metadata()?.target_directory.into_std_path_buf();
        let program = target.join(if profile == "dev" { "debug" } else { profile }).join(name);
        program.canonicalize().with_context(|| format!("cargo built no {}", program.display()))
    }

    /// Paths of all files that are tracked or could be added, with `/`, sorted. Ignored files are absent.
    pub(crate) fn files(&self) -> Result<Vec<String>> {
        let listed = process::output(Command::new("git").current_dir(&self.root).args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))
        .context("cannot list the files of the repository; this check needs git and a checkout")?;
        // A file that was deleted but not yet staged is still listed.
        let mut files: Vec<String> =
            listed.split_terminator('\0').filter(|path| self.root.join(path).is_file()).map(str::to_owned).collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// The text of a file, or `None` when it is not text.
    pub(crate) fn text(&self, path: &str) -> Result<Option<String>> {
        let bytes = std::fs::read(self.root.join(path)).with_context(|| format!("cannot read {path}"))?;
        Ok(String::from_utf8(bytes).ok())
    }
}

/// True for `name.extension`, as git tells files apart: `.RS` is something else.
pub(crate) fn has_extension(path: &str, extension: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, found)| found == extension)
}
