//! The chores of this repository, run as `cargo xtask <command>`.
//!
//! Each command owns one file; `ci` runs them all in the order that a continuous integration does.

mod agents;
mod bench;
mod ci;
mod codegen;
mod contract;
mod counts;
mod crash;
mod crowd;
mod deny;
mod docs;
mod fleet;
mod fuzz;
mod layers;
mod npm;
mod player;
mod postgres;
mod process;
mod provision;
mod python;
mod random;
mod remote;
mod repository;
mod scale;
mod screenshots;
mod server;
mod soak;
mod streams;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::repository::Repository;

/// Chores of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the tests of real agent programs against a server that plays their model.
    Agents(agents::Arguments),
    /// Measure what the program costs, each beside the least that it could cost, and write docs/benchmarks.md.
    Bench(bench::Arguments),
    /// Run every check of the repository; what `.ci/run` runs.
    Ci,
    /// Write the committed files that are generated from code.
    Codegen(codegen::Arguments),
    /// Hold the real server against its own description, by requests that fit it and that do not.
    Contract(contract::Arguments),
    /// Count the instructions of what is done most often, beside what is written down in docs/counts.json.
    Counts(counts::Arguments),
    /// Kill the real server, fail its calls, cut its power, turn its clock: check that nothing it told is lost.
    Crash(crash::Arguments),
    /// Check the licences, bans and sources of all dependencies.
    Deny,
    /// Build the documentation of all crates and check its links.
    Docs,
    /// Kill, stop and cut off workers that share a database, and the database: check that nothing is lost or done twice.
    Fleet(fleet::Arguments),
    /// Feed whatever reads foreign text with inputs that a fuzzer finds. Needs the nightly toolchain and cargo-fuzz.
    Fuzz(fuzz::Arguments),
    /// Check which crate may use which, and that each builds alone.
    Layers,
    /// Compute what larger fleets would need, and write the tables of docs/scaling.md.
    Scale,
    /// Show the main views of the page to a real browser, and keep pictures of them.
    Screenshots(screenshots::Arguments),
    /// Load the real server for as long as is asked for: check that nothing in it grows, and that nothing is left.
    Soak(soak::Arguments),
    /// Cut the streams of the real server at random, and the server itself: check that clients have each event once.
    Streams(streams::Arguments),
    /// Run the tests, the documentation tests and the examples.
    Test(test::Arguments),
    /// Check files, links, wording and snapshots.
    Tidy,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not by returning it: a backtrace through this program says nothing about a failed check.
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let repository = Repository::find()?;
    match arguments.command {
        Command::Agents(arguments) => agents::run(&repository, &arguments),
        Command::Bench(arguments) => bench::run(&repository, &arguments),
        Command::Ci => ci::run(&repository),
        Command::Codegen(arguments) => codegen::run(&repository, &arguments),
        Command::Contract(arguments) => contract::run(&repository, &arguments),
        Command::Counts(arguments) => counts::run(&repository, &arguments),
        Command::Crash(arguments) => crash::run(&repository, &arguments),
        Command::Deny => deny::run(&repository),
        Command::Docs => docs::run(&repository),
        Command::Fleet(arguments) => fleet::run(&repository, &arguments),
        Command::Fuzz(arguments) => fuzz::run(&repository, &arguments),
        Command::Layers => layers::run(&repository),
        Command::Scale => scale::run(&repository),
        Command::Screenshots(arguments) => screenshots::run(&repository, &arguments),
        Command::Soak(arguments) => soak::run(&repository, &arguments),
        Command::Streams(arguments) => streams::run(&repository, &arguments),
        Command::Test(arguments) => test::run(&repository, &arguments),
        Command::Tidy => tidy::run(&repository),
    }
}
