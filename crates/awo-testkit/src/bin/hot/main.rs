//! `hot`: does one thing many times, and nothing else. `cargo xtask counts` counts the instructions of it.
//!
//! What is done is the same in every run, as far as that can be: nothing is printed, nothing depends on the time, and one
//! thread does it, but for what the store hands to others.

mod agents;
mod requests;
mod saves;
mod words;

use std::io::Write as _;
use std::process::ExitCode;

use tokio::runtime::Builder;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What can be done, and how often it is worth doing.
const THINGS: &[(&str, usize)] = &[
    ("save_memory", 400),
    ("save_files", 100),
    ("open_files", 10),
    ("order_memory", 10),
    ("claude_lines", 20),
    ("redact", 100),
    ("address", 1_000),
    ("get_steps", 40),
    ("get_steps_not_modified", 100),
    ("get_events", 40),
    ("list_orders", 20),
];

const USAGE: &str = "usage: hot list | hot THING TIMES";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "hot: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Outcome {
    let [thing, times] = arguments else {
        return if *arguments == ["list"] { list() } else { Err(USAGE.into()) };
    };
    let times: usize = times.parse()?;
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        match *thing {
            "save_memory" => saves::memory(times).await,
            "save_files" => saves::files(times).await,
            "open_files" => saves::open(times).await,
            "order_memory" => saves::order(times).await,
            "claude_lines" => agents::claude(times),
            "redact" => {
                words::redact(times);
                Ok(())
            }
            "address" => {
                words::address(times);
                Ok(())
            }
            "get_steps" => requests::steps(times).await,
            "get_steps_not_modified" => requests::not_modified(times).await,
            "get_events" => requests::events(times).await,
            "list_orders" => requests::list(times).await,
            other => Err(format!("{other:?} is unknown; {USAGE}").into()),
        }
    })
}

/// Prints what there is, a line each: the thing, and how often it is worth doing.
fn list() -> Outcome {
    for (thing, times) in THINGS {
        writeln!(std::io::stdout(), "{thing} {times}")?;
    }
    Ok(())
}
