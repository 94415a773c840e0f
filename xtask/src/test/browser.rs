//! Owns what the tests of the page need: a browser, the program that drives it, and what checks its accessibility.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::repository::Repository;
use crate::{npm, provision};

/// The package that has such tests.
pub(super) const PACKAGE: &str = "awo";

/// Where the lock of what is installed by npm is.
const LOCK: &str = "crates/awo-testkit/page";

/// Programs for tests, or why there are none.
#[derive(Debug, Default)]
pub(crate) struct Browser {
    /// The variables by which tests find them.
    pub(crate) variables: Vec<(&'static str, PathBuf)>,
    /// Why some are missing.
    pub(crate) skipped: Option<String>,
}

impl Browser {
    /// The browser and what belongs to it, which are installed if they are not there and may be.
    pub(crate) fn provide(repository: &Repository) -> Result<Self> {
        provide(repository)
    }
}

pub(super) fn provide(repository: &Repository) -> Result<Browser> {
    let mut browser = Browser::default();
    let programs =
        [("AWO_TEST_CHROMIUM", "chromium", "chromium"), ("AWO_TEST_CHROMEDRIVER", "chromedriver", "chromium-driver")];
    for (variable, program, package) in programs {
        match provision::missing_program(program, "--version", package)? {
            None => browser.variables.push((variable, PathBuf::from(program))),
            Some(reason) => browser.skipped = Some(reason),
        }
    }
    match npm::provide(repository, LOCK, "page/axe", axe_in, |_| Ok(())) {
        Ok(axe) => browser.variables.push(("AWO_TEST_AXE", axe)),
        Err(error) => {
            let reason = format!("{error:#}");
            provision::refuse_in_ci(&reason, "install npm, and let it reach its registry")?;
            browser.skipped = Some(reason);
        }
    }
    Ok(browser)
}

fn axe_in(modules: &Path) -> Result<PathBuf> {
    let path = modules.join("axe-core/axe.min.js");
    path.is_file().then_some(path).with_context(|| format!("there is no axe-core in {}", modules.display()))
}
