//! Owns the system calls that lead out of walls of Landlock, as its rules do not know them: sockets of other kinds than TCP,
//! what processes share, and what is said about a file by its path.

use std::collections::BTreeMap;
use std::io;

use libc::{
    AF_INET, AF_INET6, AF_NETLINK, ENOSYS, ENOTSUP, EPERM, NETLINK_ROUTE, PRIO_PROCESS, SOCK_DGRAM, SOCK_RAW,
    SYS_fanotify_init, SYS_fchmodat, SYS_fchownat, SYS_getxattr, SYS_inotify_add_watch, SYS_ioprio_set, SYS_lgetxattr,
    SYS_listxattr, SYS_llistxattr, SYS_lremovexattr, SYS_lsetxattr, SYS_mq_open, SYS_mq_unlink, SYS_msgctl, SYS_msgget,
    SYS_msgrcv, SYS_msgsnd, SYS_open_by_handle_at, SYS_pidfd_open, SYS_prlimit64, SYS_removexattr,
    SYS_sched_setaffinity, SYS_sched_setattr, SYS_sched_setparam, SYS_sched_setscheduler, SYS_semctl, SYS_semget,
    SYS_semop, SYS_semtimedop, SYS_setpriority, SYS_setxattr, SYS_shmat, SYS_shmctl, SYS_shmget, SYS_socket,
    SYS_socketpair, SYS_utimensat,
};
use seccompiler::{SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};

use super::super::filter::install;

/// Refused as not allowed: who comes and goes in a directory, and files by a number instead of a path.
const FORBIDDEN: &[i64] = &[SYS_fanotify_init, SYS_inotify_add_watch, SYS_open_by_handle_at];

/// Refused as not there: memory, queues and semaphores that all processes of an account share, and other processes by a
/// number. Whoever started one has it already.
const ABSENT: &[i64] = &[
    SYS_mq_open,
    SYS_mq_unlink,
    SYS_msgctl,
    SYS_msgget,
    SYS_msgrcv,
    SYS_msgsnd,
    SYS_pidfd_open,
    SYS_semctl,
    SYS_semget,
    SYS_semop,
    SYS_semtimedop,
    SYS_shmat,
    SYS_shmctl,
    SYS_shmget,
];

/// Newer calls have one number everywhere.
const SETXATTRAT: i64 = 463;
const GETXATTRAT: i64 = 464;
const LISTXATTRAT: i64 = 465;
const REMOVEXATTRAT: i64 = 466;
const FCHMODAT2: i64 = 452;
const FILE_SETATTR: i64 = 469;

/// Attributes of files by their path; refused as a disk does that has none.
const ATTRIBUTES: &[i64] = &[
    SYS_getxattr,
    SYS_lgetxattr,
    SYS_listxattr,
    SYS_llistxattr,
    SYS_lremovexattr,
    SYS_lsetxattr,
    SYS_removexattr,
    SYS_setxattr,
    SETXATTRAT,
    GETXATTRAT,
    LISTXATTRAT,
    REMOVEXATTRAT,
    FILE_SETATTR,
];

/// Whose a file is, by its path.
const OWNERS: &[i64] = &[SYS_fchownat];

/// Who may use a file, by its path.
const MODES: &[i64] = &[FCHMODAT2, SYS_fchmodat];

/// The same, and the time of a file, in calls that only older machines have.
#[cfg(target_arch = "x86_64")]
const OLD: [&[i64]; 3] = [
    &[libc::SYS_chown, libc::SYS_lchown],
    &[libc::SYS_chmod],
    &[libc::SYS_futimesat, libc::SYS_utime, libc::SYS_utimes],
];
#[cfg(not(target_arch = "x86_64"))]
const OLD: [&[i64]; 3] = [&[], &[], &[]];

/// Kinds of [`SYS_ioprio_set`]: one process.
const IOPRIO_WHO_PROCESS: i32 = 1;

/// Gives them up, for this process and all that it becomes and starts.
pub(super) fn give_up(network: bool, own_account: bool) -> io::Result<()> {
    let [old_owners, old_modes, old_times] = OLD;
    let mut forbidden = all([FORBIDDEN, old_times]);
    if !own_account {
        // Files outside are its own then. Git takes no refusal of a mode, so that is done in words only.
        forbidden.extend(all([OWNERS, old_owners]));
        install(all([MODES, old_modes]), 0)?;
    }
    forbidden.extend(sockets(network)?);
    forbidden.extend(others()?);
    // With a path; without one it is a file that is open.
    forbidden.insert(SYS_utimensat, vec![rule([condition(1, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?])?]);
    install(forbidden, EPERM)?;
    install(all([ATTRIBUTES]), ENOTSUP)?;
    install(all([ABSENT]), ENOSYS)
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn all<const N: usize>(lists: [&[i64]; N]) -> Rules {
    lists.into_iter().flatten().map(|call| (*call, Vec::new())).collect()
}

/// Sockets with a path or a name of their own are never made, as no rule says whose they reach: a service of the machine may
/// be behind. A pair of the kind that can be sent elsewhere is one, too.
fn sockets(network: bool) -> io::Result<Rules> {
    let is_not = |index, value: i32| word(index, SeccompCmpOp::Ne, value);
    let refused = if network {
        vec![
            rule([is_not(0, AF_INET)?, is_not(0, AF_INET6)?, is_not(0, AF_NETLINK)?])?,
            rule([word(0, SeccompCmpOp::Eq, AF_NETLINK)?, is_not(2, NETLINK_ROUTE)?])?,
        ]
    } else {
        Vec::new()
    };
    let kind = |kind: i32| rule([word(1, SeccompCmpOp::MaskedEq(0xf), kind)?]);
    Ok([(SYS_socket, refused), (SYS_socketpair, vec![kind(SOCK_DGRAM)?, kind(SOCK_RAW)?])].into())
}

/// What is asked for another process than the one that asks.
fn others() -> io::Result<Rules> {
    let is_not = |index, value| rule([word(index, SeccompCmpOp::Ne, value)?]);
    let mut rules = Rules::new();
    for call in [SYS_prlimit64, SYS_sched_setaffinity, SYS_sched_setattr, SYS_sched_setparam, SYS_sched_setscheduler] {
        rules.insert(call, vec![is_not(0, 0)?]);
    }
    let one_process = PRIO_PROCESS.try_into().map_err(io::Error::other)?;
    rules.insert(SYS_setpriority, vec![is_not(0, one_process)?, is_not(1, 0)?]);
    rules.insert(SYS_ioprio_set, vec![is_not(0, IOPRIO_WHO_PROCESS)?, is_not(1, 0)?]);
    Ok(rules)
}

fn word(index: u8, is: SeccompCmpOp, value: i32) -> io::Result<SeccompCondition> {
    condition(index, SeccompCmpArgLen::Dword, is, value.unsigned_abs().into())
}

fn condition(index: u8, length: SeccompCmpArgLen, is: SeccompCmpOp, value: u64) -> io::Result<SeccompCondition> {
    SeccompCondition::new(index, length, is, value).map_err(io::Error::other)
}

/// Met when all of its conditions are.
fn rule<const N: usize>(conditions: [SeccompCondition; N]) -> io::Result<SeccompRule> {
    SeccompRule::new(conditions.into()).map_err(io::Error::other)
}
