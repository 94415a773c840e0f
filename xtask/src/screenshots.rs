//! `screenshots`: pictures of the main views of the page, in light and dark, wide and narrow, made by the test that shows them to
//! a real browser.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::repository::Repository;
use crate::test::Browser;
use crate::{postgres, process};

/// The test that shows all views.
const TEST: &str = "dashboard::looks::";

/// Options of `screenshots`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where the pictures go.
    #[arg(default_value = "target/screenshots")]
    directory: PathBuf,
}

/// Makes the pictures.
pub(crate) fn run(repository: &Repository, arguments: &Arguments) -> Result<()> {
    let browser = Browser::provide(repository)?;
    if let Some(reason) = browser.skipped {
        bail!("there is no browser to make pictures with: {reason}");
    }
    if let Some(reason) = postgres::missing()? {
        bail!("there is no database that workers could share: {reason}");
    }
    let database = postgres::Cluster::start(repository, &postgres::Options::default())?;
    let directory = repository.root().join(&arguments.directory);
    std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let mut test = repository.cargo();
    test.args(["test", "--package", "awo", "--test", "it", "--all-features", TEST]);
    test.envs(browser.variables).env("AWO_SCREENSHOTS", &directory).env("AWO_TEST_POSTGRES", database.url());
    process::run(&mut test)?;
    eprintln!("pictures are in {}", directory.display());
    Ok(())
}
