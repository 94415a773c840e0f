//! A PostgreSQL server for a run of the tests, or, with the argument `durable`, for who looks at what it keeps. Prints where
//! it is, and ends it when standard input ends, however whoever started this came to its end.
//!
//! Meanwhile it does what lines of the input say, and answers `done`: `restart` ends the server as a crash does and starts
//! it, `stop` lets it stand still and `go` lets it go on.

use std::io::Write as _;
use std::process::ExitCode;

use awo_testkit::postgres::{Cluster, ClusterError};
use rustix::process::Signal;

fn main() -> ExitCode {
    let durable = std::env::args().nth(1).as_deref() == Some("durable");
    match Cluster::start(durable).and_then(|cluster| serve(&cluster)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("there is no PostgreSQL for tests: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(cluster: &Cluster) -> Result<(), ClusterError> {
    say(&cluster.url())?;
    for line in std::io::stdin().lines() {
        match line?.as_str() {
            "restart" => {
                cluster.crash()?;
                cluster.start_again()?;
            }
            "stop" => cluster.signal(Signal::STOP)?,
            "go" => cluster.signal(Signal::CONT)?,
            other => return Err(std::io::Error::other(format!("{other:?} is nothing that it can do")).into()),
        }
        say("done")?;
    }
    Ok(())
}

fn say(line: &str) -> Result<(), ClusterError> {
    let mut output = std::io::stdout();
    Ok(writeln!(output, "{line}").and_then(|()| output.flush())?)
}
