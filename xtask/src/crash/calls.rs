//! `crash --calls`: each call of the system that touches the data directory is met by a kill, a broken device and a full
//! one, in a life that begins with nothing and in one that recovers.
//!
//! A first run under strace tells which calls there are. The calls come from one thread, so the n-th of a name is the
//! same one in every life; that it was this one is checked afterwards all the same.

mod trace;

use std::fmt;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail};

use super::data_dir;
use super::history::{Kind, Violation};
use super::life::{self, Facts, Ledger, Life};
use crate::provision;
use crate::random::Random;
use trace::{Call, Trouble};

/// A trial may find another call at its number, for example if a save took too long and was sent again.
const TRIES: usize = 5;

/// The journal of a plan with outputs that become artifacts.
const OPTIONS: [&str; 2] = ["--output", "6000"];

/// Runs a sample of the trials, or all.
pub(super) fn run(program: &Path, sample: Option<usize>, seed: u64) -> Result<()> {
    let missing = provision::missing_program("strace", "--version", "strace")?;
    if let Some(reason) = missing.map_or_else(forbidden, |reason| Ok(Some(reason)))? {
        eprintln!("SKIPPED: trouble at each call of the system, because {reason}");
        return Ok(());
    }
    let place = tempfile::Builder::new().prefix("awo-calls-").tempdir()?;
    let mut rig = Rig { program, place: place.path().canonicalize()?, figures: Figures::default(), lives: 0 };
    let fresh = Beginning::default();
    let cut = rig.cut_life()?;
    let mut trials = Vec::new();
    for beginning in [&fresh, &cut] {
        let calls = rig.reference(beginning)?;
        eprintln!("{}: {} calls", beginning.name(), calls.len());
        for (index, call) in calls.iter().enumerate() {
            let possible = Trouble::ALL.into_iter().filter(|trouble| trouble.can_happen_to(call));
            trials.extend(possible.map(|trouble| Trial { beginning, index, call: call.clone(), trouble }));
        }
    }
    if let Some(sample) = sample {
        let mut random = Random(seed);
        while trials.len() > sample {
            trials.swap_remove(random.below(trials.len()));
        }
        eprintln!("a sample of {} from seed {seed}", trials.len());
    }
    let mut failed = false;
    for trial in &trials {
        let violations = rig.trial(trial)?;
        failed |= !violations.is_empty();
        for violation in violations {
            eprintln!("error: {trial}: {violation}");
        }
    }
    eprintln!("{}", rig.figures);
    if failed {
        bail!("crash: what must hold did not; see above");
    }
    Ok(())
}

/// Why this account may not trace another process of its own. Nothing can be installed against that, so a continuous
/// integration goes on.
fn forbidden() -> Result<Option<String>> {
    let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let mut strace = Command::new("strace");
    strace.args(["-o", "/dev/null", "-p", &cat.id().to_string()]).stdin(Stdio::null()).stderr(Stdio::piped());
    let mut strace = strace.spawn()?;
    let mut said = String::new();
    BufReader::new(strace.stderr.take().context("its errors were asked for")?).read_line(&mut said)?;
    drop(cat.stdin.take());
    cat.wait()?;
    strace.wait()?;
    Ok((!said.contains("attached")).then(|| format!("strace may not attach to a process ({})", said.trim())))
}

/// What a disturbed life begins with.
#[derive(Debug, Default)]
struct Beginning {
    /// A data directory; none means none.
    data: Option<PathBuf>,
    /// What was told of it.
    ledger: Ledger,
}

impl Beginning {
    fn name(&self) -> &'static str {
        if self.data.is_some() { "a life that recovers" } else { "a life that begins with nothing" }
    }
}

impl Beginning {
    /// How many orders the disturbed life is asked for. The next one is asked for one, and must find it.
    fn orders(&self) -> &'static str {
        if self.data.is_some() { "0" } else { "1" }
    }
}

#[derive(Debug)]
struct Trial<'a> {
    beginning: &'a Beginning,
    index: usize,
    call: Call,
    trouble: Trouble,
}

impl fmt::Display for Trial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { beginning, index, call, trouble } = self;
        write!(f, "{}, {trouble:?} at call {} ({})", beginning.name(), index + 1, call.line)
    }
}

/// Sums over trials.
#[derive(Debug, Default)]
struct Figures {
    kills: usize,
    errors: usize,
    ended_early: usize,
    unreadable: usize,
    acknowledged: usize,
    lost: usize,
    repeated: usize,
    other: usize,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, errors, ended_early, unreadable, acknowledged, lost, repeated, other } = self;
        write!(f, "crash: {kills} kills and {errors} errors at calls, {acknowledged} saves acknowledged before, ")?;
        write!(f, "lost {lost}, repeated {repeated}, other failures {other}; ")?;
        write!(f, "{ended_early} errors ended a life that had acknowledged nothing, ")?;
        write!(f, "{unreadable} made an order unreadable until the next start")
    }
}

/// A life that was traced.
struct Traced {
    trace: String,
    status: ExitStatus,
    facts: Facts,
    complaints: String,
}

struct Rig<'a> {
    program: &'a Path,
    place: PathBuf,
    figures: Figures,
    lives: usize,
}

impl Rig<'_> {
    /// A fresh directory with a data directory that is a copy of a beginning.
    fn room(&mut self, beginning: &Beginning) -> Result<PathBuf> {
        self.lives += 1;
        let room = self.place.join(format!("life-{}", self.lives));
        fs::create_dir(&room)?;
        if let Some(data) = &beginning.data {
            life::copy_dir(data, &room.join("data"))?;
        }
        Ok(room)
    }

    /// A life whose thread is traced from its first call on.
    fn traced(&self, room: &Path, orders: &str, injection: Option<&str>) -> Result<Traced> {
        let mut command = Command::new(self.program);
        command.arg(room.join("data")).args(OPTIONS).args(["--orders", orders, "--by-hand"]).stdin(Stdio::piped());
        let mut life = Life::start(&mut command, room)?;
        let (_, thread) = life::wait("the life tells its thread", || Ok(life.facts()?.thread))?;
        let (written, said) = (room.join("trace"), room.join("strace"));
        let mut strace = Command::new("strace");
        strace.args(["-p", &thread.to_string(), "-y", "-s", "0", "-o"]).arg(&written);
        strace.args(injection.iter().flat_map(|injection| ["-e", injection]));
        let mut strace = strace.stdin(Stdio::null()).stderr(File::create(&said)?).spawn()?;
        let attached = life::wait("strace is there", || {
            Ok((fs::read_to_string(&said)?.contains("attached") || strace.try_wait()?.is_some()).then_some(()))
        });
        // One line lets it begin; with no more to come it does not wait again.
        let begun = life.child.stdin.take().context("its input was asked for")?.write_all(b"\n");
        let status = life.ended()?;
        strace.wait()?;
        attached.and(begun.map_err(Into::into))?;
        let trace = fs::read_to_string(&written)?;
        if trace.is_empty() {
            bail!("strace traced nothing: {}", fs::read_to_string(&said)?.trim());
        }
        Ok(Traced { trace, status, facts: life.facts()?, complaints: life.complaints() })
    }

    /// The calls of a life that nothing disturbs.
    fn reference(&mut self, beginning: &Beginning) -> Result<Vec<Call>> {
        let room = self.room(beginning)?;
        let traced = self.traced(&room, beginning.orders(), None)?;
        let calls = trace::calls(&traced.trace, text(&room)?);
        let mut ledger = beginning.ledger.clone();
        let violations = [ledger.follow(&traced.facts), ledger.incomplete(1)].concat();
        if !traced.status.success() || !violations.is_empty() {
            bail!("an undisturbed life failed: {}, {violations:?}", traced.complaints);
        }
        fs::remove_dir_all(room)?;
        Ok(calls)
    }

    /// A directory as a kill in the middle of the work left it: the last record is torn, and a journal was being made
    /// anew.
    fn cut_life(&mut self) -> Result<Beginning> {
        let room = self.room(&Beginning::default())?;
        // Written, not yet synced, not yet acknowledged.
        let traced = self.traced(&room, "1", Some("inject=fdatasync:signal=SIGKILL:when=5"))?;
        let mut ledger = Ledger::default();
        let violations = ledger.follow(&traced.facts);
        let data = room.join("data");
        let id = ledger.orders().next().map(|order| order.id.clone()).context("the life tells its order")?;
        let name = format!("{id}.awoj");
        let journal = data.join("orders").join(&id[id.len() - 2..]).join(&name);
        let file = File::options().write(true).open(&journal)?;
        file.set_len(file.metadata()?.len() - 10)?;
        fs::write(journal.with_file_name(format!(".{name}.writing")), "half of a journal")?;
        if !violations.is_empty() || ledger.acknowledged() < 3 {
            bail!("the life to be recovered failed: {}, {violations:?}", traced.complaints);
        }
        Ok(Beginning { data: Some(data), ledger })
    }

    fn trial(&mut self, trial: &Trial<'_>) -> Result<Vec<Violation>> {
        for _ in 0..TRIES {
            let room = self.room(trial.beginning)?;
            let traced = self.traced(&room, trial.beginning.orders(), Some(&trial.trouble.injection(&trial.call)))?;
            if trace::disturbed(&traced.trace, text(&room)?, trial.index, &trial.call, trial.trouble) {
                let violations = self.judge(trial, &room, &traced)?;
                for violation in &violations {
                    *match violation.kind {
                        Kind::Lost => &mut self.figures.lost,
                        Kind::Repeated => &mut self.figures.repeated,
                        Kind::Other => &mut self.figures.other,
                    } += 1;
                }
                if violations.is_empty() {
                    fs::remove_dir_all(room)?;
                    return Ok(violations);
                }
                let kept = tempfile::Builder::new().prefix("awo-calls-failed-").tempdir()?.keep();
                life::copy_dir(&room, &kept.join("life"))?;
                let mut violations = violations;
                violations.push(Violation::other(format!("its directory is {}", kept.display())));
                return Ok(violations);
            }
            fs::remove_dir_all(room)?;
        }
        Ok(vec![Violation::other(format!("in {TRIES} lives another call had this number"))])
    }

    /// What the disturbed life and the one after it did wrong.
    fn judge(&mut self, trial: &Trial<'_>, room: &Path, traced: &Traced) -> Result<Vec<Violation>> {
        let mut ledger = trial.beginning.ledger.clone();
        let mut violations = ledger.follow(&traced.facts);
        self.figures.acknowledged += ledger.acknowledged();
        if trial.trouble.error().is_some() {
            self.figures.errors += 1;
            let before = violations.len();
            // A journal that could not be read is said to be damaged and left alone; the next start reads it.
            violations.retain(|violation| !violation.what.ends_with("is damaged"));
            let unreadable = before > violations.len();
            self.figures.unreadable += usize::from(unreadable);
            let acknowledged = traced.facts.acknowledged.len();
            let completed = traced.facts.ended && traced.status.success();
            if completed {
                violations.extend((!unreadable).then(|| ledger.incomplete(1)).into_iter().flatten());
            } else if acknowledged == 0 && traced.status.code() == Some(1) && !traced.complaints.is_empty() {
                self.figures.ended_early += 1;
            } else {
                let what = format!("after {acknowledged} saves it ended with {}: {}", traced.status, traced.complaints);
                violations.push(Violation::other(what));
            }
        } else {
            self.figures.kills += 1;
        }
        let data = room.join("data");
        let next = life::run_to_end(Command::new(self.program).arg(&data).args(OPTIONS), room)?;
        let facts = match next {
            Ok(facts) => facts,
            Err(violation) => return Ok([violations, vec![violation]].concat()),
        };
        violations.extend(ledger.follow(&facts));
        violations.extend(ledger.incomplete(1));
        violations.extend(ledger.without_artifacts(&data));
        let ids: Vec<_> = ledger.orders().map(|order| order.id.as_str()).collect();
        let entries = data_dir::entries(&data)?;
        violations.extend(data_dir::leftovers(&entries, &ids).into_iter().map(Violation::other));
        if fs::metadata(data.join("LOCK"))?.len() != 0 {
            violations.push(Violation::other("LOCK names a holder after an orderly end"));
        }
        Ok(violations)
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path in UTF-8")
}
