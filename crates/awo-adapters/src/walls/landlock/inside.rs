//! Owns the first program within walls of Landlock: it takes on the account and the limits, gives up all but its places, and
//! becomes the program that was meant.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, RulesetCreated,
    RulesetCreatedAttr as _, Scope, path_beneath_rules,
};

use super::super::account::PASSING;
use super::super::inside::{account_of, become_account, fail, limit};
use super::super::limits::ProcessLimits;
use super::super::{WallKind, check, filter};
use super::{NETWORK, calls};

/// What of Landlock is needed, all of it: with the sixth version came that signals and abstract sockets stay within.
const NEEDED: ABI = ABI::V6;

/// Becomes the program that the arguments name; the exit code if that cannot be.
pub(crate) fn enter(arguments: impl Iterator<Item = OsString>) -> i32 {
    become_program(arguments).unwrap_or_else(|error| fail(&error))
}

fn become_program(mut arguments: impl Iterator<Item = OsString>) -> io::Result<i32> {
    let mut next = || arguments.next().ok_or_else(|| io::Error::from(ErrorKind::InvalidInput));
    let (account, limits, network) = (account_of(&next()?)?, next()?, next()? == NETWORK);
    let mut places = || -> io::Result<Vec<PathBuf>> {
        let count = next()?.to_str().and_then(|count| count.parse::<usize>().ok()).ok_or(ErrorKind::InvalidInput)?;
        (0..count).map(|_| next().map(PathBuf::from)).collect()
    };
    let (read, write) = (places()?, places()?);
    let program = next()?;
    limit(&ProcessLimits::parse(&limits).ok_or(ErrorKind::InvalidInput)?)?;
    // With the rights that there are yet: what leads to a place may be closed to the account.
    let rules = rules(&read, &write, network)?;
    if let Some(account) = account {
        become_account(account, &[PASSING])?;
        write.iter().map(PathBuf::as_path).chain([Path::new(&program)]).try_for_each(is_reached)?;
    }
    give_up_rights()?;
    // It promises to gain no rights, too.
    rules.restrict_self().map_err(io::Error::other)?;
    filter::apply()?;
    calls::give_up(network, account.is_some())?;
    if program == check::PROGRAM {
        return Ok(check::run(WallKind::Landlock, arguments));
    }
    let error = Command::new(&program).args(arguments).exec();
    Err(io::Error::new(error.kind(), format!("{}: {error}", program.display())))
}

/// Read and write are about files and directories, and all below these.
fn rules(read: &[PathBuf], write: &[PathBuf], network: bool) -> io::Result<RulesetCreated> {
    let all = AccessFs::from_all(NEEDED);
    // Sockets and devices are no work.
    let made = all & !(AccessFs::MakeSock | AccessFs::MakeChar | AccessFs::MakeBlock);
    let rules = || {
        let needed = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        let needed = needed.handle_access(all)?.scope(Scope::from_all(NEEDED))?;
        let needed = if network { needed } else { needed.handle_access(AccessNet::from_all(NEEDED))? };
        let rules = needed.create()?.add_rules(path_beneath_rules(read, AccessFs::from_read(NEEDED)))?;
        rules.add_rules(path_beneath_rules(write, made))
    };
    rules().map_err(|error| {
        let told = format!("the kernel's Landlock does not do what is needed of it ({error})");
        io::Error::new(ErrorKind::Unsupported, told)
    })
}

/// Those of the superuser, where awo has some without being it.
fn give_up_rights() -> io::Result<()> {
    use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
    let none = CapabilitySet::empty();
    Ok(set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?)
}

/// Fails if the account cannot get to a place, and says where its way ends.
pub(in crate::walls) fn is_reached(place: &Path) -> io::Result<()> {
    let closed =
        |path: &Path| fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied);
    if !closed(place) {
        return Ok(());
    }
    let end = place.ancestors().find(|above| !closed(above)).unwrap_or(Path::new("/"));
    let message = format!(
        "the account of an order does not get to {}, as nobody else may pass {}",
        place.display(),
        end.display()
    );
    Err(io::Error::new(ErrorKind::PermissionDenied, message))
}
