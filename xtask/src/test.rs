//! `test`: every test of the repository on a machine that has nothing but Rust: what is missing is installed where that
//! is allowed, else the tests that need it are left out, and that is said last and loudly.

mod browser;
mod clients;
mod service;

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::agents::{self, Programs};
use crate::repository::Repository;
use crate::tidy;
use crate::{postgres, process, provision};
pub(crate) use browser::Browser;
use clients::Clients;
use service::Service;

/// The oldest git whose behaviour the workspaces rely on.
const OLDEST_GIT: (u32, u32) = (2, 30);

/// The server of ssh, which answers to no version.
const SSHD: &str = "/usr/sbin/sshd";

/// The packages whose tests start git.
const NEEDS_GIT: &[&str] = &["awo", "awo-adapters", "awo-testkit", "xtask"];

/// The packages whose tests need a database.
const NEEDS_POSTGRES: &[&str] = &["awo", "awo-engine", "awo-state"];

/// Options of `test`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Arguments {
    /// Passed on to the test runner; documentation tests and examples are then left out.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    runner: Vec<String>,
}

/// Runs unit and integration tests, documentation tests and examples.
pub(crate) fn run(repository: &Repository, arguments: &Arguments) -> Result<()> {
    let skipped = missing_git()?;
    let excluded = if skipped.is_some() { NEEDS_GIT } else { &[] };

    let wanted = |packages: &[&str]| wants(&arguments.runner, packages);
    let agents =
        if wanted(agents::PACKAGES) { agents::provide(repository, agents::USUAL)? } else { Programs::default() };
    let clients = if wanted(&[clients::PACKAGE]) { clients::provide(repository)? } else { Clients::default() };
    let browser = if wanted(&[browser::PACKAGE]) { browser::provide(repository)? } else { Browser::default() };

    // Tests of walls have nothing to prove without it, and say so.
    let no_walls = provision::missing_program("bwrap", "--version", "bubblewrap")?;
    // Nor have those of ssh, and of who is dialled, without these.
    let look = || (!Path::new(SSHD).is_file()).then(|| format!("{SSHD} is not there"));
    let no_sshd = provision::missing(look, "openssh-server", "install the package openssh-server")?;
    let no_ip = provision::missing_program("ip", "-V", "iproute2")?;
    let no_postgres = if wanted(NEEDS_POSTGRES) { postgres::missing()? } else { None };
    let no_tmux = provision::missing_program("tmux", "-V", "tmux")?;
    let references = References::new(repository)?;
    let mut tests = repository.cargo();
    let nextest = process::version_of("cargo-nextest", &["nextest", "--version"]).is_some();
    tests.args(if nextest { &["nextest", "run"][..] } else { &["test"] });
    if !names_packages(&arguments.runner) {
        tests.arg("--workspace").args(excluded.iter().flat_map(|package| ["--exclude", package]));
    }
    tests.arg("--all-features");
    if nextest {
        // A crate may have no test yet.
        tests.arg("--no-tests=pass");
    } else {
        // Documentation tests come by themselves below, for both runners.
        tests.arg("--tests");
    }
    tests.args(&arguments.runner);
    tests.env("INSTA_UPDATE", "no").env("INSTA_SNAPSHOT_REFERENCES_FILE", &references.path);
    tests.envs(agents.variables());
    tests.envs(clients.variables.iter().map(|(name, path)| (name, path)));
    tests.envs(browser.variables.iter().map(|(name, path)| (name, path)));
    // It ends with this run, however that ends.
    let database = match &no_postgres {
        None if wanted(NEEDS_POSTGRES) => Some(postgres::Cluster::start(repository, &postgres::Options::default())?),
        _ => None,
    };
    tests.envs(database.iter().map(|database| ("AWO_TEST_POSTGRES", database.url())));
    let skipped_programs = || {
        if let Some(reason) = agents.skipped() {
            eprintln!("\nSKIPPED: the tests with real agent programs, because {reason}");
        }
        for reason in &clients.skipped {
            eprintln!("\nSKIPPED: some tests of the clients in the documentation, because {reason}");
        }
        if let Some(reason) = &browser.skipped {
            eprintln!("\nSKIPPED: the tests of the page, because {reason}");
        }
        if let Some(reason) = &no_walls {
            eprintln!("\nSKIPPED: the tests of walls, because {reason}");
        }
        if let Some(reason) = &no_sshd {
            eprintln!("\nSKIPPED: the tests of ssh, because {reason}");
        }
        if let Some(reason) = &no_tmux {
            eprintln!("\nSKIPPED: the tests at terminals, because {reason}");
        }
        if let Some(reason) = &no_postgres {
            eprintln!("\nSKIPPED: the tests with PostgreSQL, because {reason}");
        }
        if let Some(reason) = &no_ip {
            eprintln!("\nSKIPPED: the tests of who is dialled, because {reason}");
        }
    };
    process::run(&mut tests)?;
    if !arguments.runner.is_empty() {
        skipped_programs();
        return Ok(());
    }

    let mut documentation = repository.cargo();
    documentation.args(["test", "--doc", "--workspace", "--all-features"]);
    documentation.args(excluded.iter().flat_map(|package| ["--exclude", package]));
    process::run(&mut documentation)?;
    run_examples(repository, excluded)?;

    skipped_programs();
    if let Some(reason) = skipped {
        eprintln!("\nSKIPPED: all tests of {}, because {reason}", NEEDS_GIT.join(", "));
        eprintln!("SKIPPED: the check for snapshots that no test reads, because those tests did not run");
    } else {
        let read = references.read()?;
        tidy::report("snapshots", &tidy::snapshots_not_in(repository, &read)?)?;
    }
    if !nextest {
        eprintln!("note: cargo-nextest is not installed, so `cargo test` ran the tests; nothing is skipped by that");
    }
    Ok(())
}

/// False when the arguments choose packages, and none of these.
fn wants(arguments: &[String], packages: &[&str]) -> bool {
    let has_some = |argument: &String| {
        let package = argument.trim_start_matches("--package=").trim_start_matches("-p");
        packages.contains(&package)
    };
    !names_packages(arguments) || arguments.iter().any(has_some)
}

/// True when the arguments choose packages, which `--workspace` would override.
fn names_packages(arguments: &[String]) -> bool {
    let mut ours = arguments.iter().take_while(|argument| *argument != "--");
    ours.any(|argument| argument.starts_with("-p") || argument.starts_with("--package"))
}

/// Every example runs as its reader would run it.
fn run_examples(repository: &Repository, excluded: &[&str]) -> Result<()> {
    for package in repository.metadata()?.workspace_packages() {
        if excluded.contains(&package.name.as_str()) {
            continue;
        }
        for target in package.targets.iter().filter(|target| target.is_example()) {
            let mut example = repository.cargo();
            example.args(["run", "--quiet", "--package", &package.name, "--example", &target.name]);
            if !target.required_features.is_empty() {
                example.args(["--features", &target.required_features.join(",")]);
            }
            if package.name != service::ASKED_BY {
                process::run(&mut example)?;
            } else if excluded.is_empty() {
                let service = Service::start(repository)?;
                process::run(example.arg("--").args(service.arguments()))?;
                service.end()?;
            }
        }
    }
    Ok(())
}

/// Why tests must do without git, or `None` when it is there. It is installed where that is possible and allowed.
fn missing_git() -> Result<Option<String>> {
    let problem = |found: Option<&str>| match found.map(|line| (line, git_version(line))) {
        Some((_, Some(version))) if version >= OLDEST_GIT => None,
        Some((line, _)) => Some(format!("`{line}` is older than {}.{}", OLDEST_GIT.0, OLDEST_GIT.1)),
        None => Some("git is not installed".to_owned()),
    };
    let look = || problem(process::version_of("git", &["--version"]).as_deref());
    let cure = format!("install git {}.{} or newer", OLDEST_GIT.0, OLDEST_GIT.1);
    provision::missing(look, "git", &cure)
}

/// The major and minor number in `git version 2.47.3 (some vendor)`.
fn git_version(line: &str) -> Option<(u32, u32)> {
    let mut numbers = line.strip_prefix("git version ")?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The file in which insta notes each snapshot that a test read; it goes with this value.
struct References {
    path: PathBuf,
}

impl References {
    fn new(repository: &Repository) -> Result<Self> {
        let directory = repository.metadata()?.target_directory.into_std_path_buf();
        std::fs::create_dir_all(&directory)?;
        Ok(Self { path: directory.join(format!("snapshots-read-{}.txt", std::process::id())) })
    }

    fn read(&self) -> Result<Vec<PathBuf>> {
        match std::fs::read_to_string(&self.path) {
            Ok(text) => Ok(text.lines().map(PathBuf::from).collect()),
            // No test of the workspace reads a snapshot.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for References {
    fn drop(&mut self) {
        // It may not exist, and a leftover among build products harms nobody.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_packages_are_noticed() {
        let chosen =
            |arguments: &[&str]| names_packages(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert!(chosen(&["-p", "awo-state"]));
        assert!(chosen(&["--no-fail-fast", "--package=awo-state"]));
        assert!(!chosen(&["journal", "--", "-p"]));
        assert!(!chosen(&[]));
    }

    #[test]
    fn programs_are_provided_for_those_who_test_with_them() {
        let wanted = |arguments: &[&str]| {
            wants(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>(), agents::PACKAGES)
        };
        assert!(wanted(&[]) && wanted(&["--package", "awo"]) && wanted(&["-pawo-adapters"]));
        assert!(wanted(&["--package=awo"]) && wanted(&["some_test"]));
        assert!(!wanted(&["-p", "awo-state"]) && !wanted(&["--package=xtask", "journal"]));
    }

    #[test]
    fn versions_of_git_are_compared_as_numbers() {
        assert_eq!(git_version("git version 2.47.3"), Some((2, 47)));
        assert_eq!(git_version("git version 2.39.5 (Apple Git-154)"), Some((2, 39)));
        assert_eq!(git_version("gitty 2.47"), None);
        assert!((2, 9) < OLDEST_GIT);
    }
}
