//! `clients`: many clients of a server at once, and the least server that could answer them.
//!
//! `cargo xtask bench` and `cargo xtask streams --soak` run it. What was measured is printed as one line of JSON.

mod crowd;
mod fan;
mod load;
mod plain;
mod wire;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str = "usage: clients plain FILE TAG | fan CLIENTS EVENTS | load HOST:PORT METHOD PATH CONNECTIONS SECONDS [TAG | BODY] | \
                     crowd HOST:PORT PATH READERS STUCK";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Into::into);
    let done: Outcome = done.and_then(|runtime| runtime.block_on(run(&arguments)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "clients: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[&str]) -> Outcome {
    match *arguments {
        ["plain", file, tag] => plain::serve(std::fs::read(file)?, tag).await,
        ["fan", clients, events] => fan::serve(clients.parse()?, events.parse()?).await,
        ["load", address, method, path, connections, seconds, ref more @ ..] => {
            let more = more.first().copied().unwrap_or_default();
            let request = match method {
                "GET" => wire::get(address, path, more),
                "POST" => wire::post(address, path, more),
                _ => return Err(USAGE.into()),
            };
            tell(&load::run(address, &request, connections.parse()?, Duration::from_secs(seconds.parse()?)).await?)
        }
        ["crowd", address, path, readers, stuck] => {
            tell(&crowd::run(address, path, readers.parse()?, stuck.parse()?).await?)
        }
        _ => Err(USAGE.into()),
    }
}

/// Prints a line.
fn tell(line: &Value) -> Outcome {
    let mut output = std::io::stdout();
    writeln!(output, "{line}")?;
    Ok(output.flush()?)
}

/// The duration, in seconds, that so many hundredths of all are not above.
fn percentile(sorted: &[Duration], hundredths: usize) -> f64 {
    let rank = (sorted.len() * hundredths).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or_default().as_secs_f64()
}
