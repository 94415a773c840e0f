//! `docs`: the documentation of the crates builds without a warning, and the links of the pages lead somewhere.

use anyhow::Result;

use crate::process;
use crate::repository::Repository;
use crate::tidy;

/// Builds the documentation and checks the links.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    // Private items are documented too: these pages are read by those who change the code, and their links rot as well.
    process::run(repository.cargo().env("RUSTDOCFLAGS", "-D warnings").args([
        "doc",
        "--workspace",
        "--no-deps",
        "--all-features",
        "--document-private-items",
    ]))?;
    tidy::report("links", &tidy::broken_links(repository)?)
}
