//! `awo-keeper`: a keeper and nothing else, for libraries in programs whose `main` is not theirs: see `Keeper::at`.

use std::process::ExitCode;

fn main() -> ExitCode {
    awo_adapters::Keeper::run_if_asked();
    // Whoever is still here was started by hand.
    ExitCode::from(2)
}
