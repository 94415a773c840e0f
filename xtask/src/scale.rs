//! `scale`: what fleets of any size would need, computed from what was measured of small ones, without a database.
//!
//! Counts of one order and of one process, and the costs of single statements, give what a fleet asks of its database a
//! second; a simulated day gives how long orders wait. The tables are put into `docs/scaling.md`. A test holds the page against
//! what is computed.

mod costs;
mod day;
mod page;
mod traffic;

use std::fs;

use anyhow::{Context as _, Result};

use crate::repository::Repository;
use costs::Costs;

const PAGE: &str = "docs/scaling.md";
const BENCHMARKS: &str = "docs/benchmarks.json";

/// Computes the tables and puts them into the page.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    let file = repository.root().join(PAGE);
    let (before, now) = both(repository)?;
    if before == now {
        eprintln!("{PAGE} is current");
        return Ok(());
    }
    fs::write(&file, now).with_context(|| format!("cannot write {PAGE}"))?;
    eprintln!("{PAGE} written");
    Ok(())
}

/// The page as it is, and as it should be.
fn both(repository: &Repository) -> Result<(String, String)> {
    let before = fs::read_to_string(repository.root().join(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
    let costs = Costs::read(&repository.root().join(BENCHMARKS))?;
    let now = page::renewed(&before, &costs)?;
    Ok((before, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_what_is_computed() {
        let (before, now) = both(&Repository::find().unwrap()).unwrap();
        assert!(before == now, "run `cargo xtask scale` and look at what it changed in {PAGE}");
    }
}
