//! `crash --power`: the power fails while orders run, and what was acknowledged before must be on the device.
//!
//! The data directory is on a file system in a file. The process is stopped and the file is copied: that is what the
//! device had. The copy is mounted and recovered, and held against what had been acknowledged before. In every other life
//! the moments are chance; in those between, each is right after an acknowledgement, when the next sync, which may do what
//! an earlier one left out, has not come yet.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::data_dir;
use super::device::{self, Mounted};
use super::history::{Kind, Violation};
use super::life::{self, Facts, Ledger, Life};
use crate::provision;
use crate::random::Random;

/// Cuts in one life: they need no start of their own.
const CUTS: usize = 4;

/// More orders than a life has time for.
const ORDERS: &str = "2000";

/// What becomes of syncs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Syncs {
    /// All are done: nothing may be lost.
    #[default]
    All,
    /// Saves are not synced, as embedders may choose: the end of an order may be lost, but not the order.
    NotOfSaves,
    /// Every sync is answered and none is done: fails unless something is lost, as only then this rig can see a loss.
    Fake,
}

/// Cuts the power so many times.
pub(super) fn run(program: &Path, cuts: u64, seed: u64, syncs: Syncs) -> Result<()> {
    if let Some(reason) = missing()? {
        eprintln!("SKIPPED: cutting the power, because {reason}");
        return Ok(());
    }
    eprintln!("{cuts} cuts from seed {seed}");
    let place = tempfile::Builder::new().prefix("awo-power-").tempdir_in("/dev/shm")?;
    let rig = Rig { program, place: place.path().canonicalize()?, syncs };
    device::make(&rig.empty())?;
    let mut figures = Figures::default();
    let mut failed = false;
    let begun = Instant::now();
    for seed in seed.. {
        let left = usize::try_from(cuts).unwrap_or(usize::MAX).saturating_sub(figures.cuts);
        if left == 0 {
            break;
        }
        let by_hand = seed % 2 == 0;
        for cut in rig.life(&mut Random(seed), left.min(CUTS), by_hand)? {
            let violations = rig.judge(&cut, &mut figures)?;
            for violation in &violations {
                eprintln!("error: seed {seed}, cut {}: {violation}", cut.number);
            }
            failed |= !violations.is_empty();
            fs::remove_file(&cut.image)?;
        }
    }
    eprintln!("{figures}; {:.1} s", begun.elapsed().as_secs_f64());
    if failed {
        bail!("crash: what must hold did not; repeat it by `cargo xtask crash --power --seed …` with the seed above");
    }
    if syncs == Syncs::Fake && figures.lost == 0 {
        bail!("crash: without any sync nothing was lost, so these cuts of the power prove nothing");
    }
    Ok(())
}

/// What keeps this machine from it.
fn missing() -> Result<Option<String>> {
    match device::missing()? {
        None => provision::missing_program("strace", "--version", "strace"),
        reason => Ok(reason),
    }
}

/// A copy of the device, and what had been acknowledged when it was made.
#[derive(Debug)]
struct Cut {
    number: usize,
    image: PathBuf,
    ledger: Ledger,
}

struct Rig<'a> {
    program: &'a Path,
    place: PathBuf,
    syncs: Syncs,
}

impl Rig<'_> {
    /// A device that nothing was written to.
    fn empty(&self) -> PathBuf {
        self.place.join("empty")
    }

    fn command(&self, data: &Path) -> Command {
        let mut command = Command::new(self.program);
        if self.syncs == Syncs::Fake {
            command = Command::new("strace");
            command.args(["-f", "-q", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"]);
            command.args(["-e", "inject=fsync,fdatasync:retval=0"]).arg(self.program);
        }
        command.arg(data).stdin(Stdio::null());
        if self.syncs == Syncs::NotOfSaves {
            command.arg("--os");
        }
        command
    }

    /// One life, with so many cuts in it.
    fn life(&self, random: &mut Random, cuts: usize, by_hand: bool) -> Result<Vec<Cut>> {
        let (image, at) = (self.place.join("image"), self.place.join("mount"));
        fs::copy(self.empty(), &image)?;
        let mounted = Mounted::new(&image, &at)?;
        let mut command = self.command(&at.join("data"));
        command.args(["--orders", ORDERS, "--output", ["0", "6000"][random.below(2)]]);
        if by_hand {
            command.arg("--by-hand").stdin(Stdio::piped());
        } else {
            command.args(["--at-once", ["1", "1", "4"][random.below(3)]]);
        }
        let mut life = Life::start(&mut command, &self.place)?;
        let (process, _) = life::wait("the life tells its process", || Ok(life.facts()?.thread))?;
        let process = i32::try_from(process).ok().and_then(Pid::from_raw).context("a process number")?;
        let mut hand = life.child.stdin.take();
        let mut taken = Vec::new();
        for number in 1..=cuts {
            match &mut hand {
                Some(hand) if random.below(2) == 0 => {
                    // A new order: nothing but its own syncs has put it on the device.
                    next_save(&life, hand)?;
                    while life.facts()?.acknowledged.last().is_none_or(|save| save.version != 1) {
                        next_save(&life, hand)?;
                    }
                }
                Some(hand) => (0..=random.below(10)).try_for_each(|_| next_save(&life, hand))?,
                None => thread::sleep(Duration::from_millis(random.below(150) as u64)),
            }
            taken.push(self.cut(number, process, &life, &image)?);
        }
        kill_process(process, Signal::KILL)?;
        life.ended()?;
        drop(mounted);
        Ok(taken)
    }

    fn cut(&self, number: usize, process: Pid, life: &Life, image: &Path) -> Result<Cut> {
        kill_process(process, Signal::STOP).context("the life has ended by itself")?;
        // A thread in the middle of a sync stops after it.
        life::wait("all threads stop", || Ok(all_stopped(process)?.then_some(())))?;
        let copy = self.place.join(format!("cut-{number}"));
        fs::copy(image, &copy)?;
        let mut ledger = Ledger::default();
        let violations = ledger.follow(&life.facts()?);
        if !violations.is_empty() {
            bail!("before any cut: {violations:?}");
        }
        kill_process(process, Signal::CONT)?;
        Ok(Cut { number, image: copy, ledger })
    }

    /// Recovers what the device had; what is wrong with it.
    fn judge(&self, cut: &Cut, figures: &mut Figures) -> Result<Vec<Violation>> {
        let at = self.place.join("recovered");
        let _mounted = Mounted::new(&cut.image, &at)?;
        let data = at.join("data");
        figures.cuts += 1;
        figures.acknowledged += cut.ledger.acknowledged();
        let mut recover = Command::new(self.program);
        let facts = match life::run_to_end(recover.arg(&data).args(["--orders", "0"]), &self.place)? {
            Ok(facts) => facts,
            Err(violation) => return Ok(vec![violation]),
        };
        let mut ledger = cut.ledger.clone();
        let violations = ledger.follow(&facts);
        figures.add(&cut.ledger, &facts, &violations);
        Ok(match self.syncs {
            Syncs::All => {
                let ids: Vec<_> = ledger.orders().map(|order| order.id.as_str()).collect();
                let entries = data_dir::entries(&data)?;
                let left = data_dir::leftovers(&entries, &ids).into_iter().map(Violation::other);
                let incomplete = ledger.incomplete(ids.len());
                let artifacts = ledger.without_artifacts(&data);
                violations.into_iter().chain(left).chain(incomplete).chain(artifacts).collect()
            }
            // The order is there, though what was saved of it may not be.
            Syncs::NotOfSaves => violations.into_iter().filter(|v| v.what.ends_with("not there any more")).collect(),
            Syncs::Fake => Vec::new(),
        })
    }
}

/// Lets a life that goes on by hand go on until one more save is acknowledged.
fn next_save(life: &Life, hand: &mut ChildStdin) -> Result<()> {
    let before = life.facts()?;
    // The two things that are told before the first save are passed over at once.
    let lines: &[u8] = if before.acknowledged.is_empty() { b"\n\n" } else { b"\n" };
    hand.write_all(lines)?;
    let count = before.acknowledged.len() + 1;
    life::wait("the next save", || Ok((life.facts()?.acknowledged.len() == count).then_some(())))
}

/// Whether no thread of a process runs, also not in the kernel.
fn all_stopped(process: Pid) -> Result<bool> {
    for task in fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero()))? {
        let stat = fs::read_to_string(task?.path().join("stat"))?;
        let state = stat.rfind(')').and_then(|end| stat[end + 1..].trim_start().chars().next());
        if !matches!(state, Some('T' | 't')) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Sums over cuts.
#[derive(Debug, Default)]
struct Figures {
    cuts: usize,
    orders: usize,
    acknowledged: usize,
    lost: usize,
    cuts_with_loss: usize,
    damaged: usize,
    repeated: usize,
}

impl Figures {
    fn add(&mut self, before: &Ledger, facts: &Facts, violations: &[Violation]) {
        let lost = before.lost(&facts.found);
        self.orders += before.orders().count();
        self.lost += lost;
        self.cuts_with_loss += usize::from(lost > 0);
        self.damaged += facts.damaged.len();
        self.repeated += violations.iter().filter(|v| v.kind == Kind::Repeated).count();
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cuts, orders, acknowledged, lost, cuts_with_loss, damaged, repeated } = self;
        write!(f, "crash: {cuts} cuts of the power, {orders} orders, {acknowledged} saves acknowledged before, ")?;
        write!(f, "lost {lost} (in {cuts_with_loss} cuts), repeated {repeated}, damaged orders {damaged}")
    }
}
