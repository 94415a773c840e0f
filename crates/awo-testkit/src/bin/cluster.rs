//! A PostgreSQL server for a run of the tests, or, with the argument `durable`, for who looks at what it keeps. Prints where
//! it is, and ends it when standard input ends, however whoever started this came to its end. `listen=ADDRESS,…` lets it
//! listen there too, and `disk=MEGABYTES` gives it a disk of its own.
//!
//! Meanwhile it does what lines of the input say, and answers `done`: `restart` ends the server as a crash does and starts
//! it, `stop` lets it stand still and `go` lets it go on, `fill` takes all room on its disk and `free` gives it back. `log`
//! is answered with the file of its log.

use std::io::Write as _;
use std::process::ExitCode;

use awo_testkit::postgres::{Cluster, ClusterError, ClusterOptions};
use rustix::process::Signal;

fn main() -> ExitCode {
    match options().and_then(|options| Cluster::with(&options)).and_then(|cluster| serve(&cluster)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("there is no PostgreSQL for tests: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<ClusterOptions, ClusterError> {
    let mut options = ClusterOptions::default();
    for argument in std::env::args().skip(1) {
        match argument.split_once('=').unwrap_or((&argument, "")) {
            ("durable", _) => options.durable = true,
            ("listen", addresses) => options.addresses = addresses.split(',').map(str::to_owned).collect(),
            ("disk", size) => options.disk = size.parse().ok(),
            _ => return Err(std::io::Error::other(format!("{argument:?} is no option")).into()),
        }
    }
    Ok(options)
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
            "fill" => cluster.fill()?,
            "free" => cluster.free()?,
            "log" => {
                say(&cluster.log().display().to_string())?;
                continue;
            }
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
