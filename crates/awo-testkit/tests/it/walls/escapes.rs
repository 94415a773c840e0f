//! Agents that try to get out, and the same ones free: a try that fails there as well would prove nothing.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use awo_models::{Isolation, Network};
use tempfile::{Builder, NamedTempFile};

use super::{KEY, PRISONER, Prison, answer};

/// Something of the environment of whoever runs the agent.
const CANARY: &str = concat!("CARGO_MANIFEST_DIR=", env!("CARGO_MANIFEST_DIR"));

/// What is out there for a prisoner to reach.
struct Reachable {
    args: Vec<String>,
    /// Counts what arrives by UDP, and sends it back.
    arrived: Arc<AtomicUsize>,
    /// What lasts as long as it can be reached.
    _kept: (TcpListener, UnixListener, UnixDatagram, UnixListener, [NamedTempFile; 3]),
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
        let args = ["escapes", outside.to_str().unwrap(), &pid.to_string(), &tcp_port, &udp_port, CANARY];
        let args = args.map(str::to_owned).into();
        Self { args, arrived, _kept: (tcp, sockets.0, sockets.1, nameless, left) }
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

#[tokio::test]
async fn nobody_gets_out_of_bubblewrap_who_would_get_out_without() {
    let Some(prison) = Prison::new().await else { return };
    let outside = prison.outside();
    let reachable = Reachable::at(&outside);
    let sandbox = prison.prepare().await;
    assert_eq!(sandbox.isolation(), Isolation::Bubblewrap);

    let args: Vec<&str> = reachable.args.iter().map(String::as_str).collect();
    let mut within = Vec::new();
    for network in [Network::Off, Network::Proxy] {
        let report = prison.execute(&*sandbox, Path::new(PRISONER), &args, network).await;
        within = Tried::all(answer(&report));
        println!("{}", answer(&report));
        let escaped: Vec<_> = within.iter().filter(|tried| tried.got_out()).collect();
        assert!(escaped.is_empty(), "{network:?}: {escaped:#?}");
        assert_eq!(reachable.arrived.load(Ordering::SeqCst), 0);
    }
    let open: Vec<_> = fs::read_dir(outside.join("open")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!((open, fs::read(outside.join("open/file")).unwrap()), (vec!["file".into()], b"file".to_vec()));
    let root = sandbox.working_dir();
    assert!(!root.join("../written").exists() && !prison.place.path().join("mirrors/made").exists());

    // The same prisoner in the same place, free.
    let mut free = Command::new(PRISONER);
    free.args(&args).arg(KEY).env("PRISONER_KEY", KEY).current_dir(root);
    let output = free.output().unwrap();
    let without = Tried::all(str::from_utf8(&output.stdout).unwrap());
    let superuser = rustix::process::geteuid().is_root();
    let must = |tried: &&Tried| tried.without == "anybody" || (tried.without == "the superuser" && superuser);
    let stayed: Vec<_> = without.iter().filter(must).filter(|tried| !tried.got_out()).collect();
    assert!(stayed.is_empty(), "these prove nothing: {stayed:#?}");
    let proven = without.iter().filter(|tried| tried.got_out()).count();
    println!("{proven} of {} tries got out without walls", without.len());
    assert!(within.len() == without.len() && proven >= 40, "{proven} of {}", without.len());
    assert_eq!(reachable.arrived.load(Ordering::SeqCst), 1);
    assert!(root.join("../written").exists());
    assert_told(&within);
}

/// The table of tries in the documentation is what this run found; or is written so.
fn assert_told(tries: &[Tried]) {
    let mut table = String::from("| about | the agent tries | gets out without walls | within |\n|---|---|---|---|\n");
    for Tried { about, what, without, .. } in tries {
        writeln!(table, "| {about} | {what} | {without} | refused |").unwrap();
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
