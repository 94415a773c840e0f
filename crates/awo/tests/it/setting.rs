//! What most tests begin with: the program, an agent that can be directed, a remote; and how they ask about orders.

use std::process::Output;

use awo_testkit::repository::FixtureRepository;
use awo_testkit::{Call, DirectedAgent, Program, Server, eventually, group_runs, until};
use serde_json::{Value, json};

/// The steps of the plan workflow, in their order; `awo_testkit::ROLES` are who does them.
pub(crate) const STEPS: [&str; 7] =
    ["classify", "plan", "find_plan", "generate_branch", "implement", "commit", "create_pr"];

pub(crate) const ORDERS: &str = "/agent-work-orders";

/// The program under test, alone.
pub(crate) fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_awo"))
}

pub(crate) struct Setting {
    // First, so that it is dropped first: agents that wait for their directions end when its directory is gone.
    pub(crate) program: Program,
    pub(crate) agent: DirectedAgent,
    pub(crate) remote: FixtureRepository,
}

impl Setting {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// With more variables in the program's environment.
    pub(crate) fn with(variables: &[(&str, &str)]) -> Self {
        let program = program();
        let agent = DirectedAgent::new(&program.place().join("agent"));
        let mut program = program
            .with_variable("CLAUDE_CLI_PATH", agent.program())
            .with_variable("CLAUDE_CLI_SKIP_PERMISSIONS", "true");
        for (name, value) in variables {
            program = program.with_variable(name, value);
        }
        Self { program, agent, remote: FixtureRepository::new() }
    }

    /// Lets git take its remote where an order names this address.
    pub(crate) fn redirected_from(self, from: &str) -> Self {
        let file = self.program.place().join("awo.toml");
        let settings = format!("[[git.redirect]]\nfrom = {from:?}\nto = {:?}\n", self.remote.url());
        std::fs::write(&file, settings).unwrap();
        Self { program: self.program.with_variable("AWO_CONFIG", file), ..self }
    }

    pub(crate) fn body(&self) -> Value {
        json!({"repository_url": self.remote.url(), "user_request": "Say hello in more languages"})
    }

    /// Creates an order; its id.
    #[track_caller]
    pub(crate) fn create(&self, server: &Server) -> String {
        create(server, &self.body())
    }

    /// Waits until a role is at work for the n-th time.
    #[track_caller]
    pub(crate) fn at_work(&self, role: &str, times: usize) -> Call {
        eventually(&format!("{role} is at work"), || self.agent.calls_of(role).get(times - 1).cloned())
    }

    /// Runs a command; its exit code and what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> Told {
        self.program.run(arguments).into()
    }

    /// Runs an order in the foreground.
    pub(crate) fn run_order(&self, arguments: &[&str]) -> Told {
        let url = self.remote.url();
        let whole = [&["run", "--repo", url.as_str()], arguments, &["Say hello in more languages"]].concat();
        self.run(&whole)
    }

    /// Text of an artifact, as it is on disk.
    #[track_caller]
    pub(crate) fn artifact(&self, id: &str, name: &str) -> String {
        let artifacts = self.program.data_dir().join("artifacts");
        std::fs::read_to_string(artifacts.join(&id[id.len() - 2..]).join(id).join(name)).unwrap()
    }

    /// Waits until nothing that was for the work only is left of a delivered order.
    #[track_caller]
    pub(crate) fn nothing_is_left(&self) {
        until("the checkout is gone", || self.workspaces().is_empty());
        for place in ["mirrors", "agents/homes", "agents/files"] {
            let entries = std::fs::read_dir(self.program.data_dir().join(place)).into_iter().flatten();
            // The mirrors of repositories are there for the next order.
            let left = entries.map(|entry| entry.unwrap().path()).filter(|path| !path.ends_with("mirrors/shared"));
            let left: Vec<_> = left.collect();
            assert!(left.is_empty(), "{left:?} is left");
        }
    }

    /// Directories of orders that the data directory has workspaces for.
    pub(crate) fn workspaces(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.program.data_dir().join("workspaces")) else { return Vec::new() };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("wo-")).collect()
    }
}

/// What a command left.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Told {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Told {
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// What it printed, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

#[track_caller]
pub(crate) fn create(server: &Server, body: &Value) -> String {
    let answer = server.post(ORDERS, body);
    assert_eq!(answer.status, 201, "{}", answer.text);
    text(&answer.json()["agent_work_order_id"])
}

#[track_caller]
pub(crate) fn order(server: &Server, id: &str) -> Value {
    let answer = server.get(&format!("{ORDERS}/{id}"));
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// The body of `/steps`.
#[track_caller]
pub(crate) fn history(server: &Server, id: &str) -> Value {
    let answer = server.get(&format!("{ORDERS}/{id}/steps"));
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

#[track_caller]
pub(crate) fn steps(server: &Server, id: &str) -> Vec<Value> {
    history(server, id)["steps"].as_array().unwrap().clone()
}

#[track_caller]
pub(crate) fn events(server: &Server, id: &str) -> Vec<Value> {
    let answer = server.get(&format!("{ORDERS}/{id}/events"));
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json().as_array().unwrap().clone()
}

/// Waits until an order has ended; the order.
#[track_caller]
pub(crate) fn ended(server: &Server, id: &str) -> Value {
    eventually(&format!("{id} has ended"), || Some(order(server, id)).filter(has_ended))
}

/// The same, and it must be completed.
#[track_caller]
pub(crate) fn completed(server: &Server, id: &str) -> Value {
    let order = ended(server, id);
    assert_eq!(order["status"], "completed", "{order:#}\n{:#}", history(server, id));
    order
}

pub(crate) fn has_ended(order: &Value) -> bool {
    ["completed", "failed", "cancelled"].iter().any(|status| order["status"] == *status)
}

/// Step, attempt and what came of it, for each result.
pub(crate) fn told(steps: &[Value]) -> Vec<String> {
    let code = |step: &Value| step["error_code"].as_str().unwrap_or("ok").to_owned();
    steps.iter().map(|step| format!("{} {} {}", text(&step["step"]), step["attempt"], code(step))).collect()
}

#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not text")).to_owned()
}

#[track_caller]
pub(crate) fn group_ends(group: u32) {
    until(&format!("process group {group} is gone"), || !group_runs(group));
}
