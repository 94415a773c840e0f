//! The real program as a child of the test: commands that end, and a server that can be asked, terminated and killed.

#![expect(clippy::missing_panics_doc, reason = "a program that cannot be started as described proves nothing")]

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::http::{self, Answer};
use crate::waiting::{eventually, until};

/// The program, with a home and a data directory of its own and nothing of the test's environment.
#[derive(Debug)]
pub struct Program {
    binary: PathBuf,
    place: TempDir,
    variables: Vec<(String, String)>,
}

impl Program {
    /// The program at a path.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        Self {
            binary: binary.into(),
            place: tempfile::tempdir().expect("a temporary directory"),
            variables: Vec::new(),
        }
    }

    /// Sets a variable of its environment.
    pub fn with_variable(mut self, name: &str, value: impl AsRef<Path>) -> Self {
        let value = value.as_ref().to_str().expect("a value in UTF-8");
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Directory for whatever a test needs; removed with the value.
    pub fn place(&self) -> &Path {
        self.place.path()
    }

    /// Where its orders are.
    pub fn data_dir(&self) -> PathBuf {
        self.place.path().join("data")
    }

    /// A command line of it, to be changed and run.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let home = self.place.path().join("home");
        std::fs::create_dir_all(&home).expect("a home");
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(&home)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").expect("a PATH"))
            .env("HOME", &home)
            .env("LC_ALL", "C.UTF-8")
            .env("AWO_DATA_DIR", self.data_dir())
            // Most agents of tests leave traces outside, on purpose.
            .env("AWO_ISOLATION", "none")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    /// Starts a server on a free port, and waits until it listens.
    pub fn serve(&self) -> Server {
        self.serve_with::<&str>([])
    }

    /// The same with more arguments.
    pub fn serve_with<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Server {
        self.serve_on("127.0.0.1:0", arguments)
    }

    /// The same at an address that another server had before.
    pub fn serve_again(&self, address: &str) -> Server {
        self.serve_on::<&str>(address.trim_start_matches("http://"), [])
    }

    /// The same at an address, or with `none` where the arguments say.
    pub fn serve_on<A: AsRef<OsStr>>(&self, address: &str, arguments: impl IntoIterator<Item = A>) -> Server {
        let mut command = self.command(["serve", "--bind", address]);
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        Server::start(command)
    }
}

/// A server that runs. Dropping it kills it, as a power cut would.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: String,
    log: Arc<Mutex<String>>,
    collector: Option<JoinHandle<()>>,
}

impl Server {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the program starts");
        let log = Arc::new(Mutex::new(String::new()));
        let collected = Arc::clone(&log);
        let mut errors = child.stderr.take().expect("piped");
        let collector = std::thread::spawn(move || {
            let mut piece = [0; 8192];
            while let Ok(count @ 1..) = errors.read(&mut piece) {
                let text = String::from_utf8_lossy(&piece[..count]).into_owned();
                collected.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        output.read_line(&mut line).expect("its output can be read");
        let mut server = Self { child, address: String::new(), log, collector: Some(collector) };
        let Some(address) = line.trim_end().strip_prefix("listening on ") else {
            server.ended();
            panic!("the server does not listen; it said {line:?} and:\n{}", server.log());
        };
        address.clone_into(&mut server.address);
        server
    }

    /// Where it answers: `http://127.0.0.1:port`, or what it has for commands.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to stderr so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks it.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], None)
    }

    /// Tells it.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, &[("content-type", "application/json")], Some(body.to_string().as_bytes()))
    }

    /// Sends any request.
    #[track_caller]
    pub fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
        http::call(&self.address, method, path, headers, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}; its log:\n{}", self.log()))
    }

    /// Kills it, as nothing can be prepared for.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.ended();
    }

    /// Stops it where it is, so that it does nothing more.
    pub fn freeze(&self) {
        kill_process(number(self.child.id()), Signal::STOP).expect("it can be told");
    }

    /// The keepers that it has now.
    pub fn keepers(&self) -> Vec<u32> {
        let is_keeper = |pid: &u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).nth(1).is_some_and(|first| first.starts_with(b"awo-keeper/"))
        };
        let ours = processes().into_iter().filter(|process| process.parent == self.child.id());
        ours.map(|process| process.pid).filter(is_keeper).collect()
    }

    /// Asks it to end, once.
    pub fn terminate(&self) {
        kill_process(number(self.child.id()), Signal::TERM).expect("it can be told");
    }

    /// Waits until it has ended.
    pub fn ended(&mut self) -> ExitStatus {
        let status = eventually("the server ends", || self.child.try_wait().expect("it can be waited for"));
        if let Some(collector) = self.collector.take() {
            // Somebody else may hold its stderr open; what is written later is not waited for.
            until("its last words", || collector.is_finished());
        }
        status
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Kills a process, as nothing can be prepared for, and waits until it does not run any more.
pub fn kill(process: u32) {
    kill_process(number(process), Signal::KILL).expect("it can be killed");
    until("it ends", || !processes().iter().any(|p| p.pid == process && !matches!(p.state, 'Z' | 'X')));
}

fn number(process: u32) -> Pid {
    i32::try_from(process).ok().and_then(Pid::from_raw).expect("a process number")
}

/// Whether processes of a group run. Those that only wait to be collected do not count.
pub fn group_runs(group: u32) -> bool {
    processes().iter().any(|process| process.group == group && !matches!(process.state, 'Z' | 'X'))
}

struct Process {
    pid: u32,
    state: char,
    parent: u32,
    group: u32,
}

/// All processes, as `/proc` tells them; the name of a command stands in parentheses and may hold anything.
fn processes() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").expect("processes are looked for in /proc");
    let parse = |text: String| {
        let pid = text.split(' ').next()?.parse().ok()?;
        let mut fields = text[text.rfind(')')? + 1..].split_whitespace();
        let state = fields.next()?.chars().next()?;
        Some(Process { pid, state, parent: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? })
    };
    let stats = entries.flatten().filter_map(|entry| std::fs::read(entry.path().join("stat")).ok());
    stats.filter_map(|stat| parse(String::from_utf8_lossy(&stat).into_owned())).collect()
}
