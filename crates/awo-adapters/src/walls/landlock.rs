//! Owns walls of Landlock, which the kernel holds up by itself: what the first program is told, which then gives up the rest.
//!
//! There is no other view of the machine, as in namespaces: what is not among the places can be neither read nor written,
//! but that it is there can be seen.

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod inside;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::places::{ETC, ETC_NETWORK, MERGED, SYSTEM, shown};
use super::{Launch, Reach, Room, WallSettings};

#[cfg(target_os = "linux")]
pub(crate) use inside::enter;
#[cfg(target_os = "linux")]
pub(super) use inside::is_reached;

/// First argument of the first program. The number changes with what the others mean.
pub(crate) const MODE: &str = "awo-landlock/1";

/// Devices that every program may use; each is the same for all.
const DEVICES: &[&str] = &["/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero"];

/// What is told about the machine, and about no process.
const MACHINE: &[&str] = &["/proc/cpuinfo", "/proc/filesystems", "/proc/meminfo", "/proc/version"];

/// In the arguments: that the machine's network is there.
const NETWORK: &str = "network";
const NO_NETWORK: &str = "-";

/// How a program is started in a room, without its own arguments.
pub(super) fn launch(settings: &WallSettings, room: &Room, program: &Path) -> Launch {
    let network = if room.reach == Reach::Everything { ETC_NETWORK } else { [].as_slice() };
    let system = [SYSTEM, MERGED, ETC, network, MACHINE].into_iter().flatten().map(PathBuf::from);
    let read: Vec<PathBuf> = system.chain(shown(settings, room, program)).chain(room.borrowed.clone()).collect();
    let write: Vec<PathBuf> = DEVICES.iter().map(PathBuf::from).chain(room.writable.clone()).collect();
    let account = room.account.map_or_else(|| "-".to_owned(), |account| account.0.to_string());
    let network = if room.reach == Reach::Everything { NETWORK } else { NO_NETWORK };
    let mut args = vec![MODE.into(), account.into(), settings.limits.argument(), network.into()];
    for places in [read, write] {
        args.push(OsString::from(places.len().to_string()));
        args.extend(places.into_iter().map(OsString::from));
    }
    args.push(program.into());
    Launch { program: settings.keeper.as_ref().map(crate::Keeper::real_program).unwrap_or_default(), args }
}

/// Something hidden in a place that every program reads: nothing can be taken out of a place again.
pub(super) fn laid_open(settings: &WallSettings) -> Option<&Path> {
    let hidden = settings.hidden.iter().find(|hidden| super::places::is_of_system(hidden));
    hidden.map(PathBuf::as_path)
}

#[cfg(test)]
mod tests {
    use super::super::{Account, WallKind};
    use super::*;

    #[test]
    fn the_first_program_is_told_who_it_is_and_which_places_there_are() {
        let room = Room {
            kind: WallKind::Landlock,
            account: Some(Account(7)),
            writable: vec!["/data/w/repo".into()],
            readable: vec!["/data/certificate".into()],
            borrowed: vec!["/data/mirror/objects".into()],
            seen_as: Vec::new(),
            covered: Vec::new(),
            reach: Reach::Nothing,
        };
        let hidden = vec!["/data".into(), "/home/me".into()];
        let readable = vec!["/home".into(), "/home/me/tools".into()];
        let settings = WallSettings { readable, hidden, ..WallSettings::new(None) };
        let told = |room: &Room| {
            let launch = launch(&settings, room, Path::new("/home/me/agent"));
            launch.args.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" ")
        };
        let off = told(&room);
        assert!(off.starts_with("awo-landlock/1 7 2048,17179869184,34359738368,- - "), "{off}");
        assert!(off.ends_with(" 6 /dev/full /dev/null /dev/random /dev/urandom /dev/zero /data/w/repo /home/me/agent"));
        for place in ["/usr", "/data/certificate", "/data/mirror/objects", "/home/me/tools"] {
            assert!(off.contains(&format!(" {place} ")), "{place}: {off}");
        }
        for place in ["/home", "/data", "/proc", "/tmp", "/etc", "/etc/resolv.conf"] {
            assert!(!off.contains(&format!(" {place} ")), "{place}: {off}");
        }
        let host = told(&Room { account: None, reach: Reach::Everything, ..room });
        assert!(host.contains(",- network ") && host.contains(" /etc/resolv.conf "), "{host}");
    }

    #[test]
    fn what_is_hidden_may_not_lie_where_all_programs_read() {
        let within = |hidden: &str| WallSettings { hidden: vec![hidden.into()], ..WallSettings::new(None) };
        assert_eq!(laid_open(&within("/usr/local/awo")), Some(Path::new("/usr/local/awo")));
        assert_eq!(laid_open(&within("/var/lib/awo")), None);
    }
}
