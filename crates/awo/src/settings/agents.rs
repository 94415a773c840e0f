//! Settings of the agents: which there are, and how each is run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use awo_models::{commands, steps};
use serde::Deserialize;

/// The agent that is part of this program and has no settings.
pub(crate) const SCRIPTED: &str = "scripted";

/// Steps and commands that may have an agent of their own.
const STEPS: [&str; 14] = [
    steps::CLASSIFY,
    steps::PLAN,
    steps::FIND_PLAN,
    steps::GENERATE_BRANCH,
    steps::IMPLEMENT,
    steps::REVIEW,
    steps::TEST,
    steps::COMMIT,
    steps::CREATE_PR,
    commands::CREATE_BRANCH,
    commands::PLANNING,
    commands::EXECUTE,
    commands::PRP_REVIEW,
    // `commit` is the name of a step and of a command.
    commands::CREATE_PR,
];

/// A table `[agents.NAME]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Agent {
    /// What kind of program it is; without it, the kind of the same name.
    pub(crate) kind: Option<Kind>,
    pub(crate) path: Option<PathBuf>,
    pub(crate) model: Option<String>,
    pub(crate) max_turns: Option<u32>,
    pub(crate) skip_permissions: bool,
    /// Further arguments.
    pub(crate) args: Vec<String>,
    /// Further variables of awo's environment that it gets, by their names.
    pub(crate) env: Vec<String>,
}

/// The kinds of programs that can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Kind {
    Claude,
    Codex,
}

impl Kind {
    /// All of them. Each is an agent of its own name, whether there are settings for it or not.
    pub(crate) const ALL: [Self; 2] = [Self::Claude, Self::Codex];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
        }
    }

    /// What an agent of this kind can do without leave to skip its questions, where that is not enough for the work.
    pub(crate) fn hindrance(self) -> Option<&'static str> {
        match self {
            Self::Claude => Some("the agent is denied its tools and can change nothing"),
            // It works within its own sandbox.
            Self::Codex => None,
        }
    }
}

impl TryFrom<String> for Kind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|kind| kind.name() == word);
        found.ok_or_else(|| format!("{word:?} is not a kind of agent; there are {}", names()))
    }
}

/// The kind of an agent; or what cannot be used, with the cure.
pub(crate) fn kind_of(name: &str, agent: Option<&Agent>) -> Result<Kind, String> {
    let named = || Kind::ALL.into_iter().find(|kind| kind.name() == name);
    agent.and_then(|agent| agent.kind).or_else(named).ok_or_else(|| {
        let kinds = Kind::ALL.map(Kind::name).join(", ");
        format!("agents.{name} has no kind; give one: kind = … of {kinds}")
    })
}

/// Names the first thing that cannot be used.
pub(super) fn check(agents: &BTreeMap<String, Agent>, step_agents: &BTreeMap<String, String>) -> Result<(), String> {
    for (name, agent) in agents {
        let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c));
        if !plain || name.len() > 32 || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(format!(
                "agents.{name} cannot be the name of an agent; use up to 32 of a-z, 0-9, - and _, a letter first"
            ));
        }
        if name == SCRIPTED {
            return Err(format!("agents.{SCRIPTED} has no settings; choose another name"));
        }
        let kind = kind_of(name, Some(agent))?;
        if let Some(other) = Kind::ALL.into_iter().find(|other| other.name() == name && *other != kind) {
            return Err(format!("agents.{name} is of kind {}; choose another name for it", other.name()));
        }
        if agent.max_turns == Some(0) {
            return Err(format!("agents.{name}.max_turns is 0; an agent needs at least one turn"));
        }
    }
    for (step, name) in step_agents {
        if !STEPS.contains(&step.as_str()) {
            return Err(format!("step_agents.{step}: there is no such step; there are {}", STEPS.join(", ")));
        }
        let is_agent =
            name == SCRIPTED || agents.contains_key(name) || Kind::ALL.iter().any(|kind| kind.name() == name);
        if !is_agent {
            return Err(format!("step_agents.{step}: {name:?} is not an agent; add a table [agents.{name}]"));
        }
    }
    Ok(())
}
