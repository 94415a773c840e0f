//! Owns what `/proc` tells of processes, and signals that reach exactly the processes that were looked at.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

/// What `/proc/<pid>/stat` tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) state: char,
    pub(crate) parent: i32,
}

impl Stat {
    /// The name of the command stands in parentheses and may hold anything, parentheses too.
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text[text.rfind(')')? + 1..].split_whitespace();
        Some(Self { state: fields.next()?.chars().next()?, parent: fields.next()?.parse().ok()? })
    }
}

pub(crate) fn stat(pid: Pid) -> Option<Stat> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    Stat::parse(&String::from_utf8_lossy(&text))
}

/// All processes that can be seen.
pub(crate) fn all() -> io::Result<Vec<Pid>> {
    let entries = fs::read_dir("/proc")?.flatten();
    Ok(entries.filter_map(|entry| pid(entry.file_name().to_str()?)).collect())
}

/// The children of a process. One that ends meanwhile may hide another: look again.
pub(crate) fn children(of: Pid) -> Vec<Pid> {
    let Ok(threads) = fs::read_dir(format!("/proc/{of}/task")) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for thread in threads.flatten() {
        match fs::read_to_string(thread.path().join("children")) {
            Ok(list) => found.extend(list.split_whitespace().filter_map(pid)),
            // The thread is gone, or the kernel was built without these lists.
            Err(_) if thread.path().exists() => return children_by_parent(of),
            Err(_) => {}
        }
    }
    found
}

fn children_by_parent(of: Pid) -> Vec<Pid> {
    let is_child = |pid: &Pid| stat(*pid).is_some_and(|stat| stat.parent == of.as_raw_nonzero().get());
    all().unwrap_or_default().into_iter().filter(is_child).collect()
}

/// The environment that a process was started with, if it may be read.
pub(crate) fn environment(pid: Pid) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/environ")).unwrap_or_default()
}

/// The command line that a process was started with, if it may be read.
pub(crate) fn command_line(pid: Pid) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

/// Kills a process and all that is below it, if `still` says that it is the one that was meant; whether it was.
///
/// Each is stopped before its children are looked for, so that it has no new ones.
pub(crate) fn kill_tree(top: Pid, still: impl Fn() -> bool) -> bool {
    let Some(top) = Handle::of(top, still) else {
        return false;
    };
    let mut tree = vec![top];
    let mut next = 0;
    while let Some(parent) = tree.get(next) {
        parent.send(Signal::STOP);
        let parent = parent.pid;
        let is_below = |child| move || stat(child).is_some_and(|stat| Pid::from_raw(stat.parent) == Some(parent));
        tree.extend(children(parent).into_iter().filter_map(|child| Handle::of(child, is_below(child))));
        next += 1;
    }
    for process in &tree {
        process.send(Signal::KILL);
    }
    true
}

/// A process that was looked at. If its number is given to another one, signals reach nobody.
struct Handle {
    pid: Pid,
    /// `None` where the kernel has none to give: the moment between look and signal stays there.
    descriptor: Option<OwnedFd>,
}

impl Handle {
    /// A handle of a process, unless `still`, asked when it is taken, says that it is another.
    fn of(pid: Pid, still: impl Fn() -> bool) -> Option<Self> {
        let descriptor = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(descriptor) => Some(descriptor),
            Err(Errno::NOSYS) => None,
            Err(_) => return None,
        };
        still().then_some(Self { pid, descriptor })
    }

    /// An error means that it is gone, or somebody else's.
    fn send(&self, signal: Signal) {
        let _ = match &self.descriptor {
            Some(descriptor) => pidfd_send_signal(descriptor, signal),
            None => kill_process(self.pid, signal),
        };
    }
}

fn pid(text: &str) -> Option<Pid> {
    Pid::from_raw(text.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_name_may_hold_what_looks_like_fields() {
        let stat = Stat::parse("17 (a) R 3 (b)) S 4 17 17 0 -1").unwrap();
        assert_eq!(stat, Stat { state: 'S', parent: 4 });
        assert_eq!(Stat::parse("17 (cut"), None);
    }

    #[test]
    fn children_are_found_and_only_the_one_that_was_meant_is_killed() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let (me, pid) = (rustix::process::getpid(), Pid::from_child(&child));
        assert!(children(me).contains(&pid) && children_by_parent(me).contains(&pid));
        assert!(all().unwrap().contains(&pid));
        assert!(!kill_tree(pid, || false));
        assert_ne!(stat(pid).unwrap().state, 'Z');
        assert!(kill_tree(pid, || stat(pid).is_some_and(|stat| stat.parent == me.as_raw_nonzero().get())));
        child.wait().unwrap();
        assert_eq!(stat(pid), None);
        assert!(!kill_tree(pid, || true), "its number means nobody");
    }

    #[test]
    fn all_generations_are_killed() {
        let mut command = Command::new("/bin/sh");
        // The innermost tells its number.
        command.args(["-c", "sh -c 'sh -c \"echo \\$\\$; exec sleep 600\"; :'; :"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let innermost = pid(line.trim()).unwrap();
        assert!(!children(Pid::from_child(&child)).contains(&innermost), "there is one between them");
        assert!(kill_tree(Pid::from_child(&child), || true));
        child.wait().unwrap();
        awo_testkit::until("it ends", || stat(innermost).is_none_or(|stat| stat.state == 'Z'));
    }
}
