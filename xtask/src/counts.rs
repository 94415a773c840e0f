//! `counts`: how many instructions what is done most often takes, beside what is written down.
//!
//! Times say little on a machine that others use, too; a count of instructions hardly changes. The program `hot` of the test
//! kit does each thing so often, and twice as often, under valgrind: the difference is the thing itself, without the start.

mod counted;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};

use crate::process;
use crate::provision;
use crate::repository::Repository;
use counted::{Counted, Moved};

const FIGURES: &str = "docs/counts.json";

/// The profile that the program is built with: optimised, and quick to build.
const PROFILE: &str = "counts";

/// Options of `counts`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Arguments {
    /// Write the counts down, as what later ones are held against.
    #[arg(long)]
    write: bool,
    /// Count these things only. Nothing is written.
    #[arg(long, value_name = "THING", conflicts_with = "write")]
    only: Vec<String>,
}

/// Counts everything, and tells what moved. More than is written down, beyond the margin, is an error.
pub(crate) fn run(repository: &Repository, arguments: &Arguments) -> Result<()> {
    if let Some(reason) = provision::missing_program("valgrind", "--version", "valgrind")? {
        eprintln!("counts: skipped, as {reason}");
        return Ok(());
    }
    let hot = repository.program_of("awo-testkit", "hot", Some("hot"), PROFILE)?;
    let mut now = Counted::of_this_machine()?;
    for (thing, times) in things(&hot)? {
        if arguments.only.is_empty() || arguments.only.contains(&thing) {
            let count = count(&hot, &thing, times)?;
            eprintln!("{thing:<24} {count:>12} instructions");
            now.counts.insert(thing, count);
        }
    }
    let path = repository.root().join(FIGURES);
    if arguments.write {
        fs::write(&path, now.to_json()?).with_context(|| format!("cannot write {FIGURES}"))?;
        eprintln!("{FIGURES} is written");
        return Ok(());
    }
    let text = fs::read_to_string(&path);
    let text = text.with_context(|| format!("cannot read {FIGURES}; `cargo xtask counts --write` makes it"))?;
    let then = Counted::from_json(&text).with_context(|| format!("{FIGURES} is not what `counts` writes"))?;
    if let Some(other) = then.is_other_than(&now) {
        eprintln!(
            "nothing is compared: {other}; `cargo xtask counts --write` here makes these counts the ones to compare with"
        );
        return Ok(());
    }
    told(&then.moved(&now, arguments.only.is_empty()))
}

/// Tells what moved; an error if something got dearer, or is not written down.
fn told(moved: &[Moved]) -> Result<()> {
    if moved.is_empty() {
        eprintln!("nothing moved");
        return Ok(());
    }
    let mut worse = String::new();
    for one in moved {
        eprintln!("{one}");
        if one.is_worse() {
            let _ = write!(worse, "{}{}", if worse.is_empty() { "" } else { ", " }, one.thing);
        }
    }
    if !worse.is_empty() {
        bail!("{worse}: if that is meant, write it down by `cargo xtask counts --write`");
    }
    Ok(())
}

/// What the program can do, and how often it is worth doing.
fn things(hot: &Path) -> Result<Vec<(String, u64)>> {
    let list = process::output(Command::new(hot).arg("list"))?;
    list.lines()
        .map(|line| {
            let (thing, times) = line.split_once(' ').with_context(|| format!("`hot list` told {line:?}"))?;
            Ok((thing.to_owned(), times.parse()?))
        })
        .collect()
}

/// Instructions of doing a thing once.
fn count(hot: &Path, thing: &str, times: u64) -> Result<u64> {
    let (once, twice) = thread::scope(|scope| {
        let once = scope.spawn(|| instructions(hot, thing, times));
        let twice = instructions(hot, thing, 2 * times);
        (once.join(), twice)
    });
    let Ok(once) = once else { bail!("counting {thing} panicked") };
    let (once, twice) = (once?, twice?);
    ensure!(twice > once, "{thing}: {times} times are {once} instructions, and twice as often {twice}");
    Ok((twice - once) / times)
}

/// Instructions of a whole run.
fn instructions(hot: &Path, thing: &str, times: u64) -> Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
    let output = valgrind.arg(hot).args([thing, &times.to_string()]).output().context("cannot start valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`hot {thing} {times}` ended with {} under valgrind:\n{said}", output.status);
    counted::total(&said).with_context(|| format!("valgrind told no count of instructions:\n{said}"))
}
