//! Owns the first program within walls of bubblewrap: it takes on the account and the limits, gives up system calls, and becomes the
//! program that was meant.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::bubblewrap::FORWARDED;
use super::filter;
use super::forwarder;
use super::limits::ProcessLimits;
use super::{WallKind, check};

/// Exit code when the program that was meant was not started.
const FAILED: i32 = 126;

/// Becomes the program that the arguments name; the exit code if that cannot be.
pub(crate) fn enter(arguments: impl Iterator<Item = OsString>) -> i32 {
    become_program(arguments).unwrap_or_else(|error| fail(&error))
}

/// Says why the program that was meant was not started; the exit code.
pub(super) fn fail(error: &io::Error) -> i32 {
    let _ = writeln!(io::stderr(), "awo: cannot start within walls: {error}");
    FAILED
}

fn become_program(mut arguments: impl Iterator<Item = OsString>) -> io::Result<i32> {
    let mut next = || arguments.next().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput));
    let (account, limits, way_out, program) = (next()?, next()?, next()?, next()?);
    let account = account_of(&account)?;
    limit(&ProcessLimits::parse(&limits).ok_or(io::ErrorKind::InvalidInput)?)?;
    if program == check::PROGRAM {
        if let Some(account) = account {
            become_account(account, &[])?;
        }
        filter::apply()?;
        return Ok(check::run(WallKind::Bubblewrap, arguments));
    }
    filter::apply()?;
    if way_out == FORWARDED {
        forwarder::start(account)?;
    }
    let mut command = Command::new(&program);
    command.args(arguments);
    if let Some(account) = account {
        command.uid(account).gid(account);
    }
    let error = command.exec();
    Err(io::Error::new(error.kind(), format!("{}: {error}", program.display())))
}

/// The number of an account, as an argument.
pub(super) fn account_of(argument: &OsStr) -> io::Result<Option<u32>> {
    match argument.to_str() {
        Some("-") => Ok(None),
        number => Ok(Some(number.and_then(|number| number.parse().ok()).ok_or(io::ErrorKind::InvalidInput)?)),
    }
}

/// Becomes it, in these groups and no others.
pub(super) fn become_account(account: u32, groups: &[u32]) -> io::Result<()> {
    use rustix::process::{Gid, Uid};
    use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};
    let groups: Vec<Gid> = groups.iter().map(|group| Gid::from_raw(*group)).collect();
    set_thread_groups(&groups)?;
    // There is one thread.
    set_thread_gid(Gid::from_raw(account))?;
    Ok(set_thread_uid(Uid::from_raw(account))?)
}

/// Sets the limits, for this process and all that it starts.
pub(super) fn limit(limits: &ProcessLimits) -> io::Result<()> {
    let wanted = [
        (Resource::Nproc, limits.processes),
        (Resource::Data, limits.memory_bytes),
        (Resource::Fsize, limits.file_bytes),
        (Resource::Cpu, limits.cpu_seconds),
        // A core is a copy of the memory, with the secrets in it.
        (Resource::Core, Some(0)),
    ];
    for (resource, most) in wanted {
        let Some(most) = most else { continue };
        // Never more than there is already.
        let most = getrlimit(resource).maximum.map_or(most, |there| there.min(most));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}
