//! Owns the programs that the clients of the documentation need: they are run as they stand there.

use std::path::PathBuf;

use anyhow::Result;

use crate::repository::Repository;
use crate::{provision, python};

/// The package whose tests run them.
pub(super) const PACKAGE: &str = "awo";

/// Programs for tests, and what is missing.
#[derive(Debug, Default)]
pub(super) struct Clients {
    /// The variables by which tests find them.
    pub(super) variables: Vec<(&'static str, PathBuf)>,
    /// Why some are missing.
    pub(super) skipped: Vec<String>,
}

/// The programs, which are installed if they are not there and may be.
pub(super) fn provide(repository: &Repository) -> Result<Clients> {
    let mut clients = Clients::default();
    for tool in ["curl", "jq"] {
        clients.skipped.extend(provision::missing_program(tool, "--version", tool)?);
    }
    match python::provide(repository, "clients")? {
        Ok(python) => clients.variables.push(("AWO_TEST_PYTHON", python)),
        Err(reason) => clients.skipped.push(reason),
    }
    match provision::missing_program("chromium", "--version", "chromium")? {
        None => clients.variables.push(("AWO_TEST_CHROMIUM", PathBuf::from("chromium"))),
        Some(reason) => clients.skipped.push(reason),
    }
    Ok(clients)
}
