//! Owns the signals to a process group, and knows when its leader has ended.

use std::io;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use tokio::process::Child;
use tokio::time::{Instant, sleep};

/// How long to wait for killed processes to be gone. They have no say in it, so this is for the kernel only.
const GONE_WITHIN: Duration = Duration::from_millis(500);

/// The group of a child that leads it. Dropping it kills the group.
///
/// It must be dropped or killed before the child is reaped: until then the number cannot mean another group.
#[derive(Debug)]
pub(super) struct Group {
    leader: Pid,
    killed: bool,
}

impl Group {
    /// The group that `pid` leads; `None` if it is no number of a process.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let leader = Pid::from_raw(i32::try_from(pid).ok()?)?;
        Some(Self { leader, killed: false })
    }

    /// Asks the leader to stop. It knows best how to stop its own children, so they are not signalled.
    pub(super) fn interrupt(&self) {
        // Errors mean that it is gone already, here and below.
        let _ = kill_process(self.leader, Signal::INT);
    }

    /// Tells the whole group to stop.
    pub(super) fn terminate(&self) {
        let _ = kill_process_group(self.leader, Signal::TERM);
    }

    /// Makes the whole group stop.
    pub(super) fn kill(&mut self) {
        self.killed = true;
        let _ = kill_process_group(self.leader, Signal::KILL);
    }

    /// Waits until a killed group has no member left, within bounds. The leader must have been reaped.
    pub(super) async fn gone(&self) {
        let until = Instant::now() + GONE_WITHIN;
        while test_kill_process_group(self.leader).is_ok() && Instant::now() < until {
            sleep(Duration::from_millis(2)).await;
        }
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
pub(super) async fn ended(child: &mut Child) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if let Some(end) = end_of(child) {
        return end.readable().await.map(drop);
    }
    child.wait().await.map(drop)
}

/// A file descriptor that becomes readable when the child ends; `None` where the system has none to give.
#[cfg(target_os = "linux")]
#[expect(
    deprecated,
    reason = "its successor is an unsafe function, for types that change their descriptor; an OwnedFd does not"
)]
fn end_of(child: &Child) -> Option<tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>> {
    use rustix::process::{PidfdFlags, pidfd_open};
    use tokio::io::{Interest, unix::AsyncFd};

    let pid = Pid::from_raw(i32::try_from(child.id()?).ok()?)?;
    let descriptor = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    AsyncFd::with_interest(descriptor, Interest::READABLE).ok()
}
