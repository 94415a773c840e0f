//! Rights that would take the walls down.

use std::fs;
use std::os::unix::fs::chown;

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, capability_is_in_ambient_set, no_new_privs};

use super::{Outside, Try, anybody, does, refused, somebody, superuser};

pub(super) fn all(outside: &Outside) -> Vec<Try<'_>> {
    let program = |what, program: &'static str, arguments: &'static [&'static str]| {
        superuser(what, move || does(program, arguments))
    };
    vec![
        program("a user namespace", "/usr/bin/unshare", &["--user", "/bin/true"]),
        program("a user namespace in which it is the superuser", "/usr/bin/unshare", &["--map-root-user", "/bin/true"]),
        program("a mount namespace", "/usr/bin/unshare", &["--mount", "/bin/true"]),
        program("a network namespace", "/usr/bin/unshare", &["--net", "/bin/true"]),
        superuser("the namespaces of a process outside", || {
            does("/usr/bin/nsenter", &["--target", &outside.pid.to_string(), "--mount", "/bin/true"])
        }),
        program("walls within the walls", "bwrap", &["--bind", "/", "/", "/bin/true"]),
        program("mounts", "/bin/sh", &["-c", "mkdir -p mounted && mount -t tmpfs none mounted && umount mounted"]),
        program("another root", "/usr/sbin/chroot", &["/", "/bin/true"]),
        program("becoming the superuser with a program that may", "/usr/bin/su", &["-c", "/bin/true"]),
        program("becoming the superuser", "/usr/bin/setpriv", &["--reuid=0", "/bin/true"]),
        program("becoming somebody else", "/usr/bin/setpriv", &["--reuid=65534", "--clear-groups", "/bin/true"]),
        program("core files", "/usr/bin/prlimit", &["--core=1:unlimited", "/bin/true"]),
        superuser("files of the superuser", || {
            fs::write("owned", "")?;
            chown("owned", Some(65534), Some(65534))?;
            chown("owned", Some(0), Some(0))
        }),
        superuser("any right of the superuser", || {
            let CapabilitySets { effective, permitted, .. } = capabilities(None)?;
            let given = CapabilitySet::all().iter().any(|right| capability_is_in_ambient_set(right).unwrap_or(false));
            if (effective | permitted).is_empty() && !given { refused("it has none") } else { Ok(()) }
        }),
        anybody("gaining rights by starting a program", || {
            if no_new_privs()? { refused("that is given up for good") } else { Ok(()) }
        }),
        anybody("calls by the numbers of programs with short pointers", || {
            // Without walls the kernel looks at it, and has it or not.
            does("/usr/bin/perl", &["-e", "exit 0 if syscall(0x40000027) >= 0 || $! != 1; die 'it is not permitted'"])
        }),
        somebody("keys that the kernel keeps for others", || match fs::read_to_string("/proc/keys") {
            Ok(keys) if !keys.trim().is_empty() => Ok(()),
            Ok(_) => refused("none are seen"),
            Err(error) => Err(error),
        }),
    ]
}
