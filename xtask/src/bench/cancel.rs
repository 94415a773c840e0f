//! How soon an agent hears that its order is cancelled, and how soon one is gone that does not listen.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::Bench;
use super::row::{Family, Goal, Row, Sample, Unit};
use crate::process;
use crate::remote::Remote;
use crate::server::{Server, call};

pub(super) const FAMILY: Family = Family {
    name: "cancel",
    title: "Cancelling",
    how: "Orders of a server, one after the other, whose agent is a shell that writes into a pipe when it hears SIGINT: from\n\
          the request to cancel until that can be read, a hundred times in a repeat. Then one whose agent heeds neither SIGINT\n\
          nor SIGTERM: until it is gone, with the two times of five seconds that it is given to end by itself.",
    rows: &[
        row("cancel-p50", "until the agent hears it, p50", Goal::Watched),
        row("cancel-p99", "until the agent hears it, p99", Goal::Below(0.1)),
        row("cancel-gone", "until an agent is gone that heeds nothing", Goal::Below(12.0)),
    ],
    missing: || Ok(None),
    measure,
};

const fn row(id: &'static str, what: &'static str, goal: Goal) -> Row {
    Row { id, what, unit: Unit::Seconds, bound: None, goal }
}

/// Longest wait for an agent.
const PATIENCE: Duration = Duration::from_mins(1);

fn measure(bench: &Bench) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for n in 0..bench.pick(3, 1) {
        let place = bench.disk.path().join(format!("cancel-{n}"));
        fs::create_dir(&place)?;
        let cancelled = Cancelled::new(bench, &place)?;
        let mut took = Vec::new();
        for _ in 0..bench.pick(100, 10) {
            took.push(cancelled.heard()?.as_secs_f64());
        }
        took.sort_by(f64::total_cmp);
        let gone = cancelled.gone()?.as_secs_f64();
        cancelled.end()?;
        let at = |percent: usize| took[(took.len() * percent).div_ceil(100) - 1];
        for (row, measured) in [("cancel-p50", at(50)), ("cancel-p99", at(99)), ("cancel-gone", gone)] {
            samples.push(Sample { row: row.to_owned(), measured, bound: None });
        }
    }
    Ok(samples)
}

/// A server whose agents say over pipes when they are there, and when they hear something.
struct Cancelled {
    server: Server,
    address: String,
    remote: Remote,
    ready: PathBuf,
    heard: PathBuf,
    /// While it is there, agents heed nothing.
    deaf: PathBuf,
}

impl Cancelled {
    fn new(bench: &Bench, place: &Path) -> Result<Self> {
        let [ready, heard, deaf, agent] = ["ready", "heard", "deaf", "agent"].map(|name| place.join(name));
        process::run(Command::new("mkfifo").args([&ready, &heard]))?;
        let script = format!(
            "#!/bin/sh\nif [ \"$1\" = --version ]; then exec echo 1; fi\n\
             if [ -e {deaf} ]; then trap '' INT TERM; else trap 'echo > {heard}; exit 130' INT; fi\n\
             echo $$ > {ready}\nwhile :; do sleep 600 & wait; done\n",
            deaf = deaf.display(),
            heard = heard.display(),
            ready = ready.display()
        );
        fs::write(&agent, script)?;
        fs::set_permissions(&agent, fs::Permissions::from_mode(0o755))?;
        let remote = Remote::new(place)?;
        let mut command = Command::new(&bench.program);
        command
            .args(["serve", "--bind", "127.0.0.1:0", "--skip-permissions"])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", place)
            .env("AWO_DATA_DIR", place.join("data"))
            .env("AWO_CLAUDE_PATH", &agent)
            .env("AWO_ISOLATION", "none")
            .stdin(Stdio::null());
        let server = Server::start(command, File::create(place.join("server.log"))?)?;
        let address = server.listening().context("the server did not start")?;
        Ok(Self { server, address, remote, ready, heard, deaf })
    }

    /// Cancels an order; how long it took until its agent heard it.
    fn heard(&self) -> Result<Duration> {
        let (order, _) = self.running()?;
        let heard = listen(&self.heard);
        let begun = Instant::now();
        self.cancel(&order)?;
        let (at, _) = heard.recv_timeout(PATIENCE).context("the agent heard nothing")??;
        Ok(at - begun)
    }

    /// Cancels an order whose agent heeds nothing; how long it took until it was gone.
    fn gone(&self) -> Result<Duration> {
        fs::write(&self.deaf, "")?;
        let (order, agent) = self.running()?;
        let process = PathBuf::from("/proc").join(agent);
        let begun = Instant::now();
        self.cancel(&order)?;
        while process.exists() {
            ensure!(begun.elapsed() < PATIENCE, "the agent is not gone");
            thread::sleep(Duration::from_millis(5));
        }
        Ok(begun.elapsed())
    }

    /// An order whose agent is at work, and the process of that.
    fn running(&self) -> Result<(String, String)> {
        let ready = listen(&self.ready);
        let body = json!({"repository_url": self.remote.path(), "user_request": "Wait"}).to_string();
        let headers = "content-type: application/json\r\n";
        let (status, created) = call(&self.address, "POST /agent-work-orders", headers, &body)?;
        ensure!(status == 201, "creating was answered with {status}: {created}");
        let (_, agent) = ready.recv_timeout(PATIENCE).context("the agent was not started")??;
        Ok((created["agent_work_order_id"].as_str().context("an order has an id")?.to_owned(), agent))
    }

    fn cancel(&self, order: &str) -> Result<()> {
        let request = format!("POST /agent-work-orders/{order}/cancel");
        let (status, answer) = call(&self.address, &request, "content-type: application/json\r\n", "")?;
        ensure!(status == 202, "cancelling was answered with {status}: {answer}");
        Ok(())
    }

    fn end(self) -> Result<()> {
        let status = self.server.terminate()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

/// Waits for a word over a pipe; when it came, and what it is.
fn listen(pipe: &Path) -> mpsc::Receiver<std::io::Result<(Instant, String)>> {
    let (tell, told) = mpsc::channel();
    let pipe = pipe.to_owned();
    thread::spawn(move || {
        let heard = File::open(pipe).and_then(|mut pipe| {
            let mut word = String::new();
            pipe.read_to_string(&mut word)?;
            Ok((Instant::now(), word.trim().to_owned()))
        });
        // Nobody may wait any more.
        let _ = tell.send(heard);
    });
    told
}
