//! What strace wrote of one thread: which calls it made in a place, and which of them was disturbed.

/// A call of the system that touched a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// Its name.
    pub(super) name: String,
    /// Which one of this name in the whole life of the thread, from 1.
    pub(super) nth: usize,
    /// The line, as it was written.
    pub(super) line: String,
}

/// Kinds of trouble that a call can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The process is killed when it enters the call.
    Kill,
    /// The device fails.
    Broken,
    /// The device is full.
    Full,
}

impl Trouble {
    pub(super) const ALL: [Self; 3] = [Self::Kill, Self::Broken, Self::Full];

    /// The name of its error, if it is one.
    pub(super) fn error(self) -> Option<&'static str> {
        match self {
            Self::Kill => None,
            Self::Broken => Some("EIO"),
            Self::Full => Some("ENOSPC"),
        }
    }

    /// Whether it can happen to a call.
    pub(super) fn can_happen_to(self, call: &Call) -> bool {
        match self {
            Self::Kill => true,
            // `close` gives a file back whatever it answers, and `fcntl` asks for flags in memory.
            Self::Broken => !matches!(call.name.as_str(), "close" | "fcntl"),
            Self::Full => match call.name.as_str() {
                "openat" => call.line.contains("O_CREAT"),
                name => matches!(name, "write" | "pwrite64" | "mkdir" | "rename" | "ftruncate" | "fsync" | "fdatasync"),
            },
        }
    }

    /// What strace is told.
    pub(super) fn injection(self, call: &Call) -> String {
        let what = self.error().map_or_else(|| "signal=SIGKILL".to_owned(), |error| format!("error={error}"));
        format!("inject={}:{what}:when={}", call.name, call.nth)
    }
}

/// The calls of a trace that touched a place, in order.
pub(super) fn calls(trace: &str, place: &str) -> Vec<Call> {
    let mut counts = std::collections::HashMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((name, rest)) = line.split_once('(') else { continue };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            continue; // a signal, or the end
        }
        let count = counts.entry(name).or_insert(0);
        *count += 1;
        if rest.contains(place) {
            calls.push(Call { name: name.to_owned(), nth: *count, line: line.to_owned() });
        }
    }
    calls
}

/// Whether it is the call at a place in the row that was disturbed in this trace, and no other one.
pub(super) fn disturbed(trace: &str, place: &str, index: usize, wanted: &Call, trouble: Trouble) -> bool {
    let calls = calls(trace, place);
    let here = calls.get(index).filter(|call| call.name == wanted.name);
    let injected = trace.lines().filter(|line| line.ends_with("(INJECTED)")).count();
    match trouble {
        Trouble::Kill => {
            let killed = trace.trim_end().ends_with("+++ killed by SIGKILL +++");
            here.is_some_and(|call| call.line.ends_with("= ?")) && calls.len() == index + 1 && killed && injected == 0
        }
        _ => here.is_some_and(|call| call.line.ends_with("(INJECTED)")) && injected == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "restart_syscall(<... resuming interrupted read ...>) = 0
openat(AT_FDCWD</tmp>, \"/proc/self/mounts\", O_RDONLY|O_CLOEXEC) = 3</proc/1/mounts>
mkdir(\"/place/data\", 0700)               = 0
openat(AT_FDCWD</tmp>, \"/place/data/LOCK\", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 3</place/data/LOCK>
--- SIGCHLD {si_signo=SIGCHLD} ---
openat(AT_FDCWD</tmp>, \"/place/data\", O_RDONLY) = 4</place/data>
close(4</place/data>)                    = 0
+++ exited with 0 +++
";

    #[test]
    fn calls_are_counted_in_the_life_of_the_thread() {
        let calls = calls(TRACE, "/place/");
        let told: Vec<_> = calls.iter().map(|call| (call.name.as_str(), call.nth)).collect();
        assert_eq!(told, [("mkdir", 1), ("openat", 2), ("openat", 3), ("close", 1)]);
        assert_eq!(Trouble::Full.injection(&calls[1]), "inject=openat:error=ENOSPC:when=2");
        assert_eq!(Trouble::Kill.injection(&calls[3]), "inject=close:signal=SIGKILL:when=1");
        let full: Vec<_> = calls.iter().map(|call| Trouble::Full.can_happen_to(call)).collect();
        assert_eq!(full, [true, true, false, false]);
        let broken: Vec<_> = calls.iter().map(|call| Trouble::Broken.can_happen_to(call)).collect();
        assert_eq!(broken, [true, true, true, false]);
    }

    #[test]
    fn the_wanted_call_and_no_other_was_disturbed() {
        let all = calls(TRACE, "/place/");
        let is = |trace: &str, index: usize, trouble| disturbed(trace, "/place/", index, &all[index], trouble);
        let killed = "openat(x)  = 3\nmkdir(\"/place/data\", 0700) = 0\nopenat(\"/place/data/LOCK\") = ?\n\
                      +++ killed by SIGKILL +++\n";
        assert!(is(killed, 1, Trouble::Kill));
        assert!(!is(killed, 0, Trouble::Kill) && !is(killed, 1, Trouble::Full) && !is(killed, 2, Trouble::Kill));
        let full = "mkdir(\"/place/data\", 0700) = -1 ENOSPC (No space left on device) (INJECTED)\n+++ exited +++\n";
        assert!(is(full, 0, Trouble::Full));
        assert!(!is(full, 1, Trouble::Full) && !is(full, 0, Trouble::Kill));
        assert!(!is(&full.replace("/place/", "/other/"), 0, Trouble::Full), "outside of the place");
        assert!(!is(TRACE, 0, Trouble::Full), "nothing was disturbed");
    }
}
