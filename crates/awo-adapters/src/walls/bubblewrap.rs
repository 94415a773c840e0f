//! Owns the arguments of `bwrap`: what is seen, what is not, and which program is first.
//!
//! Secrets are in none of them, as other users can read them. They are in the program's environment, which `bwrap` is
//! started with: it has no other, so the first process within shows nothing that the program does not have.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::places::{ETC, ETC_NETWORK, MERGED, SYSTEM, shown};
use super::{Launch, MODE, Reach, Room, WallSettings};

/// Where the first program within is seen.
pub(super) const INSIDE: &str = "/run/awo/inside";

/// Where the socket of awo's proxy is seen.
pub(super) const PROXY_SOCKET: &str = "/run/awo/proxy";

/// In the arguments of the first program: whether connections are forwarded to awo's proxy.
pub(super) const FORWARDED: &str = "forwarded";
const NOT_FORWARDED: &str = "-";

/// How a program is started in a room, without its own arguments.
pub(super) fn launch(settings: &WallSettings, room: &Room, program: &Path, working_dir: &Path) -> Launch {
    let mut view = View::default();
    view.options(&["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]);
    view.options(&["--hostname", "awo", "--die-with-parent"]);
    if room.reach != Reach::Everything {
        view.options(&["--unshare-net"]);
    }
    if room.account.is_some() {
        // To become that account is all that is left of the superuser's rights.
        view.options(&["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]);
    } else {
        view.options(&["--unshare-user"]);
    }
    system(&mut view, room);
    for path in shown(settings, room, program) {
        view.bind("--ro-bind-try", &path, &path);
    }
    // What lies in a place that is seen all the same.
    for hidden in &settings.hidden {
        if view.shows(hidden) {
            view.options(&["--tmpfs"]);
            view.args.push(hidden.into());
        }
    }
    for path in &room.borrowed {
        view.bind("--ro-bind-try", path, path);
    }
    for path in &room.writable {
        view.bind("--bind", path, path);
    }
    for (what, place) in &room.seen_as {
        view.bind("--ro-bind", what, place);
    }
    for (what, place) in &room.covered {
        view.bind("--ro-bind", what, place);
    }
    let inside = settings.keeper.as_ref().map(crate::Keeper::real_program).unwrap_or_default();
    view.bind("--ro-bind", &inside, Path::new(INSIDE));
    let way_out = match &room.reach {
        Reach::Proxy(socket) => {
            view.bind("--ro-bind", socket, Path::new(PROXY_SOCKET));
            FORWARDED
        }
        Reach::Nothing | Reach::Everything => NOT_FORWARDED,
    };
    view.options(&["--remount-ro", "/dev", "--remount-ro", "/", "--chdir"]);
    view.args.push(working_dir.into());
    view.options(&["--", INSIDE, MODE]);
    let account = room.account.map_or_else(|| "-".to_owned(), |account| account.0.to_string());
    view.args.extend([account.into(), settings.limits.argument(), way_out.into(), program.into()]);
    Launch { program: settings.bubblewrap.clone(), args: view.args }
}

/// What every program sees.
fn system(view: &mut View, room: &Room) {
    for place in SYSTEM {
        view.bind("--ro-bind-try", Path::new(place), Path::new(place));
    }
    for place in MERGED.iter().map(Path::new) {
        match std::fs::read_link(place) {
            Ok(target) => {
                view.options(&["--symlink"]);
                view.args.extend([target.into(), place.into()]);
            }
            Err(_) => view.bind("--ro-bind-try", place, place),
        }
    }
    let network = if room.reach == Reach::Everything { ETC_NETWORK } else { [].as_slice() };
    for place in ETC.iter().chain(network).map(Path::new) {
        view.bind("--ro-bind-try", place, place);
    }
    view.options(&["--proc", "/proc", "--dev", "/dev"]);
    // In memory, and shared with nobody. For what is large there is TMPDIR.
    for (place, bytes) in [("/dev/shm", "268435456"), ("/tmp", "1073741824")] {
        view.options(&["--perms", "1777", "--size", bytes, "--tmpfs", place]);
        view.made.insert(place.into());
    }
}

/// Arguments that add to what is seen.
#[derive(Debug, Default)]
struct View {
    args: Vec<OsString>,
    /// Directories that are there because something below them is.
    made: BTreeSet<PathBuf>,
    /// What is seen, and all below it.
    bound: Vec<PathBuf>,
}

impl View {
    fn options(&mut self, options: &[&str]) {
        self.args.extend(options.iter().map(OsString::from));
    }

    fn bind(&mut self, how: &str, what: &Path, place: &Path) {
        self.make_way(place);
        self.args.extend([OsStr::new(how), what.as_os_str(), place.as_os_str()].map(OsStr::to_owned));
        self.bound.push(place.to_owned());
    }

    fn shows(&self, path: &Path) -> bool {
        self.bound.iter().any(|bound| path.starts_with(bound))
    }

    /// Directories above a place, which anybody may pass: left to itself, `bwrap` makes them for the superuser only.
    fn make_way(&mut self, place: &Path) {
        let above: Vec<PathBuf> = place.ancestors().skip(1).map(Path::to_owned).collect();
        for directory in above.iter().rev().filter(|directory| directory.parent().is_some()) {
            if self.shows(directory) || !self.made.insert(directory.clone()) {
                continue;
            }
            self.options(&["--perms", "0755", "--dir"]);
            self.args.push(directory.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Account, WallKind};
    use super::*;

    fn room() -> Room {
        Room {
            kind: WallKind::Bubblewrap,
            account: None,
            writable: vec!["/data/w/repo".into()],
            readable: Vec::new(),
            borrowed: Vec::new(),
            seen_as: Vec::new(),
            covered: Vec::new(),
            reach: Reach::Everything,
        }
    }

    fn words(settings: &WallSettings, room: &Room) -> String {
        let launch = launch(settings, room, Path::new("/usr/bin/true"), Path::new("/data/w/repo"));
        launch.args.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn who_a_program_is_and_what_it_has_of_the_network_is_as_the_room_says() {
        let settings = WallSettings::new(None);
        let own = words(&settings, &room());
        assert!(own.contains("--unshare-user") && !own.contains("--unshare-net") && own.contains("/etc/resolv.conf"));
        let other = words(&settings, &Room { account: Some(Account(7)), reach: Reach::Nothing, ..room() });
        assert!(
            !other.contains("--unshare-user") && other.contains("--cap-drop ALL") && other.contains("--unshare-net")
        );
        assert!(!other.contains("/etc/resolv.conf"));
        assert!(other.ends_with("7 2048,17179869184,34359738368,- - /usr/bin/true"), "{other}");
        let proxied = words(&settings, &Room { reach: Reach::Proxy("/data/proxy".into()), ..room() });
        assert!(proxied.contains("--unshare-net") && proxied.contains("--ro-bind /data/proxy /run/awo/proxy"));
        assert!(proxied.ends_with("- forwarded /usr/bin/true") && !proxied.contains("/etc/resolv.conf"), "{proxied}");
    }

    #[test]
    fn hidden_directories_are_never_shown_and_covered_where_they_would_be() {
        let hidden = vec!["/usr/local/share/awo".into(), "/home/me".into()];
        let readable = vec!["/home".into(), "/home/me".into(), "/home/me/tools".into()];
        let told = words(&WallSettings { readable, hidden, ..WallSettings::new(None) }, &room());
        assert!(told.contains("--tmpfs /usr/local/share/awo"), "{told}");
        assert!(!told.contains("--ro-bind-try /home /home") && !told.contains("--ro-bind-try /home/me /home/me"));
        assert!(told.contains("--ro-bind-try /home/me/tools /home/me/tools"), "what is asked for by itself is shown");
    }
}
