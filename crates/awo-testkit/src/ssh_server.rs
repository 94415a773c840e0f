//! The real `sshd` on this machine, with keys of its own: one process for each connection, so that there is no port to
//! guess and nothing that outlives the test.

#![expect(clippy::missing_panics_doc, reason = "a server that cannot be started as described proves nothing")]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

/// Where the program is; it insists on being started by its whole path.
const PLACES: [&str; 3] = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];

/// The server. It answers until the process ends, for the account that runs it and the key that it made.
#[derive(Debug)]
pub struct SshServer {
    address: SocketAddr,
    place: TempDir,
    connections: Arc<AtomicUsize>,
}

impl SshServer {
    /// One on a free port of loopback; `None` where there is no `sshd`, which is said.
    ///
    /// # Panics
    /// If there is none in a continuous integration, where nothing may be skipped.
    pub fn new() -> Option<Self> {
        Self::at((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// One at an address.
    pub fn at(address: SocketAddr) -> Option<Self> {
        let Some(program) = PLACES.map(Path::new).into_iter().find(|path| path.is_file()) else {
            crate::skipped("there is no sshd here; install the package openssh-server");
            return None;
        };
        let place = tempfile::tempdir().expect("a temporary directory");
        for name in ["host", "own", "other"] {
            make_key(&place.path().join(name));
        }
        if rustix::process::geteuid().is_root() {
            // What the service manager makes, where there is one.
            fs::create_dir_all("/run/sshd").expect("sshd gets the empty directory that it wants");
        }
        fs::write(place.path().join("config"), config(place.path())).expect("a configuration");
        let listener = TcpListener::bind(address).expect("the address is free");
        let server = Self {
            address: listener.local_addr().expect("it is bound"),
            connections: Arc::new(AtomicUsize::new(0)),
            place,
        };
        let (config, count) = (server.place.path().join("config"), Arc::clone(&server.connections));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, Ordering::SeqCst);
                let (input, output) = (OwnedFd::from(stream.try_clone().expect("a handle")), OwnedFd::from(stream));
                let mut command = Command::new(program);
                command.args(["-i", "-f"]).arg(&config).stdin(input).stdout(output).stderr(Stdio::null());
                let mut child = command.spawn().expect("sshd starts");
                std::thread::spawn(move || child.wait());
            }
        });
        Some(server)
    }

    /// The address of a repository of this machine, as seen through it.
    pub fn url(&self, host: &str, repository: &Path) -> String {
        let user = account();
        format!("ssh://{user}@{host}:{}{}", self.address.port(), repository.display())
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// A command for `GIT_SSH_COMMAND`: ssh with the key `own`, which is let in, or `other`, which is not, and with a list
    /// of known hosts that holds this server under a name, or nobody.
    pub fn command(&self, key: &str, known_as: Option<&str>) -> String {
        let place = self.place.path();
        let known = place.join(format!("known-{key}-{}", known_as.is_some()));
        let port = self.address.port();
        let host_key = fs::read_to_string(place.join("host.pub")).expect("a host key");
        let line = known_as.map_or(String::new(), |name| format!("[{name}]:{port} {host_key}"));
        fs::write(&known, line).expect("a list of known hosts");
        // Nothing of whoever runs the tests.
        format!(
            "ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none -o GlobalKnownHostsFile=none \
             -o UserKnownHostsFile={} -i {}",
            known.display(),
            place.join(key).display()
        )
    }

    /// Where its files are.
    pub fn place(&self) -> PathBuf {
        self.place.path().to_owned()
    }
}

fn config(place: &Path) -> String {
    let file = |name: &str| place.join(name).display().to_string();
    format!(
        "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPubkeyAuthentication yes\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
         SetEnv PATH=/usr/local/bin:/usr/bin:/bin\nPidFile none\nPrintMotd no\nPrintLastLog no\n",
        file("host"),
        file("own.pub")
    )
}

fn make_key(path: &Path) {
    let mut command = Command::new("ssh-keygen");
    let status = command.args(["-q", "-t", "ed25519", "-N", "", "-C", "awo tests", "-f"]).arg(path).status();
    assert!(status.expect("ssh-keygen runs").success(), "{}", path.display());
}

/// The account that runs this.
fn account() -> String {
    let output = Command::new("id").arg("-un").output().expect("id runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
