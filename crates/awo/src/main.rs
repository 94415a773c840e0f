//! `awo`: the program. Wiring only: settings, commands, and the one place where backends are named.

mod cli;
mod client;
mod commands;
mod exit;
mod figures;
mod forge;
mod ids;
mod keyring;
mod listening;
mod orders;
mod render;
mod settings;
mod signals;
mod telemetry;
mod terminal;
mod timing;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // Before all else: agents are started through this very program.
    let keeper = awo_adapters::Keeper::run_if_asked();
    let arguments = cli::Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit::report(&anyhow::Error::new(error).context("cannot start the async runtime")),
    };
    let code = match runtime.block_on(commands::run(arguments, keeper)) {
        Ok(code) => code,
        Err(error) => exit::report(&error),
    };
    // A blocking read of the terminal must not hold the program.
    runtime.shutdown_background();
    code
}
