//! `measure`: does what the store is measured by, beside the least that it could cost, and prints a line for each time.
//!
//! `cargo xtask bench` builds and runs it. What its rows are called for people and what is expected of them stands there;
//! here is only what is done between two looks at the clock. A line is `{"row": …, "measured": …, "bound": …}` in seconds,
//! in saves a second, or in bytes; both were measured in turn, so that what else the machine does meets both.

mod bare;
mod curves;
mod engine;
mod fill;
mod flatness;
mod many;
mod memory;
mod opening;
mod options;
mod postgres;
mod saves;
mod writers;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use awo_adapters::Keeper;
use serde_json::json;

use options::{Family, Options};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let keeper = Keeper::run_if_asked();
    let measured = Options::parse(std::env::args().skip(1)).map_err(Into::into).and_then(|options| {
        // As the server has it.
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            match options.family {
                Family::Saves => saves::run(&options).await,
                Family::Flatness => flatness::run(&options).await,
                Family::Writers => writers::run(&options).await,
                Family::Memory => memory::run(&options).await,
                Family::Opening => opening::run(&options),
                Family::Fill => fill::run(&options).await,
                Family::PostgresSaves => postgres::saves(&options).await,
                Family::PostgresWriters => postgres::writers(&options).await,
                Family::PostgresClaims => postgres::claims(&options).await,
                Family::PostgresPatterns => postgres::patterns(&options).await,
                Family::PostgresLine => postgres::line(&options).await,
                Family::PostgresStored => postgres::stored(&options).await,
                Family::Engine => engine::run(&options, keeper.as_ref()).await,
                Family::Many => many::run(&options).await,
                Family::Curves => curves::run(&options).await,
            }
        })
    });
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "measure: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints what was measured once.
fn tell(row: &str, measured: f64, bound: Option<f64>) -> Outcome {
    let mut line = serde_json::to_vec(&json!({"row": row, "measured": measured, "bound": bound}))?;
    line.push(b'\n');
    std::io::stdout().write_all(&line)?;
    Ok(())
}

/// The duration, in seconds, that so many hundredths of all are not above.
fn percentile(durations: &[Duration], hundredths: usize) -> f64 {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * hundredths).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or_default().as_secs_f64()
}
