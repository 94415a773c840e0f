//! The life of a keeper: its process, from its first line to its last.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{Pid, Signal, WaitStatus, getpid, kill_process, kill_process_group, set_child_subreaper, setsid};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::descendants::{collect, end_all};
use super::inherited;
use super::priority;
use super::protocol::{Command, Report};
use crate::proc;

/// Time between the request to end and the kill when nobody is there any more. Git uses it to take its locks away.
const ORPHAN_GRACE: Duration = Duration::from_millis(300);

/// Exit codes. Nobody relies on them: what is to be known was told over the socket.
const DONE: i32 = 0;
const FAILED: i32 = 1;
const MISUSED: i32 = 2;

/// Keeps the program that the arguments name; the exit code.
pub(super) fn serve(arguments: impl Iterator<Item = OsString>, walled: bool) -> i32 {
    let Ok((mut channel, children)) = prepare() else {
        let _ = writeln!(io::stderr(), "this is the mode in which awo starts other programs; it is of no use by hand");
        return MISUSED;
    };
    match keep(&mut channel, &children, arguments, walled) {
        Ok(()) => DONE,
        Err(error) => {
            tell(&mut channel, Report::NotStarted(error.raw_os_error().unwrap_or(0)));
            FAILED
        }
    }
}

/// Leaves the session of whoever started us, becomes heir of all that will be below, and takes the socket out of the
/// program's way. The second stream can be read when a child has ended.
fn prepare() -> io::Result<(UnixStream, UnixStream)> {
    inherited::close_all()?;
    // A keeper that such a signal ends, sent to all of a service or a terminal, would leave behind what it keeps.
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    let stdin = rustix::stdio::stdin();
    rustix::net::sockopt::socket_type(stdin)?;
    let channel = UnixStream::from(rustix::io::fcntl_dupfd_cloexec(stdin, 3)?);
    dup2_stdin(File::open("/dev/null")?)?;
    setsid()?;
    priority::step_back();
    set_child_subreaper(Some(getpid()))?;
    // What lists of processes show; without it, the name of the link that was executed.
    let _ = rustix::thread::set_name(c"awo-keeper");
    let (children, told) = UnixStream::pair()?;
    children.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(SIGCHLD, told)?;
    Ok((channel, children))
}

/// Starts the program and sees to its end. An error means that it was not started.
fn keep(
    channel: &mut UnixStream,
    children: &UnixStream,
    mut arguments: impl Iterator<Item = OsString>,
    walled: bool,
) -> io::Result<()> {
    let input = started_with(channel)?;
    let program = arguments.next().ok_or(io::ErrorKind::InvalidInput)?;
    let child = std::process::Command::new(program)
        .args(arguments)
        .stdin(input.map_or_else(Stdio::null, Stdio::from))
        .process_group(0)
        .spawn()?;
    // From here on the pipes are the program's alone: their end is its end.
    if let Ok(nowhere) = File::options().write(true).open("/dev/null") {
        let _ = dup2_stdout(&nowhere).and_then(|()| dup2_stderr(&nowhere));
    }
    let mut kept = Kept { pid: Pid::from_child(&child), walled, exit: None };
    tell(channel, Report::Started(kept.pid.as_raw_nonzero().get()));
    kept.attend(channel, children);
    if let Some(exit) = kept.exit {
        tell(channel, exit);
    }
    end_all(&mut |pid, status| {
        if let Some(exit) = kept.note(pid, status) {
            tell(channel, exit);
        }
    });
    tell(channel, Report::Clear);
    Ok(())
}

/// Waits for the word to start; what the program shall read.
fn started_with(channel: &UnixStream) -> io::Result<Option<OwnedFd>> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(channel, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    if received.bytes != 1 || Command::parse(byte[0]) != Some(Command::Start) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut handed) => handed.next(),
        _ => None,
    }))
}

/// The program, and how it ended.
struct Kept {
    pid: Pid,
    /// Whether it only waits, and what is meant runs within its walls.
    walled: bool,
    exit: Option<Report>,
}

impl Kept {
    /// Does as it is told until the program has ended or all shall end.
    fn attend(&mut self, channel: &mut UnixStream, children: &UnixStream) {
        let mut deadline: Option<Instant> = None;
        loop {
            collect(&mut |pid, status| {
                self.note(pid, status);
            });
            if self.exit.is_some() || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return;
            }
            if !wake(deadline.is_none().then_some(&*channel), children, deadline) {
                continue;
            }
            let mut byte = [0];
            match channel.read(&mut byte) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Whoever started us is gone.
                Ok(0) | Err(_) => {
                    self.terminate();
                    deadline = Some(Instant::now() + ORPHAN_GRACE);
                }
                Ok(_) => match Command::parse(byte[0]) {
                    Some(Command::Interrupt) => self.interrupt(),
                    Some(Command::Terminate) => self.terminate(),
                    Some(Command::Kill) => return,
                    Some(Command::Start) | None => {}
                },
            }
        }
    }

    /// Remembers how the program ended, and answers it once.
    fn note(&mut self, pid: Pid, status: WaitStatus) -> Option<Report> {
        if pid != self.pid || self.exit.is_some() {
            return None;
        }
        let code = status.exit_status().map(Report::Exited);
        self.exit = code.or_else(|| status.terminating_signal().map(Report::Signalled));
        self.exit
    }

    /// What runs within the walls, the program that was meant first. The first process there only waits, and hears
    /// nothing; its eldest child is the program.
    fn within(&self) -> Vec<Pid> {
        if !self.walled {
            return Vec::new();
        }
        let mut found: Vec<Pid> = proc::children(self.pid).into_iter().flat_map(proc::children).collect();
        let mut next = 0;
        while let Some(pid) = found.get(next) {
            found.extend(proc::children(*pid));
            next += 1;
        }
        found
    }

    // The program was not collected yet, so its number and that of its group are its own. One that stopped itself would
    // not hear.

    fn interrupt(&self) {
        let within = self.within();
        let meant = within.first().copied().unwrap_or(self.pid);
        let _ = kill_process(meant, Signal::INT);
        let _ = kill_process(meant, Signal::CONT);
    }

    fn terminate(&self) {
        let within = self.within();
        if !within.is_empty() {
            for pid in within {
                let _ = kill_process(pid, Signal::TERM);
                let _ = kill_process(pid, Signal::CONT);
            }
            return;
        }
        let _ = kill_process_group(self.pid, Signal::TERM);
        let _ = kill_process_group(self.pid, Signal::CONT);
    }
}

/// Waits until the channel has something to say, a child has ended or time is over; whether it is the channel.
fn wake(channel: Option<&UnixStream>, mut children: &UnixStream, deadline: Option<Instant>) -> bool {
    let mut awaited = vec![PollFd::new(children, PollFlags::IN)];
    awaited.extend(channel.map(|channel| PollFd::new(channel, PollFlags::IN)));
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    let timeout = left.and_then(|left| Timespec::try_from(left).ok());
    if poll(&mut awaited, timeout.as_ref()).is_err() {
        return false; // interrupted by a signal
    }
    let is_channel = awaited.get(1).is_some_and(|channel| !channel.revents().is_empty());
    while matches!(children.read(&mut [0; 64]), Ok(1..)) {}
    is_channel
}

/// Nobody may be there to hear it.
fn tell(channel: &mut UnixStream, report: Report) {
    let _ = channel.write_all(&report.frame());
}
