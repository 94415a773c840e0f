//! Owns the agent programs that tests run: where they are, and how they come there.

use std::env::consts::{ARCH, OS};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::repository::Repository;
use crate::{npm, process, provision};

/// Where the lock files are, each in a directory named after its set.
const LOCKS: &str = "crates/awo-testkit/agents";

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
    let works = |programs: &Vec<(&'static str, PathBuf)>| {
        for (_, program) in programs {
            let runs = process::version_of(program, &["--version"]).is_some();
            anyhow::ensure!(runs, "{} was installed, but does not run", program.display());
        }
        Ok(())
    };
    npm::provide(
        repository,
        &format!("{LOCKS}/{set}"),
        &format!("agents/{set}"),
        |modules| programs_in(modules, set),
        works,
    )
}

/// The programs of a set with their variables; an error if one is not there.
fn programs_in(modules: &Path, set: &str) -> Result<Vec<(&'static str, PathBuf)>> {
    let path = |program: &Program| {
        let path = find(modules, &program.path.replace("{platform}", &platform()));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_where_their_packages_have_them() {
        let place = tempfile::tempdir().unwrap();
        let modules = place.path();
        programs_in(modules, "main").unwrap_err();
        for program in PROGRAMS.iter().filter(|program| program.set == "main") {
            let path = program.path.replace("{platform}", &platform()).replace('*', "some-target");
            let path = modules.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let programs = programs_in(modules, "main").unwrap();
        let names: Vec<_> = programs.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["AWO_TEST_CLAUDE", "AWO_TEST_CODEX"]);
        assert!(programs[1].1.ends_with("some-target/bin/codex"), "{programs:?}");
    }
}
