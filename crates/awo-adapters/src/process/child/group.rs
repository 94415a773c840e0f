//! Owns programs without a keeper: the signals to a process group, and the end of its leader.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use super::{Child, Control, Ending, Exit, GONE_WITHIN, Input, Start};

/// How long others of a killed group may take to be collected by whoever is their parent now.
const COLLECTED_WITHIN: Duration = Duration::from_millis(500);

pub(super) fn start(start: Start, marks: &[(OsString, OsString)]) -> io::Result<Child> {
    let mut child = Command::new(&start.program)
        .args(start.args)
        .env_clear()
        .envs(start.env)
        .envs(marks.iter().cloned())
        .current_dir(start.working_dir)
        .stdin(match start.stdin {
            Input::Nothing => Stdio::null(),
            Input::Pipe => Stdio::piped(),
            Input::File(file) => file.into(),
        })
        .stdout(start.stdout)
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let pid = child.id().unwrap_or_default();
    let group = Group::of(pid).ok_or_else(|| io::Error::other("it has no process number"))?;
    Ok(Child {
        pid: Some(pid),
        stdin: child.stdin.take(),
        stdout: child.stdout.take(),
        stderr: child.stderr.take(),
        control: Control::Group(group),
        ending: Ending::Group(Box::new(child)),
    })
}

/// The group of a child that leads it. Dropping it kills the group.
///
/// It must be dropped or killed before the child is reaped: until then the number cannot mean another group.
#[derive(Debug)]
pub(crate) struct Group {
    leader: Pid,
    killed: bool,
}

impl Group {
    /// The group that `pid` leads; `None` if it is no number of a process.
    fn of(pid: u32) -> Option<Self> {
        let leader = Pid::from_raw(i32::try_from(pid).ok()?)?;
        Some(Self { leader, killed: false })
    }

    // Errors mean that it is gone already. One that stopped itself would not hear.

    pub(super) fn interrupt(&self) {
        let _ = kill_process(self.leader, Signal::INT);
        let _ = kill_process(self.leader, Signal::CONT);
    }

    pub(super) fn terminate(&self) {
        let _ = kill_process_group(self.leader, Signal::TERM);
        let _ = kill_process_group(self.leader, Signal::CONT);
    }

    pub(super) fn kill(&mut self) {
        self.killed = true;
        let _ = kill_process_group(self.leader, Signal::KILL);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.killed {
            self.kill();
        }
    }
}

/// Waits for the end of a child, on Linux without reaping it: its number stays taken until the group is killed.
pub(super) async fn ended(child: &mut tokio::process::Child) {
    #[cfg(target_os = "linux")]
    if let Some(end) = end_of(child)
        && end.readable().await.is_ok()
    {
        return;
    }
    let _ = child.wait().await;
}

/// A file descriptor that becomes readable when the child ends; `None` where the system has none to give.
#[cfg(target_os = "linux")]
#[expect(
    deprecated,
    reason = "its successor is an unsafe function, for types that change their descriptor; an OwnedFd does not"
)]
fn end_of(child: &tokio::process::Child) -> Option<tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>> {
    use rustix::process::{PidfdFlags, pidfd_open};
    use tokio::io::{Interest, unix::AsyncFd};

    let pid = Pid::from_raw(i32::try_from(child.id()?).ok()?)?;
    let descriptor = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    AsyncFd::with_interest(descriptor, Interest::READABLE).ok()
}

/// How a child ended that was killed or has ended.
pub(super) async fn collect(child: &mut tokio::process::Child) -> Exit {
    match timeout(GONE_WITHIN, child.wait()).await {
        Ok(Ok(status)) => exit_of(status),
        // It was killed, and will end when the kernel lets go of it.
        Ok(Err(_)) | Err(_) => Exit::Signalled(Signal::KILL.as_raw()),
    }
}

/// Waits until a killed group has no member left, within bounds; how its leader ended.
pub(super) async fn gone(child: &mut tokio::process::Child, group: &Group) -> Exit {
    let exit = collect(child).await;
    let until = Instant::now() + COLLECTED_WITHIN;
    while test_kill_process_group(group.leader).is_ok() && Instant::now() < until {
        sleep(Duration::from_millis(2)).await;
    }
    exit
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Exited(code),
        (None, signal) => Exit::Signalled(signal.unwrap_or_default()),
    }
}
