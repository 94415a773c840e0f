//! A GitHub on this machine: one repository with issues and pull requests, which checks what it is sent, counts, and
//! fails, limits, cuts and holds as a script says.
//!
//! Its answers have the fields and the spellings of the real ones, as far as awo or a test looks at them. Like the real
//! one, it refuses a second open pull request for the same branches, and one for a branch that was not pushed.

mod answers;
mod wire;

use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use wire::Request;

/// Longest wait for a request that a test expects.
const PATIENCE: Duration = Duration::from_secs(90);

/// What happens to a request instead of a plain answer.
#[derive(Debug, Clone)]
pub enum Turn {
    /// It is answered like this, and nothing is done.
    Answer(u16, Vec<(&'static str, String)>, Value),
    /// The connection is cut, and nothing is done.
    CutBefore,
    /// What it asks is done, and the connection cut.
    CutAfter,
    /// It waits, and is never done or answered.
    HoldBefore,
    /// What it asks is done; it waits, and is never answered.
    HoldAfter,
    /// The same request, which came from elsewhere, is done just before it.
    Overtaken,
}

/// A pull request that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FakePullRequest {
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// The branch with the work.
    pub head: String,
    /// The branch it is for.
    pub base: String,
    /// `open` or `closed`.
    pub state: &'static str,
    /// Whether it was merged.
    pub merged: bool,
    /// Whether it is a draft.
    pub draft: bool,
    /// Its labels.
    pub labels: Vec<String>,
    /// Who is asked to review it.
    pub reviewers: Vec<String>,
}

/// An issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FakeIssue {
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// `open` or `closed`.
    pub state: &'static str,
}

/// What a GitHub holds.
#[derive(Debug, Default)]
pub struct GithubState {
    /// The token that it knows.
    pub token: String,
    /// Owner of its repository.
    pub owner: String,
    /// Name of its repository.
    pub name: String,
    /// Where the branches are, if it looks after them.
    pub repository: Option<PathBuf>,
    /// Issues by number.
    pub issues: BTreeMap<u64, FakeIssue>,
    /// Pull requests, oldest first.
    pub pull_requests: Vec<FakePullRequest>,
    /// Comments, with the number of the issue.
    pub comments: Vec<(u64, String)>,
    /// Whether the repository's plan has no drafts.
    pub no_drafts: bool,
    /// What it was asked, in order: method and path within the repository.
    pub requests: Vec<String>,
    /// Pull requests that it refused because there was one.
    pub doubles_refused: usize,
    script: Vec<(Which, Turn)>,
    held: usize,
    released: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Which {
    Numbered(usize),
    Call(String),
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<GithubState>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, GithubState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server. It answers until the process ends.
#[derive(Debug, Clone)]
pub struct FakeGithub {
    address: String,
    shared: Arc<Shared>,
}

impl FakeGithub {
    /// One with the repository `owner/repo`, which is reached with this token.
    pub fn new(token: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        let state =
            GithubState { token: token.into(), owner: "owner".into(), name: "repo".into(), ..GithubState::default() };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&served);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, shared }
    }

    /// The same, which looks for branches in a bare repository.
    pub fn with_repository(self, path: &Path) -> Self {
        self.state().repository = Some(path.to_owned());
        self
    }

    /// Where its interface is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What it holds, to be looked at and changed.
    pub fn state(&self) -> MutexGuard<'_, GithubState> {
        self.shared.state()
    }

    /// Says what happens to the next call like this: method and path within the repository, as `POST /pulls`.
    pub fn on(&self, call: &str, turn: Turn) {
        self.state().script.push((Which::Call(call.to_owned()), turn));
    }

    /// Says what happens to the n-th request from the beginning, counted from 0.
    pub fn on_request(&self, number: usize, turn: Turn) {
        self.state().script.push((Which::Numbered(number), turn));
    }

    /// Waits until a request is held.
    pub fn wait_until_held(&self) {
        let state = self.state();
        let waited = self.shared.changed.wait_timeout_while(state, PATIENCE, |state| state.held == 0);
        let (state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "no request is held; there were {:?}", state.requests);
    }

    /// Cuts the connections that are held.
    pub fn release(&self) {
        let mut state = self.state();
        state.released = true;
        self.shared.changed.notify_all();
        while state.held > 0 {
            let waited = self.shared.changed.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            assert!(!waited.1.timed_out(), "held connections are cut");
            state = waited.0;
        }
        state.released = false;
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) {
    let Some(request) = wire::read(&mut stream) else { return };
    let (turn, whole) = begin(shared, &request);
    match turn {
        Some(Turn::Answer(status, headers, body)) => wire::answer(&mut stream, status, &headers, &body),
        Some(Turn::CutBefore) => {}
        Some(Turn::CutAfter) => drop(answers::answer(&mut shared.state(), &request)),
        Some(Turn::HoldBefore) => hold(shared),
        Some(Turn::HoldAfter) => {
            drop(answers::answer(&mut shared.state(), &request));
            hold(shared);
        }
        Some(Turn::Overtaken) => {
            let mut state = shared.state();
            answers::answer(&mut state, &request);
            let (status, body) = answers::answer(&mut state, &request);
            drop(state);
            wire::answer(&mut stream, status, &whole, &body);
        }
        None => {
            let (status, body) = answers::answer(&mut shared.state(), &request);
            wire::answer(&mut stream, status, &whole, &body);
        }
    }
}

/// Writes the request down; what the script says of it, and the headers of a plain answer.
fn begin(shared: &Shared, request: &Request) -> (Option<Turn>, Vec<(&'static str, String)>) {
    let mut state = shared.state();
    let number = state.requests.len();
    let prefix = format!("/repos/{}/{}", state.owner, state.name);
    let path = request.path.strip_prefix(&prefix).unwrap_or(&request.path);
    let call = format!("{} {path}", request.method);
    state.requests.push(call.clone());
    let place = state.script.iter().position(|(which, _)| match which {
        Which::Numbered(it) => *it == number,
        Which::Call(it) => *it == call,
    });
    let left = 4999_usize.saturating_sub(number).to_string();
    let headers = vec![("x-ratelimit-remaining", left), ("x-ratelimit-reset", "1767229200".into())];
    (place.map(|place| state.script.remove(place).1), headers)
}

fn hold(shared: &Shared) {
    let mut state = shared.state();
    state.held += 1;
    shared.changed.notify_all();
    let waited = shared.changed.wait_timeout_while(state, PATIENCE, |state| !state.released);
    state = waited.unwrap_or_else(PoisonError::into_inner).0;
    state.held -= 1;
    shared.changed.notify_all();
}
