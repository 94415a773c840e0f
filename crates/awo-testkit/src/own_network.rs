//! A network that belongs to one test: loopback with an address of the public internet on it, and names of its own.
//!
//! The test runs itself again in namespaces of the kernel. What it dials there is really dialled, and reaches nobody else.

#![expect(clippy::missing_panics_doc, reason = "a network that cannot be made as described proves nothing")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Says to the test that it runs within, and where its names are.
const WITHIN: &str = "AWO_TEST_OWN_NETWORK";
/// What a shell does within, before it becomes the test; what it needs are its arguments.
const SCRIPT: &str = r#"ip link set lo up && ip address add "$1/32" dev lo && mount --bind "$2" /etc/hosts || exit 77
shift 2; exec "$@""#;
/// The code by which it says that it could not.
const CANNOT: i32 = 77;

/// A network that the calling test has for itself.
#[derive(Debug)]
pub struct OwnNetwork {
    hosts: PathBuf,
}

impl OwnNetwork {
    /// The address in it that stands for the public internet.
    pub const PUBLIC: &str = "11.22.33.44";

    /// The network, when the calling test is within it. Else the test, whose whole name is given, is run within one, and
    /// there is nothing left to do here: `None`. Where no network can be made, that is said, and is `None` too.
    ///
    /// # Panics
    /// If the test fails within, and if there can be no network in a continuous integration, where nothing may be skipped.
    pub fn of(test: &str) -> Option<Self> {
        if let Some(hosts) = std::env::var_os(WITHIN) {
            return Some(Self { hosts: hosts.into() });
        }
        let place = tempfile::tempdir().expect("a temporary directory");
        let hosts = place.path().join("hosts");
        fs::write(&hosts, "").expect("a list of names");
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount"]);
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command
            .args(["sh", "-c", SCRIPT, "sh", Self::PUBLIC])
            .arg(&hosts)
            .arg(std::env::current_exe().expect("this program has a path"))
            .args(["--exact", test, "--nocapture"])
            .env(WITHIN, &hosts)
            .stdin(Stdio::null());
        let output = command.output();
        let told = |output: &std::process::Output| {
            let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            format!("{}{}", said(&output.stdout), said(&output.stderr))
        };
        match output {
            Ok(output) if output.status.success() => {
                let told = told(&output);
                assert!(told.contains("1 passed"), "no test is called {test}: {told}");
            }
            Ok(output) if output.status.code() != Some(CANNOT) && told(&output).contains(test) => {
                panic!("within a network of its own:\n{}", told(&output))
            }
            Ok(output) => crate::skipped(&format!("no network of its own can be made here: {}", told(&output))),
            Err(error) => crate::skipped(&format!("no network of its own can be made here: unshare: {error}")),
        }
        None
    }

    /// Has a name lead to an address, and no other name anywhere.
    pub fn name(&self, name: &str, address: &str) {
        // The file is mounted, so it has to stay the same one.
        fs::write(&self.hosts, format!("{address} {name}\n")).expect("a list of names");
    }

    /// The list of its names.
    pub fn hosts(&self) -> PathBuf {
        self.hosts.clone()
    }
}
