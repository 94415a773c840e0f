//! `--strays`: agents leave processes in sessions of their own, and the server is killed, alone or with all keepers.

use std::fs;
use std::os::unix::fs::symlink;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::processes;
use super::trial::{Setting, Trial};
use crate::random::Random;
use crate::server::Server;

/// After this time nothing runs any more that a killed server had started.
const GONE_WITHIN: Duration = Duration::from_secs(2);
/// Longest wait for the work to begin, and for what is known to end.
const PATIENCE: Duration = Duration::from_mins(1);
/// The first argument of a keeper.
const KEEPER: &str = " awo-keeper/";

/// What was seen in all trials.
#[derive(Debug, Default)]
struct Sum {
    trials: usize,
    /// Trials in which the agent had left something when the server was killed.
    with_strays: usize,
    processes: usize,
    survivors: usize,
    took: Vec<Duration>,
}

/// Runs the trials, half of each kind.
pub(super) fn run(setting: &Setting, trials: u64, first: u64) -> Result<()> {
    eprintln!("{trials} trials from seed {first}");
    let (mut alone, mut both) = (Sum::default(), Sum::default());
    for seed in (0..trials).map(|n| first.wrapping_add(n)) {
        let mut random = Random(seed);
        let with_keepers = random.below(2) == 1;
        let sum = if with_keepers { &mut both } else { &mut alone };
        let before = sum.survivors;
        trial(setting, &mut random, with_keepers, sum).with_context(|| format!("seed {seed}"))?;
        let verdict = if sum.survivors == before { "ok" } else { "FAILED" };
        let kind = if with_keepers { "server and keepers" } else { "server" };
        eprintln!("seed {seed}: {kind} killed: {verdict}");
    }
    alone.print("server killed: after 2 s");
    both.print("server and keepers killed: after the next start");
    if alone.survivors + both.survivors > 0 {
        bail!("crash: something outlived its server; see above");
    }
    Ok(())
}

impl Sum {
    fn print(&mut self, what: &str) {
        self.took.sort_unstable();
        let middle = self.took.get(self.took.len() / 2).copied().unwrap_or_default().as_millis();
        let longest = self.took.last().copied().unwrap_or_default().as_millis();
        eprintln!(
            "{what}: {} trials, in {} of them an agent had left something, {} processes, {} survivors; p50 {middle} ms, \
             max {longest} ms",
            self.trials, self.with_strays, self.processes, self.survivors
        );
    }
}

/// One server, killed at a random moment.
fn trial(setting: &Setting, random: &mut Random, with_keepers: bool, sum: &mut Sum) -> Result<()> {
    let directory = tempfile::Builder::new().prefix("awo-strays-").tempdir()?;
    let place = directory.path().canonicalize()?;
    // Without their keepers, those are not found that hide their environment: see docs/security.md.
    let name = if with_keepers { "agent" } else { "agent-strangers" };
    let agent = place.join(name);
    symlink(&setting.agent, &agent)?;
    let setting = Setting { program: setting.program.clone(), agent };
    let mut trial = Trial::new(&setting, place.clone(), place.join("data"), 1 + random.below(2))?;

    let mut server = trial.start()?;
    let address = server.listening().context("the server does not listen; see server.log")?;
    let moment = Instant::now() + Duration::from_millis(random.below(3000) as u64);
    while Instant::now() < moment {
        let violations = trial.look(&address)?;
        if let Some(violation) = violations.first() {
            bail!("{violation}");
        }
        thread::sleep(Duration::from_millis(random.below(20) as u64));
    }
    let left = if with_keepers { kill_all_but_agents(&mut server, &place)? } else { kill_server(&mut server, &place)? };
    let killed = Instant::now();
    sum.trials += 1;
    sum.processes += left.len();
    sum.with_strays += usize::from(left.iter().any(|process| process.contains("sleep 600")));

    let survivors = if with_keepers {
        let server = trial.start()?;
        server.listening().context("the next server does not listen; see server.log")?;
        sum.took.push(killed.elapsed());
        let now = processes::of(&place, Some(server.process()))?;
        now.into_iter().filter(|process| left.contains(process)).collect()
    } else {
        let mut left = processes::of(&place, None)?;
        while !left.is_empty() && killed.elapsed() < GONE_WITHIN {
            thread::sleep(Duration::from_millis(5));
            left = processes::of(&place, None)?;
        }
        sum.took.push(killed.elapsed());
        left
    };
    for survivor in &survivors {
        eprintln!("error: survivor: {survivor}");
    }
    sum.survivors += survivors.len();
    if !survivors.is_empty() {
        eprintln!("error: the log is {}", directory.keep().join("server.log").display());
    }
    // What the last server had started must not disturb the next trial.
    let until = Instant::now() + PATIENCE;
    while survivors.is_empty() && !processes::of(&place, None)?.is_empty() && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Kills the server; what ran then.
fn kill_server(server: &mut Server, place: &std::path::Path) -> Result<Vec<String>> {
    let left = processes::of(place, Some(server.process()))?;
    server.kill();
    Ok(left)
}

/// Kills the server and all keepers, before any of them can do anything about it; what ran on.
fn kill_all_but_agents(server: &mut Server, place: &std::path::Path) -> Result<Vec<String>> {
    send(server.process(), Signal::STOP);
    let lines = processes::of(place, None)?;
    let found: Vec<u32> = lines.iter().filter(|line| line.contains(KEEPER)).filter_map(|line| number(line)).collect();
    for keeper in &found {
        send(*keeper, Signal::KILL);
    }
    let until = Instant::now() + PATIENCE;
    while found.iter().any(|keeper| is_alive(*keeper)) && Instant::now() < until {
        thread::sleep(Duration::from_millis(1));
    }
    server.kill();
    let mut left = processes::of(place, None)?;
    left.retain(|line| !line.contains(KEEPER));
    Ok(left)
}

/// The number in `process 17: sleep 600`.
fn number(line: &str) -> Option<u32> {
    line.strip_prefix("process ")?.split_once(':')?.0.parse().ok()
}

fn send(process: u32, signal: Signal) {
    if let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        // It may have ended.
        let _ = kill_process(process, signal);
    }
}

/// One that ended and waits to be collected has no command line any more.
fn is_alive(process: u32) -> bool {
    fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_the_list_of_processes() {
        assert_eq!(number("process 17: /proc/self/exe awo-keeper/1 /usr/bin/git"), Some(17));
        assert_eq!(number("something else"), None);
    }
}
