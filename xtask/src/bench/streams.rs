//! What many clients of one order wait for its events, and what they cost.

use std::fs::File;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Bench;
use super::row::{Family, Goal, Row, Sample, Unit};
use crate::crowd::{AS_IT_IS, Crowd, READERS, STUCK};
use crate::process;
use crate::server::Server;

pub(super) const FAMILY: Family = Family {
    name: "streams",
    title: "1,000 clients of one order, and 500 that take nothing",
    how: "An order whose agent talks for six seconds in each step, followed by 1,000 clients over server-sent events in one other\n\
          process on the same machine. A delay is from when an event happened, which is before it is saved, until a client has\n\
          read it; all events of all clients count. The least server that could do it writes events of as many bytes to as many\n\
          sockets, one each 0.1 s, and saves nothing: on two processors that are the clients' too, a thousand writes and a\n\
          thousand reads are what nearly all of the delay is. Then the same beside 500 clients that have room for 4 KiB and read nothing.\n\
          The memory of a stream is that of the server, at the most, less what it had before the clients came. The server also\n\
          has a hundred orders that are held.",
    rows: &[
        row("stream-p50", "an event, 1,000 clients, p50", BARE, Goal::Below(0.1)),
        row("stream-p99", "an event, 1,000 clients, p99", BARE, Goal::Below(0.5)),
        row(
            "stream-stuck-p50",
            "the same beside 500 that take nothing, p50",
            Some("without them"),
            Goal::TimesAtMost(2.0),
        ),
        row(
            "stream-stuck-p99",
            "the same beside 500 that take nothing, p99",
            Some("without them"),
            Goal::TimesAtMost(2.0),
        ),
        Row {
            id: "stream-server-memory",
            what: "memory of the server with 1,000 clients and 100 orders",
            unit: Unit::Bytes,
            bound: None,
            goal: Goal::Below(100e6),
        },
        Row {
            id: "stream-memory",
            what: "memory of a stream",
            unit: Unit::Bytes,
            bound: None,
            goal: Goal::Below(100e3),
        },
        Row {
            id: "stream-stuck-memory",
            what: "memory of a stream that takes nothing",
            unit: Unit::Bytes,
            bound: None,
            goal: Goal::Below(100e3),
        },
    ],
    missing: || Ok(None),
    measure,
};

const BARE: Option<&str> = Some("the least server");

const fn row(id: &'static str, what: &'static str, bound: Option<&'static str>, goal: Goal) -> Row {
    Row { id, what, unit: Unit::Seconds, bound, goal }
}

/// Orders that are there beside the one that is followed.
const ORDERS: usize = 100;

#[expect(clippy::cast_precision_loss, reason = "numbers of clients")]
fn measure(bench: &Bench) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    let mut tell = |row: &str, measured, bound| samples.push(Sample { row: row.to_owned(), measured, bound });
    for n in 0..bench.pick(3, 1) {
        // A server of its own each time, as one that had a crowd keeps some of the memory for the next.
        let watch = |name: &str, stuck| {
            let place = bench.disk.path().join(format!("{name}-{n}"));
            let crowd = Crowd::new(&bench.program, bench.clients.clone(), &bench.agent, &place, AS_IT_IS)?;
            crowd.hold(ORDERS)?;
            let seen = crowd.watch(READERS, stuck)?;
            crowd.end()?;
            Ok::<_, anyhow::Error>(seen)
        };
        let (free, beside) = (watch("free", 0)?, watch("beside", STUCK)?);
        ensure!(free.cut == 0, "{} clients were cut that there were not", free.cut);
        let least = least(bench)?;
        tell("stream-p50", free.p50, Some(least.0));
        tell("stream-p99", free.p99, Some(least.1));
        tell("stream-stuck-p50", beside.p50, Some(free.p50));
        tell("stream-stuck-p99", beside.p99, Some(free.p99));
        tell("stream-server-memory", free.most, None);
        let (readers, all) = (free.most - free.before, beside.most - beside.before);
        tell("stream-memory", readers / READERS as f64, None);
        tell("stream-stuck-memory", (all - readers).max(0.0) / STUCK as f64, None);
    }
    Ok(samples)
}

/// Events that the least server sends.
const EVENTS: &str = "50";

/// The delays of a server that only hands on: p50 and p99, in seconds.
fn least(bench: &Bench) -> Result<(f64, f64)> {
    let readers = READERS.to_string();
    let mut fan = Command::new(&bench.clients);
    fan.args(["fan", &readers, EVENTS]).stdin(Stdio::null());
    let server = Server::start(fan, File::create(bench.disk.path().join("fan.log"))?)?;
    let address = server.listening().context("the least server did not start")?;
    let mut crowd = Command::new(&bench.clients);
    let told = process::output(crowd.args(["crowd", &address, "/", &readers, "0"]))?;
    let told: Value = serde_json::from_str(told.trim_end().lines().next_back().unwrap_or_default())?;
    ensure!(told["ended"] == READERS, "the least server lost clients: {told}");
    let number = |name: &str| told[name].as_f64().with_context(|| format!("no {name} in {told}"));
    Ok((number("p50")?, number("p99")?))
}
