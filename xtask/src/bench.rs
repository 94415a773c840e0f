//! `bench`: what the program costs, each beside the least that it could cost, measured in the same run.
//!
//! A *row* is one thing that is measured; what is measured together is a *family*, a file of its own: it says what its
//! rows are called and what is expected of them, and how it is measured. To add one, write the file and name it in
//! [`FAMILIES`]. The figures are written to `docs/benchmarks.md`, for people, and `docs/benchmarks.json`, for the next
//! run, which says what moved.

mod cancel;
mod client;
mod compare;
mod curves;
mod database;
mod engine;
mod figure;
mod flatness;
mod fleet;
mod floods;
mod http;
mod machine;
mod many;
mod memory;
mod opening;
mod orders;
mod page;
mod postgres;
mod record;
mod row;
mod saves;
mod size;
mod start;
mod store;
mod stored;
mod streams;
mod writers;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::crowd::Crowd;
use crate::repository::Repository;
use figure::Figure;
use machine::Machine;
use page::Moved;
use record::Record;
use row::Family;
use store::Filled;

const PAGE: &str = "docs/benchmarks.md";
const FIGURES: &str = "docs/benchmarks.json";

/// The profile of what is shipped.
const SHIPPED: &str = "dist";

/// Everything that is measured, in the order of the page.
const FAMILIES: &[&Family] = &[
    &saves::FAMILY,
    &flatness::FAMILY,
    &writers::FAMILY,
    &memory::FAMILY,
    &curves::FAMILY,
    &engine::FAMILY,
    &many::FAMILY,
    &opening::FAMILY,
    &start::FAMILY,
    &size::FAMILY,
    &cancel::FAMILY,
    &floods::FAMILY,
    &orders::FAMILY,
    &http::FAMILY,
    &streams::FAMILY,
    &postgres::FAMILY,
    &stored::FAMILY,
    &fleet::FAMILY,
];

/// Options of `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Measure less, for a first impression. Nothing is written.
    #[arg(long)]
    quick: bool,
    /// Measure these families only. Nothing is written without `--write`.
    #[arg(long, value_name = "FAMILY", value_parser = names())]
    only: Vec<String>,
    /// Write the families that are measured, and leave the others as they were written.
    #[arg(long, requires = "only", conflicts_with = "quick")]
    write: bool,
}

fn names() -> clap::builder::PossibleValuesParser {
    FAMILIES.iter().map(|family| family.name).collect::<Vec<_>>().into()
}

/// What families measure with.
#[derive(Debug)]
struct Bench {
    /// The server.
    program: PathBuf,
    /// The program `measure` of the test kit.
    measure: PathBuf,
    /// The program `clients` of it.
    clients: PathBuf,
    /// The program `cluster` of it.
    cluster: PathBuf,
    /// What plays the agent.
    agent: PathBuf,
    /// A directory on the disk that the repository is built on.
    disk: tempfile::TempDir,
    /// A directory in memory, where a sync costs nothing.
    memory: tempfile::TempDir,
    quick: bool,
    filled: std::cell::OnceCell<Filled>,
}

/// Measures everything and tells.
pub(crate) fn run(repository: &Repository, arguments: &Arguments) -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("`bench` reads what a process needs from /proc, and measures in /dev/shm, which only Linux has");
    }
    let bench = Bench::new(repository, arguments.quick)?;
    let machine = Machine::look(repository, bench.disk.path())?;
    let before = before(repository)?;
    let (mut records, mut moved) = (Vec::new(), Vec::new());
    for family in FAMILIES {
        if !arguments.only.is_empty() && arguments.only.iter().all(|name| name != family.name) {
            records.push(Record::before(family, before.as_ref()));
            continue;
        }
        let record = measured(&bench, &machine, family)?;
        let lines = before.as_ref().map(|before| compare::moved(before, record.figures())).unwrap_or_default();
        eprint!("\n{}", page::terminal(record.figures(), &lines));
        moved.extend(lines);
        records.push(record);
    }
    if arguments.quick || (!arguments.only.is_empty() && !arguments.write) {
        eprintln!("nothing is written: only a whole run is, or families with `--write`");
        return Ok(());
    }
    let write = |path: &str, text: String| {
        std::fs::write(repository.root().join(path), text).with_context(|| format!("cannot write {path}"))
    };
    let moved = Moved { date: &machine.date, commit: &machine.commit, lines: &moved };
    write(PAGE, page::page(&records, before.is_some().then_some(&moved)))?;
    write(FIGURES, serde_json::to_string_pretty(&record::json(&machine, &records))? + "\n")?;
    eprintln!("{PAGE} and {FIGURES} are written");
    Ok(())
}

/// Measures a family, if it can be measured here.
fn measured(bench: &Bench, machine: &Machine, family: &'static Family) -> Result<Record> {
    if let Some(reason) = (family.missing)()? {
        eprintln!("skipped: {}: {reason}", family.title);
        return Ok(Record::skipped(family, reason));
    }
    eprintln!("measuring: {}", family.title);
    let samples = (family.measure)(bench).with_context(|| format!("cannot measure `{}`", family.name))?;
    Ok(Record::measured(family, machine, Figure::of_family(family, &samples)?))
}

/// The figures of the last run that was written.
fn before(repository: &Repository) -> Result<Option<Value>> {
    match std::fs::read(repository.root().join(FIGURES)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        read => {
            let read = read.with_context(|| format!("cannot read {FIGURES}"))?;
            Ok(Some(serde_json::from_slice(&read).with_context(|| format!("{FIGURES} is no JSON"))?))
        }
    }
}

impl Bench {
    fn new(repository: &Repository, quick: bool) -> Result<Self> {
        let program = repository.program_of("awo", "awo", None, SHIPPED)?;
        let measure = repository.program_of("awo-testkit", "measure", Some("measure"), SHIPPED)?;
        let cluster = repository.program("awo-testkit", "cluster", Some("measure"), true)?;
        let (clients, agent) = (Crowd::clients(repository)?, Crowd::agent(repository));
        let place = |dir: &std::path::Path| {
            let place = tempfile::Builder::new().prefix("awo-bench-").tempdir_in(dir);
            place.with_context(|| format!("cannot make a directory in {}", dir.display()))
        };
        let disk = place(program.parent().context("a program is in a directory")?)?;
        let memory = place(std::path::Path::new("/dev/shm"))?;
        Ok(Self { program, measure, clients, cluster, agent, disk, memory, quick, filled: std::cell::OnceCell::new() })
    }

    /// How often or how much: the whole, or for a first impression.
    fn pick(&self, whole: usize, quick: usize) -> usize {
        if self.quick { quick } else { whole }
    }
}
