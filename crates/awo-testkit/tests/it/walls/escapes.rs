//! Agents that try to get out, and the same ones free: a try that fails there as well would prove nothing.

use std::fmt::Write as _;
use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use awo_adapters::WallKind;
use awo_models::Network;
use rustix::io::{FdFlags, fcntl_setfd};
use tempfile::{Builder, NamedTempFile};

use super::{KEY, Prison, answer};

/// Something of the environment of whoever runs the agent.
const CANARY: &str = concat!("CARGO_MANIFEST_DIR=", env!("CARGO_MANIFEST_DIR"));

/// What is out there for a prisoner to reach.
struct Reachable {
    args: Vec<String>,
    /// Counts what arrives by UDP, and sends it back.
    arrived: Arc<AtomicUsize>,
    /// What lasts as long as it can be reached.
    _kept: (TcpListener, UnixListener, UnixDatagram, UnixListener, [NamedTempFile; 3], File),
}

impl Reachable {
    fn at(outside: &Path) -> Self {
        let pid = std::process::id();
        let everybodys = |path: &Path| fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
        let tcp = TcpListener::bind("0.0.0.0:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let ports = [tcp.local_addr(), udp.local_addr()].map(|address| address.unwrap().port().to_string());
        let (listener, datagram) = (outside.join("listener"), outside.join("datagram"));
        let sockets = (UnixListener::bind(&listener).unwrap(), UnixDatagram::bind(&datagram).unwrap());
        everybodys(&listener);
        everybodys(&datagram);
        let name = SocketAddr::from_abstract_name(format!("prisoner-{pid}")).unwrap();
        let nameless = UnixListener::bind_addr(&name).unwrap();
        let left = ["/tmp", "/var/tmp", "/dev/shm"].map(|shared| {
            let mut file = Builder::new().prefix(&format!("prisoner-{pid}")).rand_bytes(0).tempfile_in(shared).unwrap();
            file.write_all(b"left").unwrap();
            everybodys(file.path());
            file
        });
        let arrived = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&arrived);
        std::thread::spawn(move || {
            let mut packet = [0; 8];
            while let Ok((length, sender)) = udp.recv_from(&mut packet) {
                counter.fetch_add(1, Ordering::SeqCst);
                let _ = udp.send_to(&packet[..length], sender);
            }
        });
        let [tcp_port, udp_port] = ports;
        // Left open to whatever is started from here.
        let open = File::open(outside.join("secret")).unwrap();
        fcntl_setfd(&open, FdFlags::empty()).unwrap();
        let (pid, number) = (pid.to_string(), open.as_raw_fd().to_string());
        let args = ["escapes", outside.to_str().unwrap(), &pid, &tcp_port, &udp_port, &number, CANARY];
        let args = args.map(str::to_owned).into();
        Self { args, arrived, _kept: (tcp, sockets.0, sockets.1, nameless, left, open) }
    }
}

/// A try to get out, and how it ended.
#[derive(Debug)]
struct Tried {
    about: String,
    what: String,
    without: String,
    end: String,
}

impl Tried {
    fn all(told: &str) -> Vec<Self> {
        let parts = |line: &str| {
            let mut parts = line.splitn(4, " | ").map(str::to_owned);
            let mut next = || parts.next().unwrap_or_else(|| panic!("{line:?} is not a try"));
            Self { about: next(), what: next(), without: next(), end: next() }
        };
        told.lines().map(parts).collect()
    }

    fn got_out(&self) -> bool {
        self.end == "ESCAPED"
    }
}

/// What agents find out within Landlock: it keeps them from using what there is, and not from seeing that it is there.
const SEEN_WITHIN_LANDLOCK: &[&str] = &["how large that file is", "that one outside is there"];

#[tokio::test]
async fn nobody_gets_out_of_walls_who_would_get_out_without() {
    let mut within = Vec::new();
    for kind in WallKind::ALL {
        let Some(prison) = Prison::new(kind).await else { continue };
        within.push(try_all(&prison).await);
    }
    if let [bubblewrap, landlock] = within.as_slice() {
        assert_told(bubblewrap, landlock);
    }
}

#[tokio::test]
async fn with_the_machines_network_landlock_keeps_all_else_closed() {
    let Some(prison) = Prison::new(WallKind::Landlock).await else { return };
    let reachable = Reachable::at(&prison.outside());
    let sandbox = prison.prepare().await;
    let args: Vec<&str> = reachable.args.iter().map(String::as_str).collect();
    let report = prison.execute(&*sandbox, &prison.prisoner(), &args, Network::Host).await;
    let tried = Tried::all(answer(&report));
    let escaped = |about_network: bool| {
        let escaped = tried.iter().filter(move |tried| tried.got_out() && (tried.about == "network") == about_network);
        escaped.map(|tried| tried.what.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(escaped(false), SEEN_WITHIN_LANDLOCK);
    let reached = escaped(true);
    assert!(reached.contains(&"TCP to a server on loopback"), "it has no network: {reached:?}");
    let closed =
        |what: &&&str| ["socket", "pair", "raw", "virtual", "ciphers", "link"].iter().any(|word| what.contains(word));
    assert_eq!(reached.iter().filter(closed).collect::<Vec<_>>(), [""; 0].iter().collect::<Vec<_>>());
}

/// What the prisoner told of its tries within walls, after the same tries without.
async fn try_all(prison: &Prison) -> Vec<Tried> {
    let kind = prison.kind;
    let (seen, networks): (&[&str], _) = match kind {
        WallKind::Bubblewrap => (&[], [Network::Off, Network::Proxy].as_slice()),
        WallKind::Landlock => (SEEN_WITHIN_LANDLOCK, [Network::Off].as_slice()),
    };
    let outside = prison.outside();
    let reachable = Reachable::at(&outside);
    let sandbox = prison.prepare().await;
    assert_eq!(sandbox.isolation(), kind.isolation());

    let args: Vec<&str> = reachable.args.iter().map(String::as_str).collect();
    let mut within = Vec::new();
    for network in networks {
        let report = prison.execute(&*sandbox, &prison.prisoner(), &args, *network).await;
        within = Tried::all(answer(&report));
        eprintln!("{}", answer(&report));
        let escaped: Vec<_> = within.iter().filter(|tried| tried.got_out()).map(|tried| tried.what.as_str()).collect();
        assert_eq!(escaped, seen, "{kind:?} {network:?}");
        assert_eq!(reachable.arrived.load(Ordering::SeqCst), 0);
    }
    let open: Vec<_> = fs::read_dir(outside.join("open")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!((open, fs::read(outside.join("open/file")).unwrap()), (vec!["file".into()], b"file".to_vec()));
    let root = sandbox.working_dir();
    assert!(!root.join("../written").exists() && !prison.place.path().join("mirrors/made").exists());

    // The same prisoner in the same place, free.
    let mut free = Command::new(prison.prisoner());
    free.args(&args).arg(KEY).env("PRISONER_KEY", KEY).current_dir(root);
    let output = free.output().unwrap();
    let without = Tried::all(str::from_utf8(&output.stdout).unwrap());
    let superuser = rustix::process::geteuid().is_root();
    let must = |tried: &&Tried| tried.without == "anybody" || (tried.without == "the superuser" && superuser);
    let stayed: Vec<_> = without.iter().filter(must).filter(|tried| !tried.got_out()).collect();
    assert!(stayed.is_empty(), "these prove nothing: {stayed:#?}");
    let proven = without.iter().filter(|tried| tried.got_out()).count();
    eprintln!("{proven} of {} tries got out without walls", without.len());
    assert!(within.len() == without.len() && proven >= 40, "{proven} of {}", without.len());
    assert_eq!(reachable.arrived.load(Ordering::SeqCst), 1);
    assert!(root.join("../written").exists());
    within
}

/// The table of tries in the documentation is what this run found; or is written so.
fn assert_told(bubblewrap: &[Tried], landlock: &[Tried]) {
    let mut table = String::from("| about | the agent tries | gets out without walls | bubblewrap | Landlock |\n");
    table.push_str("|---|---|---|---|---|\n");
    let end = |tried: &Tried| if tried.got_out() { "**told**" } else { "refused" };
    for (bubblewrap, landlock) in bubblewrap.iter().zip(landlock) {
        let Tried { about, what, without, .. } = bubblewrap;
        assert_eq!(*what, landlock.what);
        writeln!(table, "| {about} | {what} | {without} | {} | {} |", end(bubblewrap), end(landlock)).unwrap();
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/security.md");
    let text = fs::read_to_string(&page).unwrap();
    let (begin, end) = ("<!-- tries -->\n", "<!-- end of tries -->\n");
    let (before, rest) = text.split_once(begin).unwrap();
    let (told, after) = rest.split_once(end).unwrap();
    if std::env::var_os("AWO_WRITE_TABLES").is_some() {
        fs::write(page, format!("{before}{begin}{table}{end}{after}")).unwrap();
    } else {
        assert_eq!(told, table, "run this test with AWO_WRITE_TABLES=1 to write the table of docs/security.md anew");
    }
}
