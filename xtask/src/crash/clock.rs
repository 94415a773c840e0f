//! `crash --clock`: the time of day jumps while an order runs. Only the times that are shown may show it.
//!
//! The life goes on from save to save by hand, so the jump comes between two saves that are known; libfaketime turns the
//! time of day and leaves the time that only goes forward alone, as an operator or a time server would.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::history::{self, History, Violation};
use super::life::{self, Ledger, Life};
use crate::provision;

/// How the clock jumps, in libfaketime's words.
const JUMPS: [&str; 2] = ["-1d", "+2h"];

/// Acknowledgements in an undisturbed life: created, claimed, a save for each step, the end.
const SAVES: usize = 10;

/// Nanoseconds that no step of a life takes.
const LONG: u64 = 60_000_000_000;

/// Jumps after each save, with and without a restart.
pub(super) fn run(program: &Path) -> Result<()> {
    if let Some(reason) = missing()? {
        eprintln!("SKIPPED: jumps of the clock, because {reason}");
        return Ok(());
    }
    let library = library().context("it was there a moment ago")?;
    let place = tempfile::Builder::new().prefix("awo-clock-").tempdir()?;
    let rig = Rig { program, library, place: place.path().canonicalize()? };
    let (mut trials, mut failed) = (0, false);
    for jump in JUMPS {
        // After the last save there is nothing that could show a time.
        for after in 1..SAVES {
            for restart in [false, true] {
                trials += 1;
                for violation in rig.trial(jump, after, restart)? {
                    let how = if restart { "and a kill at the next one" } else { "and no kill" };
                    eprintln!("error: {jump} after save {after} {how}: {violation}");
                    failed = true;
                }
            }
        }
    }
    eprintln!("crash: {trials} jumps of the clock by {}, half of them with a restart", JUMPS.join(" and "));
    if failed {
        bail!("crash: what must hold did not; see above");
    }
    Ok(())
}

/// Why clocks cannot be turned, if they cannot.
pub(crate) fn missing() -> Result<Option<String>> {
    let look = || library().is_none().then(|| "libfaketime is not installed".to_owned());
    provision::missing(look, "libfaketime", "install the package libfaketime")
}

/// The library that answers with another time; the variant for programs with threads.
pub(crate) fn library() -> Option<PathBuf> {
    let architectures = fs::read_dir("/usr/lib").ok()?.flatten();
    architectures.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1")).find(|path| path.exists())
}

struct Rig<'a> {
    program: &'a Path,
    library: PathBuf,
    place: PathBuf,
}

impl Rig<'_> {
    fn command(&self, data: &Path) -> Command {
        let mut command = Command::new(self.program);
        command
            .arg(data)
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", self.time())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1");
        command
    }

    /// The file that says how far the clock is off.
    fn time(&self) -> PathBuf {
        self.place.join("time")
    }

    fn trial(&self, jump: &str, after: usize, restart: bool) -> Result<Vec<Violation>> {
        fs::write(self.time(), "+0")?;
        let room = tempfile::tempdir_in(&self.place)?;
        let data = room.path().join("data");
        let mut life = Life::start(self.command(&data).arg("--by-hand").stdin(Stdio::piped()), room.path())?;
        let mut hand = life.child.stdin.take().context("its input was asked for")?;
        // Thread, opened: two things are told before the first save.
        hand.write_all(b"\n\n")?;
        let mut ledger = Ledger::default();
        for count in 1..=after + usize::from(restart) {
            life::wait("the next save", || Ok((life.facts()?.acknowledged.len() == count).then_some(())))?;
            if count == after {
                // In one piece: it is read whenever the time is asked for.
                let next = room.path().join("time");
                fs::write(&next, jump)?;
                fs::rename(next, self.time())?;
            }
            if count < after + usize::from(restart) {
                hand.write_all(b"\n")?;
            }
        }
        let mut violations = Vec::new();
        if restart {
            life.child.kill()?;
            life.ended()?;
            violations.extend(ledger.follow(&life.facts()?));
            match life::run_to_end(&mut self.command(&data), room.path())? {
                Ok(facts) => violations.extend(ledger.follow(&facts)),
                Err(violation) => violations.push(violation),
            }
        } else {
            // Nothing more to read: it goes on by itself.
            drop(hand);
            let status = life.ended()?;
            violations.extend(ledger.follow(&life.facts()?));
            if !status.success() {
                violations.push(Violation::other(format!("it ended with {status}: {}", life.complaints())));
            }
        }
        violations.extend(ledger.incomplete(1));
        violations.extend(ledger.orders().flat_map(|order| sane(order, restart)));
        Ok(violations)
    }
}

/// What is wrong with the times of an order: a step that took hours, or a jump that nobody saw.
fn sane(order: &History, restart: bool) -> Vec<Violation> {
    let mut violations = Vec::new();
    for result in &order.results {
        // What a dead life did has no duration that anybody could have measured.
        let cut = restart && result["error_code"] == "interrupted";
        match result["duration_nanoseconds"].as_u64() {
            Some(took) if took < LONG || cut => {}
            took => violations.push(Violation::other(format!("{} took {took:?} ns", result["step"]))),
        }
    }
    // Day and hour of each event.
    let hours = order.events.iter().map(|event| history::text(&event["data"]["at"]).get(..13).unwrap_or_default());
    let hours: Vec<_> = hours.collect();
    if hours.iter().any(|hour| hour.is_empty()) || !hours.windows(2).any(|pair| pair[0] != pair[1]) {
        violations.push(Violation::other(format!("the clock did not jump: {hours:?}")));
    }
    violations
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order(hours: [&str; 2], took: u64) -> History {
        let event = |hour: &str| json!({"data": {"at": format!("2026-01-0{hour}:10:00.5Z")}});
        let results = vec![json!({"step": "plan", "duration_nanoseconds": took})];
        History { results, events: hours.map(event).to_vec(), ..History::of("a") }
    }

    #[test]
    fn hours_are_no_duration_and_a_clock_that_stands_still_proves_nothing() {
        assert_eq!(sane(&order(["2T10", "1T10"], 5), false), []);
        assert_eq!(sane(&order(["2T10", "2T12"], LONG), false).len(), 1);
        assert_eq!(sane(&order(["2T10", "2T10"], 5), false).len(), 1);
    }
}
