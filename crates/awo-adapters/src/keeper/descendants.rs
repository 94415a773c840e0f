//! Owns the end of all that lives below this process.

use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, WaitOptions, WaitStatus, getpid, wait};

use crate::proc;

/// Pauses between two looks: the kernel needs a moment, and a process that cannot end now is not to cost a core.
const PAUSES: (Duration, Duration) = (Duration::from_micros(300), Duration::from_millis(100));

/// Collects the children that have ended, and tells of each; `false` if there are no children, dead or alive.
pub(super) fn collect(ended: &mut dyn FnMut(Pid, WaitStatus)) -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => ended(pid, status),
            Ok(None) => return true,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

/// Kills everything below this process, new ones too, until nothing is there. Returns only then.
///
/// This process must be a subreaper: what loses its parent becomes its child, so that having no child means that nothing
/// is left.
pub(super) fn end_all(ended: &mut dyn FnMut(Pid, WaitStatus)) {
    let (mut pause, longest) = PAUSES;
    while collect(ended) {
        kill_once();
        // Those that were killed have most often ended by now.
        if !collect(ended) {
            return;
        }
        sleep(pause);
        pause = (pause * 2).min(longest);
    }
}

/// Kills what is below this process now.
fn kill_once() {
    let me = getpid();
    for child in proc::children(me) {
        proc::kill_tree(child, || proc::stat(child).is_some_and(|stat| Pid::from_raw(stat.parent) == Some(me)));
    }
}
