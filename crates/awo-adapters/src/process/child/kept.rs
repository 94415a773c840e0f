//! Owns programs under a keeper: its start, the line to it, and its last words.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream as Channel;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{ChildStdin, Command as Program};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::warn;

use super::{Child, Control, Ending, Exit, GONE_WITHIN, Input, NotStarted, Start};
use crate::Keeper;
use crate::keeper::{Command, FRAME, Report, mode, send_start};
use crate::processes::sweep;

/// How long a keeper may take to say that it has started its program. It does so at once; this is for a machine that is
/// out of breath.
const STARTED_WITHIN: Duration = Duration::from_secs(30);
/// How often a silent keeper is let go on, as its program may have stopped it.
const WAKE_EVERY: Duration = Duration::from_millis(500);

pub(super) async fn start(start: Start, keeper: &Keeper, marks: &[(OsString, OsString)]) -> Result<Child, NotStarted> {
    let (ours, its) = Channel::pair().map_err(NotStarted::Keeper)?;
    let (input, stdin) = input(start.stdin).map_err(NotStarted::Keeper)?;
    // No kill on drop: a keeper ends by itself, and last, when nobody holds its line any more.
    let mut process = Program::new(keeper.program())
        .arg(mode(start.walled))
        .arg(&start.program)
        .args(start.args)
        .env_clear()
        .envs(start.env)
        .envs(marks.iter().cloned())
        .current_dir(start.working_dir)
        .stdin(OwnedFd::from(its))
        .stdout(start.stdout)
        .stderr(Stdio::piped())
        .spawn()
        .map_err(NotStarted::Keeper)?;
    let line = send_start(&ours, input.as_ref().map(|input| input.as_fd()))
        .and_then(|()| ours.set_nonblocking(true))
        .and_then(|()| UnixStream::from_std(ours))
        .map_err(NotStarted::Keeper)?;
    drop(input);
    let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
    let (reports, commands) = line.into_split();
    let mut kept = Kept { process, reports, frame: Vec::new(), exit: None, marks: marks.to_vec() };
    let pid = match timeout(STARTED_WITHIN, kept.next()).await {
        Ok(Some(Report::Started(pid))) => pid,
        Ok(Some(Report::NotStarted(0))) => {
            return Err(NotStarted::Keeper(io::Error::other("it was not told what to start")));
        }
        Ok(Some(Report::NotStarted(errno))) => {
            return Err(NotStarted::Program(io::Error::from_raw_os_error(errno)));
        }
        // A program that kills its keeper can be faster than its keeper's word. Its end is that of one that did so later. Its
        // number nobody knows, and that of its keeper is free to be somebody else's by now.
        Ok(None) if kept.was_killed().await => 0,
        _ => {
            // It may have started the program all the same.
            let _ = kept.end_marked().await;
            return Err(NotStarted::Keeper(io::Error::other("it does not say that it has started the program")));
        }
    };
    Ok(Child {
        pid: u32::try_from(pid).ok().filter(|pid| *pid > 0),
        stdin,
        stdout,
        stderr,
        control: Control::Kept(Line { commands, keeper: kept.pid() }),
        ending: Ending::Kept(Box::new(kept)),
    })
}

/// What the program shall read, and our end of it if it is a pipe.
fn input(input: Input) -> io::Result<(Option<OwnedFd>, Option<ChildStdin>)> {
    match input {
        Input::Nothing => Ok((None, None)),
        Input::File(file) => Ok((Some(file.into()), None)),
        Input::Pipe => {
            let (reader, writer) = io::pipe()?;
            let ours = ChildStdin::from_std(OwnedFd::from(writer).into())?;
            Ok((Some(reader.into()), Some(ours)))
        }
    }
}

/// The line to a keeper. Dropping it tells the keeper that nobody is there any more.
#[derive(Debug)]
pub(crate) struct Line {
    commands: OwnedWriteHalf,
    /// None of one that has ended: its number may be somebody else's.
    keeper: Option<Pid>,
}

impl Line {
    pub(super) fn tell(&self, command: Command) {
        // An error means that it is gone. The line is never full: few words are said over it.
        let _ = self.commands.try_write(&[command.byte()]);
    }

    /// Has all of it ended.
    pub(super) fn kill(&self) {
        self.tell(Command::Kill);
        wake(self.keeper);
    }
}

/// Lets a keeper go on that its program stopped: it would not hear. Its number is taken until it is awaited.
fn wake(keeper: Option<Pid>) {
    if let Some(keeper) = keeper {
        let _ = kill_process(keeper, Signal::CONT);
    }
}

/// A keeper, and what it has told.
#[derive(Debug)]
pub(crate) struct Kept {
    process: tokio::process::Child,
    reports: OwnedReadHalf,
    /// What was read of a report that is not whole yet.
    frame: Vec<u8>,
    exit: Option<Exit>,
    marks: Vec<(OsString, OsString)>,
}

impl Kept {
    /// The next report; `None` if no more will come.
    async fn next(&mut self) -> Option<Report> {
        while self.frame.len() < FRAME {
            let mut piece = [0; FRAME];
            let wanted = FRAME - self.frame.len();
            match timeout(WAKE_EVERY, self.reports.read(&mut piece[..wanted])).await {
                Ok(Ok(count @ 1..)) => self.frame.extend_from_slice(&piece[..count]),
                Ok(_) => return None,
                Err(_) => wake(self.pid()),
            }
        }
        let frame = std::mem::take(&mut self.frame).try_into().ok()?;
        Report::parse(frame)
    }

    /// Waits until it tells that the program has ended, or until it is gone.
    pub(super) async fn ended(&mut self) {
        while self.exit.is_none() {
            match self.next().await {
                Some(Report::Exited(code)) => self.exit = Some(Exit::Exited(code)),
                Some(Report::Signalled(signal)) => self.exit = Some(Exit::Signalled(signal)),
                Some(_) => {}
                None => return,
            }
        }
    }

    /// Waits until nothing is left, within bounds; how the program ended.
    pub(super) async fn gone(&mut self) -> Exit {
        let until = Instant::now() + GONE_WITHIN;
        let clear = async {
            self.ended().await;
            loop {
                match self.next().await {
                    Some(Report::Clear) => return true,
                    Some(_) => {}
                    None => return false,
                }
            }
        };
        match timeout_at(until, clear).await {
            Ok(true) => {
                let _ = timeout_at(until, self.process.wait()).await;
            }
            Ok(false) => self.lost().await,
            Err(_) if self.is_held() => self.lost().await,
            // It goes on, and no program of ours could do better.
            Err(_) => warn!("processes_left: some of what an agent left does not end, although it was killed"),
        }
        self.exit.unwrap_or(Exit::Signalled(Signal::KILL.as_raw()))
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(self.process.id()?.try_into().ok()?)
    }

    /// Whether a signal ended the keeper, which closed its line.
    async fn was_killed(&mut self) -> bool {
        let status = timeout(GONE_WITHIN, self.process.wait()).await;
        status.is_ok_and(|status| status.is_ok_and(|status| status.signal().is_some()))
    }

    /// Whether somebody stops the keeper again and again: it hears nothing.
    fn is_held(&self) -> bool {
        self.pid().and_then(crate::proc::stat).is_some_and(|stat| matches!(stat.state, 'T' | 't'))
    }

    /// Does the work of a keeper that somebody killed: whatever has its marks is ended.
    async fn lost(&mut self) {
        match self.end_marked().await {
            Ok(ended) => warn!(ended, "keeper_lost: somebody killed it; what has its marks was ended"),
            Err(error) => warn!(%error, "keeper_lost: somebody killed it, and what it kept may still run"),
        }
    }

    /// Kills the keeper, and whatever has its marks.
    async fn end_marked(&mut self) -> io::Result<usize> {
        let _ = self.process.start_kill();
        let _ = timeout(GONE_WITHIN, self.process.wait()).await;
        let marks = std::mem::take(&mut self.marks);
        let swept = tokio::task::spawn_blocking(move || sweep::end_all(&marks)).await;
        swept.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}
