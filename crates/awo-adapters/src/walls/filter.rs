//! Owns the system calls that no program within walls can use: those that lead to new walls of its own, where it would be
//! the superuser, and parts of the kernel that work does not need.

use std::collections::BTreeMap;
use std::io;

use libc::{
    AF_ALG, AF_VSOCK, CLONE_NEWUSER, EPERM, SYS_add_key, SYS_bpf, SYS_clone, SYS_clone3, SYS_fsopen,
    SYS_io_uring_enter, SYS_io_uring_register, SYS_io_uring_setup, SYS_ioctl, SYS_keyctl, SYS_mount, SYS_move_mount,
    SYS_open_tree, SYS_perf_event_open, SYS_pivot_root, SYS_request_key, SYS_setns, SYS_socket, SYS_umount2,
    SYS_unshare, SYS_userfaultfd, TIOCLINUX, TIOCSTI,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter, sock_filter,
};

/// Refused as not allowed.
const FORBIDDEN: &[i64] = &[
    SYS_add_key,
    SYS_bpf,
    SYS_fsopen,
    SYS_keyctl,
    SYS_mount,
    SYS_move_mount,
    SYS_open_tree,
    SYS_perf_event_open,
    SYS_pivot_root,
    SYS_request_key,
    SYS_setns,
    SYS_umount2,
    SYS_userfaultfd,
];

/// Refused as not there: programs then go another way. Of `clone3`, a filter cannot read what it is asked.
const ABSENT: &[i64] = &[SYS_clone3, SYS_io_uring_enter, SYS_io_uring_register, SYS_io_uring_setup];

/// Gives them up, for this process and all that it becomes and starts.
pub(super) fn apply() -> io::Result<()> {
    let mut forbidden: BTreeMap<i64, Vec<SeccompRule>> = FORBIDDEN.iter().map(|call| (*call, Vec::new())).collect();
    let users = CLONE_NEWUSER.unsigned_abs().into();
    forbidden.insert(SYS_clone, vec![argument(0, SeccompCmpOp::MaskedEq(users), users)?]);
    forbidden.insert(SYS_unshare, vec![argument(0, SeccompCmpOp::MaskedEq(users), users)?]);
    // Typing for whoever sits at a terminal.
    let typing = [TIOCSTI, TIOCLINUX].map(|request| argument(1, SeccompCmpOp::Eq, request));
    forbidden.insert(SYS_ioctl, typing.into_iter().collect::<io::Result<_>>()?);
    // Networks that have no namespaces: the machine's host, if it is a virtual one, and the kernel's ciphers.
    let families = [AF_VSOCK, AF_ALG].map(|family| argument(0, SeccompCmpOp::Eq, family.unsigned_abs().into()));
    forbidden.insert(SYS_socket, families.into_iter().collect::<io::Result<_>>()?);
    install(forbidden, EPERM)?;
    install(ABSENT.iter().map(|call| (*call, Vec::new())).collect(), libc::ENOSYS)?;
    refuse_other_numbers()
}

/// Where the numbers of a second set of calls begin, which some kernels have for programs with short pointers (x32). The
/// filters above know the first set only.
const OTHER_NUMBERS: u32 = 0x4000_0000;

/// Refuses that set as a whole.
fn refuse_other_numbers() -> io::Result<()> {
    let statement = |code: u32, k| u16::try_from(code).map(|code| sock_filter { code, jt: 0, jf: 0, k });
    let refuse = libc::SECCOMP_RET_ERRNO | EPERM.unsigned_abs();
    let program = [
        // The call's number is the first word of what a filter sees.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
        // Over what follows, if it is smaller.
        statement(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, OTHER_NUMBERS).map(|jump| sock_filter { jf: 1, ..jump }),
        statement(libc::BPF_RET | libc::BPF_K, refuse),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ];
    let program: BpfProgram = program.into_iter().collect::<Result<_, _>>().map_err(io::Error::other)?;
    apply_filter(&program).map_err(io::Error::other)
}

/// A rule about the lower half of an argument, which is all that these calls look at.
fn argument(index: u8, is: SeccompCmpOp, value: u64) -> io::Result<SeccompRule> {
    let condition = SeccompCondition::new(index, SeccompCmpArgLen::Dword, is, value);
    condition.and_then(|condition| SeccompRule::new(vec![condition])).map_err(io::Error::other)
}

/// Answers calls with an error, and does not do them; with no error (0) whoever calls believes that they were done.
pub(super) fn install(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: i32) -> io::Result<()> {
    let refuse = SeccompAction::Errno(errno.unsigned_abs());
    let machine = std::env::consts::ARCH.try_into().map_err(io::Error::other)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, machine).map_err(io::Error::other)?;
    let program: BpfProgram = filter.try_into().map_err(io::Error::other)?;
    apply_filter(&program).map_err(io::Error::other)
}
