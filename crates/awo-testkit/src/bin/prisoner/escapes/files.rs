//! Files outside, read and written.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, XattrFlags, getxattr, inotify, listxattr, setxattr, utimensat,
};
use rustix::io::Errno;

use super::{Outside, Try, anybody, does, refused, somebody, superuser};

fn read(path: impl AsRef<Path>) -> io::Result<()> {
    let mut first = [0];
    File::open(path)?.read_exact(&mut first)
}

fn list(path: impl AsRef<Path>) -> io::Result<()> {
    match fs::read_dir(path)?.next() {
        Some(_) => Ok(()),
        None => refused("it is empty"),
    }
}

/// Looks for what is in a directory, apart from the way to a place: the directories above it are there within, and empty.
fn list_apart(path: &str, place: &Path) -> io::Result<()> {
    let other = fs::read_dir(path)?.flatten().find(|entry| !place.starts_with(entry.path()));
    if other.is_some() { Ok(()) } else { refused("it is empty") }
}

/// Makes a file.
fn make(path: impl AsRef<Path>) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(false).open(path)?.write_all(b"1\n")
}

/// Makes a file of the system, and takes it away.
fn make_for_a_moment(path: &str) -> io::Result<()> {
    make(path)?;
    fs::remove_file(path)
}

/// Whether a file could be written; it is not.
fn open_to_write(path: impl AsRef<Path>) -> io::Result<()> {
    OpenOptions::new().write(true).open(path).map(drop)
}

/// A link in the checkout.
fn link(to: &Path) -> io::Result<&'static str> {
    let _ = fs::remove_file("link");
    symlink(to, "link")?;
    Ok("link")
}

/// The same file, the way down from the root directory that this process has.
fn from_its_root(path: &Path) -> PathBuf {
    format!("/proc/self/root{}", path.display()).into()
}

/// The same file, the way up from the checkout.
fn from_here(path: &Path) -> io::Result<PathBuf> {
    let up: PathBuf = std::env::current_dir()?.components().skip(1).map(|_| "..").collect();
    Ok(up.join(path.strip_prefix("/").unwrap_or(path)))
}

pub(super) fn reads(outside: &Outside) -> Vec<Try<'_>> {
    let secret = || outside.place.join("secret");
    let mirrors = || outside.place.with_file_name("mirrors");
    let mut tries = vec![
        anybody("a file that everybody may read", move || read(secret())),
        anybody("the same over a link in the checkout", move || read(link(&secret())?)),
        anybody("the same upwards from the checkout", move || read(from_here(&secret())?)),
        anybody("the same through its own root", move || read(from_its_root(&secret()))),
        anybody("the same through the root of a process outside", move || {
            read(outside.proc("root").join(secret().strip_prefix("/").unwrap_or(&secret())))
        }),
        anybody("the same by a hard link in the checkout", move || {
            let _ = fs::remove_file("hard");
            fs::hard_link(secret(), "hard")
        }),
        anybody("the same, which was open when awo began", move || {
            // Sees to it that it is this file, by what is in it.
            does("bash", &["-c", "read -r -n 6 word <&$1 && [ \"$word\" = secret ]", "bash", &outside.open])
        }),
        anybody("the directory that it is in", move || list(&outside.place)),
        anybody("what is beside the checkout", || match fs::read_dir("..")?.count() {
            1 => refused("only the checkout is there"),
            _ => Ok(()),
        }),
        anybody("awo's own clones of repositories", move || list(mirrors())),
        anybody("settings of awo's own clone", move || {
            let clones = fs::read_dir(mirrors())?;
            let read = clones.flatten().map(|entry| read(entry.path().join("config"))).find(Result::is_ok);
            read.unwrap_or_else(|| refused("there are none"))
        }),
    ];
    tries.extend([
        anybody("how large that file is", move || fs::metadata(secret()).map(drop)),
        somebody("an attribute of that file", move || {
            // It has none, unless somebody gave it one: an answer is enough.
            match getxattr(secret(), "user.prisoner", &mut [0_u8; 8]) {
                Ok(_) | Err(Errno::NODATA) => Ok(()),
                Err(error) => Err(error.into()),
            }
        }),
        somebody("which attributes it has", move || Ok(listxattr(secret(), &mut [0_u8; 256]).map(drop)?)),
        anybody("which files come and go beside it", move || {
            let watch = inotify::init(inotify::CreateFlags::empty())?;
            Ok(inotify::add_watch(watch, &outside.place, inotify::WatchFlags::CREATE).map(drop)?)
        }),
    ]);
    for shared in ["/tmp", "/var/tmp", "/dev/shm"] {
        let what = format!("what somebody left in {shared}");
        tries.push(anybody(&what, move || read(Path::new(shared).join(outside.left()))));
    }
    for place in ["/var", "/sys", "/var/lib"] {
        tries.push(anybody(place, move || list_apart(place, &outside.place)));
    }
    for file in ["/etc/shadow", "/etc/gshadow"] {
        tries.push(superuser(file, move || read(file)));
    }
    for place in ["/home", "/root", "/opt", "/boot", "/run/user", "/run/dbus", "/etc/ssh", "/etc/ssl/private"] {
        tries.push(somebody(place, move || list_apart(place, &outside.place)));
    }
    tries.push(somebody("devices of disks and memory", || {
        let known = [
            "full", "null", "random", "tty", "urandom", "zero", "ptmx", "pts", "shm", "fd", "stdin", "stdout",
            "stderr", "core", "console", "mqueue",
        ];
        let other = fs::read_dir("/dev")?.flatten().find(|entry| !known.iter().any(|name| entry.file_name() == *name));
        if other.is_some() { Ok(()) } else { refused("there are none") }
    }));
    tries
}

pub(super) fn writes(outside: &Outside) -> Vec<Try<'_>> {
    let open = |name: &str| outside.place.join("open").join(name);
    let file = move || open("file");
    let mut tries = vec![
        anybody("a file that everybody may write", move || open_to_write(file())),
        anybody("the same over a link in the checkout", move || open_to_write(link(&file())?)),
        anybody("the same upwards from the checkout", move || open_to_write(from_here(&file())?)),
        anybody("the same through its own root", move || open_to_write(from_its_root(&file()))),
        anybody("the same through the directory of a process outside", move || {
            open_to_write(outside.proc("root").join(file().strip_prefix("/").unwrap_or(&file())))
        }),
        anybody("who may use that file", move || {
            fs::set_permissions(file(), Permissions::from_mode(0o777))?;
            let done = fs::metadata(file())?.permissions().mode() & 0o777 == 0o777;
            if done { Ok(()) } else { refused("it is done in words only") }
        }),
        anybody("the time of that file", move || {
            let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
            let times = Timestamps { last_access: now, last_modification: now };
            Ok(utimensat(CWD, file(), &times, AtFlags::empty())?)
        }),
        somebody("an attribute of that file", move || {
            Ok(setxattr(file(), "user.prisoner", b"1", XattrFlags::empty())?)
        }),
        anybody("another file beside it", move || make(open("made"))),
        anybody("a directory beside it", move || fs::create_dir(open("directory"))),
        anybody("a link beside it", move || symlink("/etc/passwd", open("symbolic"))),
        anybody("its own file, moved there", move || {
            make("moved")?;
            fs::rename("moved", open("moved"))
        }),
        anybody("the name of that file", move || fs::rename(file(), open("renamed"))),
        anybody("that file, removed", move || fs::remove_file(open("renamed"))),
        anybody("a file beside the checkout", || make("../written")),
        anybody("a file beside awo's own clones", move || make(outside.place.with_file_name("mirrors").join("made"))),
    ];
    for place in ["/written", "/usr/written", "/etc/written", "/var/written"] {
        tries.push(superuser(place, move || make_for_a_moment(place)));
    }
    for file in ["/etc/passwd", "/etc/hosts", "/usr/bin/env"] {
        // Programs that run cannot be opened for writing by anybody, and this one ends at once.
        tries.push(superuser(file, move || open_to_write(file)));
    }
    for file in ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger"] {
        tries.push(somebody(file, move || open_to_write(file)));
    }
    tries.push(somebody("a new device", || {
        let _ = fs::remove_file("device");
        does("/usr/bin/mknod", &["device", "b", "8", "0"])
    }));
    tries
}
