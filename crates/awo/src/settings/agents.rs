//! Settings of the agents: which there are, and how each is run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use awo_adapters::{CommandDescription, CommandDriver, LinesFormat, SessionFiles};
use awo_engine::known_steps;
use serde::Deserialize;

use super::network::PublicHosts;

/// The agent that is part of this program and has no settings.
pub(crate) const SCRIPTED: &str = "scripted";

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
    /// Further arguments; of a program of kind `command`, all of them.
    pub(crate) args: Vec<String>,
    /// Further variables of awo's environment that it gets, by their names.
    pub(crate) env: Vec<String>,
    /// Further hosts that it may reach through awo's proxy.
    pub(crate) hosts: PublicHosts,
    /// How a program of kind `command` is told what to do.
    pub(crate) prompt: Option<Prompt>,
    /// Its arguments before the others when a session goes on.
    pub(crate) resume_args: Vec<String>,
    /// Variables that let it in.
    pub(crate) keys: Vec<String>,
    /// Files of its home that it needs to go on in a session.
    pub(crate) session_files: Vec<SessionPlace>,
    /// How its output is read; without it, all of it is the answer.
    pub(crate) lines: Option<Lines>,
}

/// Where a described program reads its prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Prompt {
    Stdin,
    File,
}

/// Where a described program keeps its sessions.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionPlace {
    below: PathBuf,
    ending: String,
}

/// A table `[agents.NAME.lines]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Lines {
    kind: String,
    result_kind: String,
    answer: Option<String>,
    text_kinds: Vec<String>,
    text: Option<String>,
    tool_kinds: Vec<String>,
    tool: Option<String>,
    error_kinds: Vec<String>,
    error: Option<String>,
    session: Option<String>,
    input_tokens: Option<String>,
    output_tokens: Option<String>,
    turns: Option<String>,
    cost_usd: Option<String>,
}

impl Agent {
    /// What only a program of kind `command` may have, by the name of the setting.
    fn described(&self) -> Option<&'static str> {
        let given = [
            ("prompt", self.prompt.is_some()),
            ("resume_args", !self.resume_args.is_empty()),
            ("keys", !self.keys.is_empty()),
            ("session_files", !self.session_files.is_empty()),
            ("lines", self.lines.is_some()),
        ];
        given.into_iter().find_map(|(name, given)| given.then_some(name))
    }

    /// The driver of a program of kind `command`; or what cannot be used, with the cure.
    pub(crate) fn command(&self, name: &str) -> Result<CommandDriver, String> {
        let prompt = self.prompt.ok_or_else(|| {
            format!("agents.{name}.prompt is missing; say whether it reads its prompt from \"stdin\" or a \"file\"")
        })?;
        let lines = self.lines.clone().map(|lines| lines.format(name)).transpose()?;
        for place in &self.session_files {
            let plain = |part| matches!(part, std::path::Component::Normal(_));
            if !place.below.components().all(plain) || place.ending.is_empty() {
                return Err(format!("agents.{name}.session_files: give a directory below the home, and an ending"));
            }
        }
        let description = CommandDescription {
            name: name.to_owned(),
            args: self.args.clone(),
            resume_args: self.resume_args.clone(),
            prompt_on_stdin: prompt == Prompt::Stdin,
            lines,
            keys: self.keys.clone(),
            session_files: self
                .session_files
                .iter()
                .map(|place| SessionFiles { below: place.below.clone(), ending: place.ending.clone() })
                .collect(),
        };
        CommandDriver::new(description).map_err(|error| format!("agents.{name}: {error}"))
    }
}

impl Lines {
    fn format(self, name: &str) -> Result<LinesFormat, String> {
        if self.kind.is_empty() || self.result_kind.is_empty() {
            return Err(format!(
                "agents.{name}.lines needs kind (the field that says what a line is) and result_kind (what it says in \
                 the last one)"
            ));
        }
        if self.answer.is_none() && (self.text.is_none() || self.text_kinds.is_empty()) {
            return Err(format!("agents.{name}.lines finds no answer; give answer, or text and text_kinds"));
        }
        Ok(LinesFormat {
            kind: self.kind,
            result_kind: self.result_kind,
            answer: self.answer,
            text_kinds: self.text_kinds,
            text: self.text,
            tool_kinds: self.tool_kinds,
            tool: self.tool,
            error_kinds: self.error_kinds,
            error: self.error,
            session: self.session,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            turns: self.turns,
            cost_usd: self.cost_usd,
        })
    }
}

/// The kinds of programs that can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Kind {
    Claude,
    Codex,
    Gemini,
    OpenCode,
    /// Described in the settings.
    Command,
}

impl Kind {
    /// Those that are agents of their own names, whether there are settings for them or not.
    pub(crate) const BUILT_IN: [Self; 4] = [Self::Claude, Self::Codex, Self::Gemini, Self::OpenCode];
    const ALL: [Self; 5] = [Self::Claude, Self::Codex, Self::Gemini, Self::OpenCode, Self::Command];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::OpenCode => "opencode",
            Self::Command => "command",
        }
    }

    /// What an agent of this kind can do without leave to skip its questions, where that is not enough for the work.
    pub(crate) fn hindrance(self) -> Option<&'static str> {
        match self {
            Self::Claude | Self::Gemini => Some("the agent is denied its tools and can change nothing"),
            // They work within their own bounds; of a described program awo does not know.
            Self::Codex | Self::OpenCode | Self::Command => None,
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
    let named = || Kind::BUILT_IN.into_iter().find(|kind| kind.name() == name);
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
        if let Some(other) = Kind::BUILT_IN.into_iter().find(|other| other.name() == name && *other != kind) {
            return Err(format!("agents.{name} is of kind {}; choose another name for it", other.name()));
        }
        if kind == Kind::Command {
            if agent.path.is_none() {
                return Err(format!("agents.{name}.path is missing; name the program"));
            }
            agent.command(name)?;
        } else if let Some(setting) = agent.described() {
            return Err(format!("agents.{name}.{setting} is for kind = \"command\"; leave it out"));
        }
        if agent.max_turns == Some(0) {
            return Err(format!("agents.{name}.max_turns is 0; an agent needs at least one turn"));
        }
    }
    for (step, name) in step_agents {
        if !known_steps().any(|known| known == step) {
            let known: Vec<_> = known_steps().collect();
            return Err(format!("step_agents.{step}: there is no such step; there are {}", known.join(", ")));
        }
        let is_agent =
            name == SCRIPTED || agents.contains_key(name) || Kind::BUILT_IN.iter().any(|kind| kind.name() == name);
        if !is_agent {
            return Err(format!("step_agents.{step}: {name:?} is not an agent; add a table [agents.{name}]"));
        }
    }
    Ok(())
}
