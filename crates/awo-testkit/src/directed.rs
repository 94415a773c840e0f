//! An agent program that waits, fails or talks as the test says while it runs: `programs/directed-agent.sh`.

#![expect(clippy::missing_panics_doc, reason = "a fixture that cannot be made as described panics, always")]

use std::fs;
use std::path::{Path, PathBuf};

/// The roles of the plan workflow, in the order of its steps.
pub const ROLES: [&str; 7] =
    ["classifier", "planner", "plan_finder", "branch_generator", "implementor", "committer", "pr_creator"];

/// Directs the agent that [`DirectedAgent::program`] starts, by files in a directory.
#[derive(Debug, Clone)]
pub struct DirectedAgent {
    directory: PathBuf,
}

/// One start of the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Who it played.
    pub role: String,
    /// Its process, and the number of its process group.
    pub process: u32,
}

impl DirectedAgent {
    /// An agent with its directions in a directory, which is made.
    pub fn new(directory: &Path) -> Self {
        fs::create_dir_all(directory).expect("a directory for directions");
        std::os::unix::fs::symlink(crate::programs::path("directed-agent.sh"), directory.join("claude"))
            .expect("a link to the agent");
        Self { directory: directory.to_owned() }
    }

    /// What to run as `claude`.
    pub fn program(&self) -> PathBuf {
        self.directory.join("claude")
    }

    /// Lets the role wait before it works.
    pub fn hold(&self, role: &str) {
        self.direct("hold", role, "");
    }

    /// Lets the role wait no more.
    pub fn release(&self, role: &str) {
        fs::remove_file(self.directory.join(format!("hold-{role}"))).expect("the role was held");
    }

    /// Lets the role wait after its work, before it answers.
    pub fn hold_answer(&self, role: &str) {
        self.direct("answer", role, "");
    }

    /// Lets the role answer.
    pub fn release_answer(&self, role: &str) {
        fs::remove_file(self.directory.join(format!("answer-{role}"))).expect("the role was held");
    }

    /// Whether the role has done its work and waits with its answer.
    pub fn has_worked(&self, role: &str) -> bool {
        self.directory.join(format!("worked-{role}")).exists()
    }

    /// Lets the role ignore requests to stop while it is held.
    pub fn deafen(&self, role: &str) {
        self.direct("deaf", role, "");
    }

    /// Lets the role fail with these words.
    pub fn fail(&self, role: &str, words: &str) {
        self.direct("fail", role, words);
    }

    /// Lets the role fail no more.
    pub fn mend(&self, role: &str) {
        fs::remove_file(self.directory.join(format!("fail-{role}"))).expect("the role failed");
    }

    /// Lets the role's service tell it to wait, perhaps until a second of the epoch.
    pub fn limit(&self, role: &str, until: Option<i64>) {
        self.direct("limit", role, &until.map(|second| second.to_string()).unwrap_or_default());
    }

    /// Lets the role's service be used again.
    pub fn lift(&self, role: &str) {
        fs::remove_file(self.directory.join(format!("limit-{role}"))).expect("the role was limited");
    }

    /// Lets the role say so many lines more.
    pub fn lengthen(&self, role: &str, lines: usize) {
        self.direct("lengthen", role, &lines.to_string());
    }

    /// Lets the role say these words, too.
    pub fn say(&self, role: &str, words: &str) {
        let written = serde_json::Value::from(words).to_string();
        self.direct("say", role, &written[1..written.len() - 1]);
    }

    /// All starts so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        let text = fs::read_to_string(self.directory.join("calls")).unwrap_or_default();
        // A line that is just being written has no end yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let calls = whole.lines().filter_map(|line| line.split_once(' '));
        calls
            .map(|(role, process)| Call { role: role.to_owned(), process: process.parse().expect("a process number") })
            .collect()
    }

    /// Starts of a role so far.
    pub fn calls_of(&self, role: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.role == role).collect()
    }

    fn direct(&self, what: &str, role: &str, text: &str) {
        fs::write(self.directory.join(format!("{what}-{role}")), text).expect("a direction");
    }
}
