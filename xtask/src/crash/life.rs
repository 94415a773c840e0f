//! The program `life` of the test kit: how the rigs start it, what it tells, and whether that may follow on what was told
//! before.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::history::{self, History, Kind, Violation};
use crate::repository::Repository;

/// Longest time of a life; it takes a tenth of a second.
const LIFE: Duration = Duration::from_mins(2);

/// Builds the program; where it is.
pub(super) fn build(repository: &Repository, release: bool) -> Result<PathBuf> {
    repository.program("awo-testkit", "life", Some("life"), release)
}

/// A life that tells into a file, and complains into another.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) child: Child,
    told: PathBuf,
    complaints: PathBuf,
}

impl Life {
    /// Starts a command that is a life, or one around it. The files it writes are made in `beside`.
    pub(super) fn start(command: &mut Command, beside: &Path) -> Result<Self> {
        let (told, complaints) = (beside.join("told"), beside.join("complaints"));
        command.stdout(File::create(&told)?).stderr(File::create(&complaints)?);
        let child = command.spawn().with_context(|| format!("{command:?} cannot be started"))?;
        Ok(Self { child, told, complaints })
    }

    /// What it has told so far.
    pub(super) fn facts(&self) -> Result<Facts> {
        Ok(Facts::read(&fs::read_to_string(&self.told)?))
    }

    /// What it has complained of so far.
    pub(super) fn complaints(&self) -> String {
        fs::read_to_string(&self.complaints).unwrap_or_default().trim().to_owned()
    }

    /// Waits for its end.
    pub(super) fn ended(&mut self) -> Result<ExitStatus> {
        wait("the life ends", || self.child.try_wait().map_err(Into::into))
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a life to its end, which must be a good one; what it told.
pub(super) fn run_to_end(command: &mut Command, beside: &Path) -> Result<Result<Facts, Violation>> {
    let mut life = Life::start(command.stdin(Stdio::null()), beside)?;
    let status = life.ended()?;
    let facts = life.facts()?;
    if status.success() && facts.ended {
        return Ok(Ok(facts));
    }
    Ok(Err(Violation::other(format!("an undisturbed life ended with {status}: {}", life.complaints()))))
}

/// Waits until something is there.
pub(super) fn wait<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + LIFE;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("waited {} s in vain: {what}", LIFE.as_secs());
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// What a life told.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The thread that the calls of its store come from; the process comes first.
    pub(super) thread: Option<(u32, u32)>,
    /// Orders as they were found at the start.
    pub(super) found: Vec<View>,
    /// Orders that could not be read then.
    pub(super) damaged: Vec<String>,
    /// Whether all that was found is told.
    pub(super) opened: bool,
    /// Orders as they could be read right after each acknowledgement.
    pub(super) acknowledged: Vec<View>,
    /// Whether it came to its end.
    pub(super) ended: bool,
}

/// An order as it could be read.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) version: u64,
    pub(super) history: History,
}

impl Facts {
    /// Reads the lines that are whole; what comes after them was not told.
    pub(super) fn read(text: &str) -> Self {
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut facts = Self::default();
        for line in whole.lines() {
            let fact: Value = serde_json::from_str(line).unwrap_or_default();
            match history::text(&fact["told"]) {
                "thread" => facts.thread = thread_of(history::text(&fact["thread"])),
                "found" => facts.found.push(View::read(&fact)),
                "damaged" => facts.damaged.push(history::text(&fact["id"]).to_owned()),
                "opened" => facts.opened = true,
                "acknowledged" => facts.acknowledged.push(View::read(&fact)),
                "ended" => facts.ended = true,
                _ => {}
            }
        }
        facts
    }
}

impl View {
    fn read(fact: &Value) -> Self {
        let history = History::read(history::text(&fact["id"]), fact, &fact["events"]);
        Self { version: fact["version"].as_u64().unwrap_or_default(), history }
    }
}

/// The numbers in `12/task/13`.
fn thread_of(name: &str) -> Option<(u32, u32)> {
    let (process, thread) = name.split_once("/task/")?;
    Some((process.parse().ok()?, thread.parse().ok()?))
}

/// All that lives on one data directory have told.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    orders: BTreeMap<String, History>,
    /// Order and version of each acknowledgement.
    saves: Vec<(String, u64)>,
}

impl Ledger {
    /// Takes in what one more life told; what in it breaks a promise.
    pub(super) fn follow(&mut self, facts: &Facts) -> Vec<Violation> {
        let mut violations = Vec::new();
        let missing = |id: &&String| facts.opened && !facts.found.iter().any(|view| view.history.id == **id);
        for id in self.orders.keys().filter(missing) {
            let damaged = facts.damaged.contains(id);
            let what = format!("{id}: was told, and is {}", if damaged { "damaged" } else { "not there any more" });
            violations.push(Violation { kind: Kind::Lost, what });
        }
        for view in facts.found.iter().chain(&facts.acknowledged) {
            let known = self.orders.entry(view.history.id.clone()).or_default();
            violations.extend(known.follow(view.history.clone()));
        }
        self.saves.extend(facts.acknowledged.iter().map(|view| (view.history.id.clone(), view.version)));
        violations
    }

    /// How many saves were acknowledged.
    pub(super) fn acknowledged(&self) -> usize {
        self.saves.len()
    }

    /// How many of them are not among what a later life found.
    pub(super) fn lost(&self, found: &[View]) -> usize {
        let versions: BTreeMap<_, _> = found.iter().map(|view| (view.history.id.as_str(), view.version)).collect();
        self.saves.iter().filter(|(id, version)| versions.get(id.as_str()).is_none_or(|found| found < version)).count()
    }

    /// The orders.
    pub(super) fn orders(&self) -> impl Iterator<Item = &History> {
        self.orders.values()
    }

    /// Artifacts that results name and that are not in a data directory, or empty.
    pub(super) fn without_artifacts(&self, data: &Path) -> Vec<Violation> {
        let mut violations = Vec::new();
        for order in self.orders.values() {
            let dir = data.join("artifacts").join(&order.id[order.id.len().saturating_sub(2)..]).join(&order.id);
            let names = order.results.iter().flat_map(|result| result["artifacts"].as_array().into_iter().flatten());
            for name in names.map(history::text) {
                if !fs::metadata(dir.join(name)).is_ok_and(|file| file.len() > 0) {
                    let what = format!("{}: a result names the artifact {name}, which is not there", order.id);
                    violations.push(Violation { kind: Kind::Lost, what });
                }
            }
        }
        violations
    }

    /// What is wrong in the end: orders that are not completed, more or fewer orders than were asked for.
    pub(super) fn incomplete(&self, orders: usize) -> Vec<Violation> {
        let mut violations: Vec<_> = self.orders.values().flat_map(history::incomplete).collect();
        if self.orders.len() != orders {
            let there = self.orders.len();
            violations.push(Violation::other(format!("{orders} orders were asked for and {there} are there")));
        }
        violations
    }
}

/// Copies a directory with all that is in it.
pub(super) fn copy_dir(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(told: &str, id: &str, version: u64) -> String {
        let events: Vec<_> = (1..=version)
            .map(|n| serde_json::json!({"sequence": n, "kind": "prepared", "data": {"of": id, "n": n}}))
            .collect();
        let view = serde_json::json!({
            "told": told, "id": id, "version": version, "status": "running", "steps": [], "events": events
        });
        format!("{view}\n")
    }

    fn ledger(text: &str) -> Ledger {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.follow(&Facts::read(text)), []);
        ledger
    }

    #[test]
    fn a_cut_line_was_not_told() {
        let text = format!("{}{}", line("acknowledged", "a", 1), line("acknowledged", "a", 2));
        assert_eq!(Facts::read(&text).acknowledged.len(), 2);
        assert_eq!(Facts::read(&text[..text.len() - 1]).acknowledged.len(), 1);
        let thread = Facts::read("{\"told\": \"thread\", \"thread\": \"12/task/13\"}\n{\"told\": \"ended\"}\n");
        assert_eq!((thread.thread, thread.ended, thread.opened), (Some((12, 13)), true, false));
    }

    #[test]
    fn what_was_told_must_be_found() {
        let told = line("acknowledged", "a", 1) + &line("acknowledged", "a", 2) + &line("acknowledged", "b", 1);
        let opened = "{\"told\": \"opened\"}\n";
        let all = line("found", "a", 2) + &line("found", "b", 1) + opened;
        assert_eq!(ledger(&told).follow(&Facts::read(&all)), []);
        assert_eq!(ledger(&told).lost(&Facts::read(&all).found), 0);

        let older = line("found", "a", 1) + &line("found", "b", 1) + opened;
        let violations = ledger(&told).follow(&Facts::read(&older));
        assert!(violations.iter().all(|v| v.kind == Kind::Lost) && violations.len() == 1, "{violations:?}");
        assert_eq!(ledger(&told).lost(&Facts::read(&older).found), 1);

        let gone = line("found", "b", 1) + "{\"told\": \"damaged\", \"id\": \"a\"}\n" + opened;
        let violations = ledger(&told).follow(&Facts::read(&gone));
        assert_eq!(violations.len(), 1);
        assert!(violations[0].what.ends_with("is damaged"), "{violations:?}");
        assert_eq!(ledger(&told).lost(&Facts::read(&gone).found), 2);
    }

    #[test]
    fn artifacts_that_are_named_must_be_there() {
        let mut view = View::read(&serde_json::json!({"id": "wo-ab", "steps": [{"step": "plan", "artifacts": ["x"]}]}));
        view.history.results[0]["attempt"] = 1.into();
        let ledger = Ledger { orders: [("wo-ab".to_owned(), view.history)].into(), saves: Vec::new() };
        let data = tempfile::tempdir().unwrap();
        let dir = data.path().join("artifacts/ab/wo-ab");
        fs::create_dir_all(&dir).unwrap();
        assert_eq!(ledger.without_artifacts(data.path()).len(), 1);
        fs::write(dir.join("x"), "").unwrap();
        assert_eq!(ledger.without_artifacts(data.path()).len(), 1, "empty");
        fs::write(dir.join("x"), "text").unwrap();
        assert_eq!(ledger.without_artifacts(data.path()), []);
    }

    #[test]
    fn orders_must_be_as_many_as_were_asked_for_and_completed() {
        let ledger = ledger(&line("acknowledged", "a", 1));
        let violations: Vec<_> = ledger.incomplete(2).into_iter().map(|v| v.what).collect();
        assert!(violations.iter().any(|what| what.starts_with("a: is running")), "{violations:?}");
        assert!(violations.contains(&"2 orders were asked for and 1 are there".to_owned()), "{violations:?}");
    }
}
