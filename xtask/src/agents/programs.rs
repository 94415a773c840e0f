//! Owns the agent programs that tests run: where they are, and how they come there.

use std::env::consts::{ARCH, OS};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use crate::repository::Repository;
use crate::{process, provision};

/// Where the lock files are, each in a directory named after its set.
const LOCKS: &str = "crates/awo-testkit/agents";

/// The files that say what a set holds.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// An agent program of a set. A `{platform}` in its path is the machine's, in npm's words; a `*` is the only entry of a
/// directory.
struct Program {
    set: &'static str,
    variable: &'static str,
    path: &'static str,
}

/// Native binaries are started without the scripts around them, which would outlive signals in ways of their own.
const PROGRAMS: &[Program] = &[
    Program { set: "main", variable: "AWO_TEST_CLAUDE", path: "@anthropic-ai/claude-code-{platform}/claude" },
    Program { set: "main", variable: "AWO_TEST_CODEX", path: "@openai/codex-{platform}/vendor/*/bin/codex" },
    Program { set: "more", variable: "AWO_TEST_GEMINI", path: ".bin/gemini" },
    Program { set: "more", variable: "AWO_TEST_OPENCODE", path: "opencode-{platform}/bin/opencode" },
];

/// Programs for tests, or why there are none.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    variables: Vec<(&'static str, PathBuf)>,
    skipped: Option<String>,
}

impl Programs {
    /// The variables by which tests find them.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        self.variables.iter().map(|(name, path)| (*name, path.as_path()))
    }

    /// Why some are missing.
    pub(crate) fn skipped(&self) -> Option<&str> {
        self.skipped.as_deref()
    }
}

/// The programs of some sets, which are installed if they are not there. In a continuous integration, where nothing may
/// be skipped, a missing one is an error.
pub(crate) fn provide(repository: &Repository, sets: &[&str]) -> Result<Programs> {
    let mut programs = Programs::default();
    for set in sets {
        match provide_set(repository, set) {
            Ok(variables) => programs.variables.extend(variables),
            Err(error) => {
                let reason = format!("{error:#}");
                provision::refuse_in_ci(&reason, "install npm, and let it reach its registry")?;
                programs.skipped.get_or_insert(reason);
            }
        }
    }
    Ok(programs)
}

fn provide_set(repository: &Repository, set: &str) -> Result<Vec<(&'static str, PathBuf)>> {
    let lock = repository.root().join(LOCKS).join(set);
    let places = provision::cache_directory()?.join("agents");
    let place = places.join(format!("{set}-{}", digest(&lock)?));
    if let Ok(programs) = programs_in(&place, set) {
        return Ok(programs);
    }
    if let Some(reason) = provision::missing_program("npm", "--version", "npm")? {
        return Err(anyhow!(reason));
    }
    std::fs::create_dir_all(&places).with_context(|| format!("cannot make {}", places.display()))?;
    // Whole or not at all, also when two runs do this at once.
    let partial = tempfile::Builder::new().prefix(&format!("{set}-partial-")).tempdir_in(&places)?;
    for file in FILES {
        std::fs::copy(lock.join(file), partial.path().join(file)).with_context(|| format!("cannot copy {file}"))?;
    }
    let mut install = Command::new("npm");
    install.current_dir(partial.path());
    install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]);
    process::run(&mut install)?;
    for (_, program) in programs_in(partial.path(), set)? {
        let runs = process::version_of(&program, &["--version"]).is_some();
        anyhow::ensure!(runs, "{} was installed, but does not run", program.display());
    }
    if std::fs::rename(partial.path(), &place).is_err() && place.exists() {
        // Either somebody else was faster, or what was there is broken.
        if programs_in(&place, set).is_err() {
            std::fs::remove_dir_all(&place).with_context(|| format!("cannot remove {}", place.display()))?;
            std::fs::rename(partial.path(), &place)
                .with_context(|| format!("cannot put the programs into {}", place.display()))?;
        }
    }
    programs_in(&place, set)
}

/// The programs of a set with their variables; an error if one is not there.
fn programs_in(place: &Path, set: &str) -> Result<Vec<(&'static str, PathBuf)>> {
    let modules = place.join("node_modules");
    let path = |program: &Program| {
        let path = find(&modules, &program.path.replace("{platform}", &platform()));
        path.with_context(|| format!("there is no {} in {}", program.path, modules.display()))
    };
    let programs = PROGRAMS.iter().filter(|program| program.set == set);
    programs.map(|program| Ok((program.variable, path(program)?))).collect()
}

fn find(directory: &Path, path: &str) -> Option<PathBuf> {
    let mut found = directory.to_owned();
    for part in path.split('/') {
        found = match part {
            "*" => std::fs::read_dir(&found).ok()?.next()?.ok()?.path(),
            name => found.join(name),
        };
    }
    found.is_file().then_some(found)
}

/// This machine in npm's words.
fn platform() -> String {
    let system = if OS == "macos" { "darwin" } else { OS };
    let processor = match ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{system}-{processor}")
}

/// What a set holds.
fn digest(lock: &Path) -> Result<String> {
    provision::digest(&FILES.map(|file| lock.join(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_where_their_packages_have_them() {
        let place = tempfile::tempdir().unwrap();
        programs_in(place.path(), "main").unwrap_err();
        for program in PROGRAMS.iter().filter(|program| program.set == "main") {
            let path = program.path.replace("{platform}", &platform()).replace('*', "some-target");
            let path = place.path().join("node_modules").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let programs = programs_in(place.path(), "main").unwrap();
        let names: Vec<_> = programs.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["AWO_TEST_CLAUDE", "AWO_TEST_CODEX"]);
        assert!(programs[1].1.ends_with("some-target/bin/codex"), "{programs:?}");
    }

    #[test]
    fn every_set_is_pinned_without_addresses() {
        let repository = Repository::find().unwrap();
        for set in super::super::ALL {
            let lock = repository.root().join(LOCKS).join(set);
            let text = std::fs::read_to_string(lock.join("package-lock.json")).unwrap();
            assert!(!text.contains("://") && !text.contains("\"resolved\""), "{set}: write it as its README says");
            let manifest: serde_json::Value =
                serde_json::from_slice(&std::fs::read(lock.join("package.json")).unwrap()).unwrap();
            for kind in ["dependencies", "optionalDependencies"] {
                for (name, version) in manifest[kind].as_object().into_iter().flatten() {
                    let exact = version.as_str().unwrap().chars().all(|c| c.is_ascii_digit() || c == '.');
                    assert!(exact, "{set}: {name} {version} is a range");
                }
            }
            assert_eq!(digest(&lock).unwrap().len(), 16);
        }
    }
}
