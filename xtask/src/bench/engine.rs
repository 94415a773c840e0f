//! What the engine costs a step whose agent takes no time.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::Bench;
use super::client::Client;
use super::row::{Family, Goal, Row, Sample, Unit};
use crate::remote::Remote;
use crate::server::{Server, call};

pub(super) const FAMILY: Family = Family {
    name: "engine",
    title: "What a step costs whose agent takes no time",
    how: "Orders of seven steps, one after the other; a step is a seventh of all that an order needs, from its creation to its\n\
          end. First the agent is a function in the process, and checkouts are fakes in memory: what is measured is the engine\n\
          and its store. In files that is the journal, with at least one sync for each step, the log of the order, and two\n\
          artifacts; the bound is as many bytes as an order has in its journal for a step, appended and synced once. Then a\n\
          program (`echo`) is started for each step as any agent is, with a home made for it and a transcript: as the leader\n\
          of a process group, and as always on Linux, under a keeper, which is a process more\n\
          ([decision 20](decisions/0020-a-keeper-for-each-program.md)). The bound is the same program started and read\n\
          without all that; a keeper is a second program, so what one takes that starts nothing is told, too.\n\
          That is what a step under a keeper takes more than one without.\n\
          Last, a server with a checkout of git, and a shell script as the agent: git is run some 140 times in an order,\n\
          each time under a keeper, which is nearly all of it.\n\n\
          The original needs 6.1 ms a step, measured with an agent in the process: that is to be compared with the first\n\
          two rows. It looks at no evidence and keeps no state after a step, so it has no git to be compared with in the last one.",
    rows: &[
        row("engine-memory", "a step, engine alone, in memory", None, Goal::Below(0.001)),
        row("engine-files", "a step, engine alone, in files", Some("one append and sync"), Goal::Below(0.0015)),
        row("engine-group", "a step with a program, no keeper, in memory", BARE, Goal::Beyond(0.001)),
        row("engine-keeper", "a keeper that finds nothing to start", BARE, Goal::Watched),
        row("engine-program", "a step with a program, in memory", BARE, Goal::Beyond(0.001)),
        row("engine-program-files", "a step with a program, in files", BARE, Goal::Beyond(0.0015)),
        row("engine-git", "a step with a program and git, in files", None, Goal::Watched),
    ],
    missing: || Ok(None),
    measure,
};

const BARE: Option<&str> = Some("the program by itself");

const fn row(id: &'static str, what: &'static str, bound: Option<&'static str>, goal: Goal) -> Row {
    Row { id, what, unit: Unit::Seconds, bound, goal }
}

/// Steps of an order.
const STEPS: f64 = 7.0;

/// How often is looked whether an order has ended.
const LOOK: Duration = Duration::from_millis(10);

fn measure(bench: &Bench) -> Result<Vec<Sample>> {
    let mut samples = bench.measure("engine", bench.disk.path(), bench.pick(7, 2), bench.pick(40, 10))?;
    samples.extend(with_git(bench)?);
    Ok(samples)
}

/// Orders of a server, one after the other.
fn with_git(bench: &Bench) -> Result<Vec<Sample>> {
    let place = bench.disk.path().join("engine-git");
    fs::create_dir(&place)?;
    let remote = Remote::new(&place)?;
    let mut command = Command::new(&bench.program);
    command
        .args(["serve", "--bind", "127.0.0.1:0", "--skip-permissions"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", &place)
        .env("AWO_DATA_DIR", place.join("data"))
        .env("AWO_CLAUDE_PATH", &bench.agent)
        .env("AWO_ISOLATION", "none")
        .stdin(Stdio::null());
    let server = Server::start(command, File::create(place.join("server.log"))?)?;
    let address = server.listening().context("the server did not start")?;
    let mut client = Client::connect(&address)?;
    let mut samples = Vec::new();
    // The first one makes the mirror of the repository.
    for n in 0..=bench.pick(7, 2) {
        let begun = Instant::now();
        let body = json!({"repository_url": remote.path(), "user_request": "Say hello in more languages"}).to_string();
        let headers = "content-type: application/json\r\n";
        let (status, created) = call(&address, "POST /agent-work-orders", headers, &body)?;
        ensure!(status == 201, "creating was answered with {status}: {created}");
        let path = format!("/agent-work-orders/{}", created["agent_work_order_id"].as_str().context("an id")?);
        loop {
            let order: Value = serde_json::from_slice(&client.get(&path)?)?;
            match order["status"].as_str() {
                Some("completed") => break,
                Some("pending" | "running") => thread::sleep(LOOK),
                _ => anyhow::bail!("the order ended otherwise: {order}"),
            }
        }
        if n > 0 {
            let measured = begun.elapsed().as_secs_f64() / STEPS;
            samples.push(Sample { row: "engine-git".to_owned(), measured, bound: None });
        }
    }
    drop(client);
    let status = server.terminate()?;
    ensure!(status.success(), "the server ended with {status}");
    Ok(samples)
}
