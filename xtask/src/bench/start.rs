//! What a start of the server costs, and a server that has many orders.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::Bench;
use super::client::Client;
use super::row::{Family, Goal, Row, Sample, Unit};
use super::store::ORDERS;
use crate::server::{Server, resident};

pub(super) const FAMILY: Family = Family {
    name: "start",
    title: "`awo serve` with nothing, and with 10,000 orders",
    how: "From the start of the process until it says where it listens: with a data directory that is not there yet, and with\n\
          the one of the family above. Then the first page of all orders (200 of them) is asked for on one connection, 200\n\
          times, and the memory of the process is read. The bound of the memory is what the journals hold.",
    rows: &[
        Row { id: "ready-empty", what: "ready, no orders", unit: Unit::Seconds, bound: None, goal: Goal::Below(0.05) },
        Row { id: "memory-empty", what: "memory, no orders", unit: Unit::Bytes, bound: None, goal: Goal::Below(20e6) },
        Row {
            id: "ready-10000",
            what: "ready, 10,000 orders",
            unit: Unit::Seconds,
            bound: Some("reading the bytes"),
            goal: Goal::Below(2.0),
        },
        Row {
            id: "page-p50",
            what: "a page of the list, 10,000 orders, p50",
            unit: Unit::Seconds,
            bound: None,
            goal: Goal::Below(0.005),
        },
        Row {
            id: "page-p99",
            what: "a page of the list, 10,000 orders, p99",
            unit: Unit::Seconds,
            bound: None,
            goal: Goal::Watched,
        },
        Row {
            id: "memory-10000",
            what: "memory, 10,000 orders",
            unit: Unit::Bytes,
            bound: Some("the journals"),
            goal: Goal::TimesAtMost(0.2),
        },
    ],
    missing: || Ok(None),
    measure,
};

/// Pages that are asked for in a repeat.
const PAGES: usize = 200;

fn measure(bench: &Bench) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    let mut tell = |row: &str, measured, bound| samples.push(Sample { row: row.to_owned(), measured, bound });
    // Once without counting: a program that was just built is read from the disk.
    end(&start(bench, &bench.disk.path().join("first"))?.server)?;
    for n in 0..bench.pick(11, 3) {
        let started = start(bench, &bench.disk.path().join(format!("empty-{n}")))?;
        tell("ready-empty", started.ready, None);
        tell("memory-empty", resident(&started.server)?, None);
        end(&started.server)?;
    }
    let filled = &bench.filled()?.dir;
    for _ in 0..bench.pick(7, 2) {
        let (took, bytes) = read(&filled.join("orders"))?;
        let started = start(bench, filled)?;
        tell("ready-10000", started.ready, Some(took));
        let mut client = Client::connect(&started.address)?;
        let mut pages = Vec::new();
        for _ in 0..PAGES {
            let begun = Instant::now();
            let page = client.get("/agent-work-orders")?;
            pages.push(begun.elapsed());
            ensure!(!page.is_empty(), "the list of {ORDERS} orders is empty");
        }
        pages.sort_unstable();
        tell("page-p50", pages[PAGES / 2].as_secs_f64(), None);
        tell("page-p99", pages[PAGES * 99 / 100].as_secs_f64(), None);
        tell("memory-10000", resident(&started.server)?, Some(bytes));
        end(&started.server)?;
    }
    Ok(samples)
}

/// A server that listens.
struct Started {
    server: Server,
    address: String,
    /// Seconds until it did.
    ready: f64,
}

fn start(bench: &Bench, data: &Path) -> Result<Started> {
    let mut command = Command::new(&bench.program);
    command
        .args(["serve", "--bind", "127.0.0.1:0"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", bench.disk.path())
        .env("AWO_DATA_DIR", data)
        .env("AWO_ISOLATION", "none")
        .stdin(Stdio::null());
    let log = bench.disk.path().join("server.log");
    let server = Server::start(command, File::options().append(true).create(true).open(&log)?)?;
    let address = server.listening().with_context(|| format!("the server did not start; see {}", log.display()))?;
    let ready = server.started().elapsed().as_secs_f64();
    Ok(Started { server, address, ready })
}

fn end(server: &Server) -> Result<()> {
    let status = server.terminate()?;
    ensure!(status.success(), "the server ended with {status}");
    Ok(())
}

/// Reads all files in the directories of a directory; the seconds that takes, and the bytes.
fn read(dir: &Path) -> Result<(f64, f64)> {
    let (begun, mut bytes) = (Instant::now(), 0);
    let mut buffer = vec![0; 64 * 1024];
    for shard in fs::read_dir(dir)? {
        for file in fs::read_dir(shard?.path())? {
            let mut file = File::open(file?.path())?;
            loop {
                match file.read(&mut buffer)? {
                    0 => break,
                    read => bytes += u32::try_from(read)?,
                }
            }
        }
    }
    Ok((begun.elapsed().as_secs_f64(), f64::from(bytes)))
}
