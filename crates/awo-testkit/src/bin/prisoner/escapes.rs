//! The tries to get out.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, socket};
use rustix::process::{Pid, Signal, kill_process};

/// What is outside, to be reached for.
pub(super) struct Outside {
    place: PathBuf,
    tcp: u16,
    udp: u16,
    pid: i32,
    canary: String,
}

impl Outside {
    pub(super) fn read(mut arguments: impl Iterator<Item = String>) -> Self {
        let mut next = || arguments.next().unwrap_or_default();
        let number = |text: String| text.parse().unwrap_or(0);
        Self {
            place: next().into(),
            tcp: number(next()),
            udp: number(next()),
            pid: next().parse().unwrap_or(0),
            canary: next(),
        }
    }
}

/// What it is about, in what way, and the try: `Ok` if it got out.
type Try<'a> = (&'a str, &'a str, Box<dyn Fn() -> io::Result<()> + 'a>);

pub(super) fn all(outside: &Outside) {
    let tries = [files(outside), writes(outside), processes(outside), network(outside), rights()];
    for (about, what, attempt) in tries.into_iter().flatten() {
        match attempt() {
            Ok(()) => println!("{about} | {what} | ESCAPED"),
            Err(error) => println!("{about} | {what} | refused: {}", error.to_string().replace('\n', " ")),
        }
    }
}

fn refused<T>(why: &str) -> io::Result<T> {
    Err(io::Error::other(why.to_owned()))
}

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

fn write(path: impl AsRef<Path>) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(false).open(path)?.write_all(b"1\n")
}

/// Whether a program does what it should not; one that is not there is no proof.
fn does(program: &str, arguments: &[&str]) -> io::Result<()> {
    let output = Command::new(program).args(arguments).output()?;
    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { refused(&complaint) }
}

fn files(outside: &Outside) -> Vec<Try<'_>> {
    let secret = outside.place.join("secret");
    let through = secret.clone();
    let below_root = format!("/proc/1/root{}", secret.display());
    let mut tries: Vec<Try<'_>> = vec![
        ("reads", "a file of the operator that everybody may read", Box::new(move || read(&secret))),
        (
            "reads",
            "the same over a link in the checkout",
            Box::new(move || {
                let _ = fs::remove_file("link");
                symlink(&through, "link")?;
                read("link")
            }),
        ),
        ("reads", "the same through the root of the first process", Box::new(move || read(&below_root))),
        (
            "reads",
            "the directory of all checkouts",
            Box::new(|| match fs::read_dir("..")?.count() {
                1 => refused("only its own is there"),
                _ => Ok(()),
            }),
        ),
    ];
    for place in ["/root", "/home", "/var", "/srv", "/mnt", "/media", "/boot", "/sys", "/opt", "/run/dbus", "/run/user"]
    {
        tries.push(("reads", place, Box::new(move || list(place))));
    }
    for file in ["/etc/shadow", "/etc/gitconfig", "/etc/ssh", "/etc/ssl/private", "/proc/kcore", "/proc/1/mem"] {
        tries.push(("reads", file, Box::new(move || if Path::new(file).is_dir() { list(file) } else { read(file) })));
    }
    tries.push((
        "reads",
        "devices of disks and memory",
        Box::new(|| {
            let known = [
                "full", "null", "random", "tty", "urandom", "zero", "ptmx", "pts", "shm", "fd", "stdin", "stdout",
                "stderr", "core", "console", "mqueue",
            ];
            let other =
                fs::read_dir("/dev")?.flatten().find(|entry| !known.iter().any(|name| entry.file_name() == *name));
            if other.is_some() { Ok(()) } else { refused("there are none") }
        }),
    ));
    tries
}

fn writes(outside: &Outside) -> Vec<Try<'_>> {
    let open = outside.place.join("open/written");
    let mut tries: Vec<Try<'_>> = vec![
        ("writes", "a directory of the operator that everybody may write", Box::new(move || write(&open))),
        (
            "writes",
            "beside its checkout",
            Box::new(|| {
                write("../written")?;
                // Where whoever is outside looks for it.
                refused("it is seen within only")
            }),
        ),
        ("writes", "a hard link to a file of the system", Box::new(|| fs::hard_link("/etc/passwd", "hard"))),
    ];
    for file in [
        "/written",
        "/usr/written",
        "/usr/bin/env",
        "/etc/written",
        "/etc/passwd",
        "/dev/written",
        "/run/awo/inside",
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/hostname",
        "/proc/sysrq-trigger",
    ] {
        tries.push(("writes", file, Box::new(move || write(file))));
    }
    tries.push(("writes", "a new device", Box::new(|| does("/usr/bin/mknod", &["device", "b", "8", "0"]))));
    tries
}

fn processes(outside: &Outside) -> Vec<Try<'_>> {
    let number = outside.pid;
    let stranger = Pid::from_raw(number);
    vec![
        (
            "processes",
            "sees those of others",
            Box::new(|| {
                let seen = fs::read_dir("/proc")?
                    .flatten()
                    .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok());
                match seen.count() {
                    0..=3 => refused("there are only its own"),
                    _ => Ok(()),
                }
            }),
        ),
        (
            "processes",
            "signals one outside",
            Box::new(move || match stranger {
                Some(pid) => kill_process(pid, Signal::CONT).map_err(io::Error::from),
                None => Ok(()),
            }),
        ),
        (
            "processes",
            "signals the first one within",
            Box::new(|| match Pid::from_raw(1) {
                Some(pid) => {
                    kill_process(pid, Signal::KILL)?;
                    // It may be sent, and nothing comes of it: who is first in a namespace is not killed from within.
                    if Path::new("/proc/1").exists() { refused("it does not hear") } else { Ok(()) }
                }
                None => Ok(()),
            }),
        ),
        ("processes", "reads the memory of one outside", Box::new(move || read(format!("/proc/{number}/mem")))),
        (
            "processes",
            "finds a secret of awo's environment in that of any process",
            Box::new(|| {
                let found = fs::read_dir("/proc")?.flatten().any(|entry| {
                    fs::read(entry.path().join("environ")).is_ok_and(|bytes| contains(&bytes, &outside.canary))
                });
                if found { Ok(()) } else { refused("it is in none") }
            }),
        ),
        (
            "processes",
            "finds a secret of its own environment in a command line",
            Box::new(|| {
                let key = std::env::var("PRISONER_KEY").map_err(io::Error::other)?;
                let found = fs::read_dir("/proc")?
                    .flatten()
                    .any(|entry| fs::read(entry.path().join("cmdline")).is_ok_and(|bytes| contains(&bytes, &key)));
                if found { Ok(()) } else { refused("it is in none") }
            }),
        ),
        (
            "processes",
            "has variables that nobody gave it",
            Box::new(|| {
                let given = ["HOME", "PATH", "TMPDIR", "TERM", "PRISONER_KEY", "PWD"];
                match std::env::vars().find(|(name, _)| !given.contains(&name.as_str()) && !name.starts_with("AWO_")) {
                    Some(_) => Ok(()),
                    None => refused("there are none"),
                }
            }),
        ),
    ]
}

fn contains(bytes: &[u8], text: &str) -> bool {
    !text.is_empty() && bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn network(outside: &Outside) -> Vec<Try<'_>> {
    const PATIENCE: Duration = Duration::from_secs(2);
    let tcp = |address: String| -> io::Result<()> {
        let address = address.to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
        TcpStream::connect_timeout(&address, PATIENCE).map(drop)
    };
    let udp = |address: String| -> io::Result<()> {
        let any = if address.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
        UdpSocket::bind(any)?.send_to(b"1", address).map(drop)
    };
    let raw = |family, kind| socket(family, kind, None).map(drop).map_err(io::Error::from);
    let path = outside.place.join("listener");
    vec![
        ("network", "TCP to a server on loopback", Box::new(move || tcp(format!("127.0.0.1:{}", outside.tcp)))),
        ("network", "the same by IPv6", Box::new(move || tcp(format!("[::1]:{}", outside.tcp)))),
        (
            "network",
            "UDP to a server on loopback",
            Box::new(move || {
                udp(format!("127.0.0.1:{}", outside.udp))?;
                // Sent within its own loopback, where nobody listens.
                refused("it stays within")
            }),
        ),
        ("network", "TCP to the metadata of a cloud", Box::new(move || tcp("169.254.169.254:80".into()))),
        ("network", "UDP to the same", Box::new(move || udp("169.254.169.254:53".into()))),
        ("network", "TCP to another machine", Box::new(move || tcp("192.0.2.1:443".into()))),
        ("network", "UDP to another machine", Box::new(move || udp("192.0.2.1:53".into()))),
        ("network", "UDP to another machine by IPv6", Box::new(move || udp("[2001:db8::1]:53".into()))),
        ("network", "the name of another machine", Box::new(move || tcp("example.com:443".into()))),
        ("network", "raw packets", Box::new(move || raw(AddressFamily::INET, SocketType::RAW))),
        ("network", "the host of a virtual machine", Box::new(move || raw(AddressFamily::VSOCK, SocketType::STREAM))),
        (
            "network",
            "the ciphers of the kernel",
            Box::new(move || raw(AddressFamily::from_raw(38), SocketType::SEQPACKET)),
        ),
        ("network", "a socket with a path", Box::new(move || UnixStream::connect(&path).map(drop))),
        (
            "network",
            "a socket with an abstract name",
            Box::new(|| {
                let address = SocketAddr::from_abstract_name(format!("prisoner-{}", outside.pid))?;
                UnixStream::connect_addr(&address).map(drop)
            }),
        ),
    ]
}

fn rights() -> Vec<Try<'static>> {
    let program = |what, program: &'static str, arguments: &'static [&'static str]| -> Try<'static> {
        ("rights", what, Box::new(move || does(program, arguments)))
    };
    vec![
        program("a user namespace", "/usr/bin/unshare", &["--user", "/bin/true"]),
        program("a user namespace in which it is the superuser", "/usr/bin/unshare", &["--map-root-user", "/bin/true"]),
        program("a mount namespace", "/usr/bin/unshare", &["--mount", "/bin/true"]),
        program("the namespaces of the first process", "/usr/bin/nsenter", &["--target", "1", "--mount", "/bin/true"]),
        program("walls within the walls", "/usr/bin/bwrap", &["--bind", "/", "/", "/bin/true"]),
        program("mounting the system for writing", "/usr/bin/mount", &["-o", "remount,rw", "/usr"]),
        program("taking away what covers a place", "/usr/bin/umount", &["/proc/sys"]),
        program("another root", "/usr/sbin/chroot", &["/usr", "/bin/true"]),
        program("becoming the superuser with a program that may", "/usr/bin/su", &["-c", "/bin/true"]),
        program("becoming the superuser", "/usr/bin/setpriv", &["--reuid=0", "/bin/true"]),
        (
            "rights",
            "any right of the superuser",
            Box::new(|| {
                let status = fs::read_to_string("/proc/self/status")?;
                let none = ["CapPrm", "CapEff", "CapAmb"].iter().all(|name| {
                    status.lines().any(|line| line.starts_with(name) && line.ends_with("0000000000000000"))
                });
                if none { refused("it has none") } else { Ok(()) }
            }),
        ),
        (
            "rights",
            "gaining rights by starting a program",
            Box::new(|| {
                let status = fs::read_to_string("/proc/self/status")?;
                if status.contains("NoNewPrivs:\t1") { refused("that is given up for good") } else { Ok(()) }
            }),
        ),
        (
            "rights",
            "keys that the kernel keeps for others",
            Box::new(|| match fs::read_to_string("/proc/keys") {
                Ok(keys) if !keys.trim().is_empty() => Ok(()),
                Ok(_) => refused("none are seen"),
                Err(error) => Err(error),
            }),
        ),
    ]
}
