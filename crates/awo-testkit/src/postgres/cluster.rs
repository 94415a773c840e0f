//! A server of one's own, in a directory that goes with it.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::disk::Disk;

/// Where Debian keeps the programs of its versions.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The account that Debian makes for servers, which do not run as root.
pub(super) const ACCOUNT: &str = "postgres";

/// How a server is made.
#[derive(Debug, Clone, Default)]
pub struct ClusterOptions {
    /// What it has committed survives everything; else it is faster.
    pub durable: bool,
    /// Addresses of this machine at which it listens, besides its socket, to whoever is in their networks.
    pub addresses: Vec<String>,
    /// Megabytes of a disk of its own, in memory, which can be filled. Only root can make one.
    pub disk: Option<u32>,
}

/// A PostgreSQL server that listens at a socket in its own directory. It ends with this value.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    // Before its place: it is mounted in there.
    disk: Option<Disk>,
    place: TempDir,
}

/// A server cannot be had.
#[derive(Debug)]
pub struct ClusterError(String);

impl std::fmt::Display for ClusterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ClusterError {}

impl From<io::Error> for ClusterError {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl Cluster {
    /// Makes a server and starts it. With `durable`, what it has committed survives everything; else it is faster.
    pub fn start(durable: bool) -> Result<Self, ClusterError> {
        Self::with(&ClusterOptions { durable, ..ClusterOptions::default() })
    }

    /// Makes a server and starts it.
    pub fn with(options: &ClusterOptions) -> Result<Self, ClusterError> {
        let programs = programs().ok_or_else(|| ClusterError("PostgreSQL is not installed (postgresql)".into()))?;
        let place = tempfile::Builder::new().prefix("awo-pg-").tempdir()?;
        let disk = options.disk.map(|size| Disk::new(&place.path().join("disk"), size)).transpose()?;
        if is_root() {
            finish(Command::new("chown").arg(ACCOUNT).arg(place.path()))?;
        }
        let cluster = Self { programs, disk, place };
        let mut init = cluster.command("initdb");
        init.args(["--auth=trust", "--username=awo", "--encoding=UTF8", "--locale=C", "--no-sync", "--pgdata"]);
        // Small pieces of its log: a disk that is full is noticed the sooner.
        finish(init.arg(cluster.data()).args(cluster.disk.as_ref().map(|_| "--wal-segsize=1")))?;
        let faster = if options.durable { "" } else { "fsync = off\nfull_page_writes = off\n" };
        let (socket, addresses) = (cluster.place.path().display(), options.addresses.join(","));
        cluster.add(
            "postgresql.conf",
            &format!(
                "listen_addresses = '{addresses}'\nunix_socket_directories = '{socket}'\nmax_connections = 300\n\
             shared_buffers = '32MB'\n{faster}"
            ),
        )?;
        if !options.addresses.is_empty() {
            cluster.add("pg_hba.conf", "host all all samenet trust\n")?;
        }
        cluster.start_again()?;
        Ok(cluster)
    }

    /// Where clients reach it.
    pub fn url(&self) -> String {
        format!("postgres://awo@localhost/postgres?host={}", self.place.path().display())
    }

    /// The socket it listens at.
    pub fn socket(&self) -> PathBuf {
        self.place.path().join(".s.PGSQL.5432")
    }

    /// Starts it after an end.
    pub fn start_again(&self) -> Result<(), ClusterError> {
        let mut start = self.command("pg_ctl");
        start.args(["start", "--wait", "--silent", "--log"]).arg(self.log());
        finish(start.arg("--pgdata").arg(self.data()))
    }

    /// Ends it at once, as a crash does: nobody is told, and what was not committed is lost.
    pub fn crash(&self) -> Result<(), ClusterError> {
        self.end("immediate")
    }

    /// From its next start on it follows another server, of which it never hears: it takes no writes.
    pub fn become_standby(&self) -> Result<(), ClusterError> {
        Ok(File::create(self.data().join("standby.signal")).map(drop)?)
    }

    /// Lets all its processes stand still, or go on: a server that does not answer.
    pub fn signal(&self, signal: Signal) -> Result<(), ClusterError> {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid"))?;
        let first = file.lines().next().and_then(|line| line.trim().parse().ok());
        let first = first.ok_or_else(|| ClusterError(format!("there is no process number in {file:?}")))?;
        let tell = |process| {
            if let Some(pid) = Pid::from_raw(process) {
                let _ = kill_process(pid, signal); // one that has ended since
            }
        };
        // The first one before the others are looked for: it starts no more of them then, to answer somebody.
        if signal == Signal::STOP {
            tell(first);
        }
        children(first)?.into_iter().for_each(tell);
        // And last when they go on, so that it does not miss what became of the others.
        if signal != Signal::STOP {
            tell(first);
        }
        Ok(())
    }

    /// Takes all room that is left on its own disk, as far as it has one.
    pub fn fill(&self) -> Result<(), ClusterError> {
        Ok(self.disk.as_ref().map_or(Ok(()), Disk::fill)?)
    }

    /// Gives the room back, and starts the server if it has given up meanwhile.
    pub fn free(&self) -> Result<(), ClusterError> {
        self.disk.as_ref().map_or(Ok(()), Disk::free)?;
        let mut look = self.command("pg_ctl");
        let runs = finish(look.arg("status").arg("--pgdata").arg(self.data())).is_ok();
        if runs { Ok(()) } else { self.start_again() }
    }

    /// What it logs.
    pub fn log(&self) -> PathBuf {
        self.place.path().join("server.log")
    }

    fn end(&self, mode: &str) -> Result<(), ClusterError> {
        let mut stop = self.command("pg_ctl");
        finish(stop.args(["stop", "--wait", "--silent", "--mode", mode, "--pgdata"]).arg(self.data()))
    }

    fn data(&self) -> PathBuf {
        let disk = self.disk.as_ref().map(Disk::path);
        disk.unwrap_or(self.place.path()).join("data")
    }

    fn add(&self, file: &str, lines: &str) -> Result<(), ClusterError> {
        let mut file = File::options().append(true).open(self.data().join(file))?;
        Ok(file.write_all(lines.as_bytes())?)
    }

    /// One of its programs, under the account that it runs as.
    fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", ACCOUNT, "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir(self.place.path()).env("LC_ALL", "C");
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may stand still, and does not hear then that it is to end. Or it has ended before.
        let _ = self.signal(Signal::CONT);
        let _ = self.end("immediate");
    }
}

/// The processes that a process has started.
fn children(parent: i32) -> io::Result<Vec<i32>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent_of = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<i32>().ok());
        if parent_of == Some(parent) {
            found.push(process);
        }
    }
    Ok(found)
}

/// The programs of the newest version that is installed.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten().map(|entry| entry.path());
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.filter(|path| path.join("bin/initdb").is_file()).max_by_key(|path| number(path));
    newest.map(|version| version.join("bin"))
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

/// Runs a command to its end; the error is what it said. To a file: what it leaves running holds on to a pipe.
pub(super) fn finish(command: &mut Command) -> Result<(), ClusterError> {
    let said = tempfile::NamedTempFile::new()?;
    let output = command.stdin(Stdio::null()).stdout(said.reopen()?).stderr(said.reopen()?).status();
    let status = output.map_err(|error| ClusterError(format!("cannot start {command:?}: {error}")))?;
    if status.success() {
        return Ok(());
    }
    let said = std::fs::read_to_string(said.path()).unwrap_or_default();
    Err(ClusterError(format!("{command:?} failed: {said}")))
}
