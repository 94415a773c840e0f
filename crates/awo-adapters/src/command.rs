//! Owns the agent program that is described in the configuration: how it is started, and how its words are read, is data.

mod arguments;
mod lines;
mod plain;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use awo_engine::ports::AgentCapabilities;
use awo_models::Failure;

pub use arguments::TemplateError;
use arguments::{PROMPT_FILE, Template};
use lines::LinesParser;
use plain::PlainParser;

use crate::agent::{AgentCall, AgentDriver, AgentInvocation, AgentParser, DriverFacts, Earlier, SessionFiles};

/// A description of an agent program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandDescription {
    /// Its name, as failures say it.
    pub name: String,
    /// Its arguments. `{prompt_file}`, `{model}`, `{max_turns}` and `{session}` in them are replaced.
    pub args: Vec<String>,
    /// Arguments that come before the others when a session goes on; without them it cannot.
    pub resume_args: Vec<String>,
    /// Whether the prompt goes to stdin. Otherwise the program reads it from `{prompt_file}`.
    pub prompt_on_stdin: bool,
    /// How what it prints is read; `None`: all of it is the answer.
    pub lines: Option<LinesFormat>,
    /// Variables of awo's environment that let it in, each by itself.
    pub keys: Vec<String>,
    /// Files of its home that it needs to go on in a session.
    pub session_files: Vec<SessionFiles>,
}

/// How lines of JSON are read. A field may be a path: `usage.input_tokens`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinesFormat {
    /// Field that says what a line is.
    pub kind: String,
    /// Kind of the line that ends it. There is no answer without one.
    pub result_kind: String,
    /// Field of the result with the answer; without it, the last text is the answer.
    pub answer: Option<String>,
    /// Kinds of lines with text.
    pub text_kinds: Vec<String>,
    /// Field with the text.
    pub text: Option<String>,
    /// Kinds of lines that say that the use of a tool began.
    pub tool_kinds: Vec<String>,
    /// Field with the name of the tool.
    pub tool: Option<String>,
    /// Kinds of lines that say that it failed.
    pub error_kinds: Vec<String>,
    /// Field with an error, of those lines and of the result: if it is there, and is neither false nor empty, it failed.
    pub error: Option<String>,
    /// Field with the session, of any line.
    pub session: Option<String>,
    /// Fields of the result, or of other lines, with what was consumed so far.
    pub input_tokens: Option<String>,
    /// Tokens written.
    pub output_tokens: Option<String>,
    /// Turns.
    pub turns: Option<String>,
    /// US dollars.
    pub cost_usd: Option<String>,
}

/// An agent program that is described by data.
#[derive(Debug, Clone)]
pub struct CommandDriver {
    description: CommandDescription,
    template: Template,
    resume: Option<Template>,
}

impl CommandDriver {
    /// A driver for a description, if it can be used.
    pub fn new(description: CommandDescription) -> Result<Self, TemplateError> {
        let template = Template::new(&description.args)?;
        let resume = match &description.resume_args[..] {
            [] => None,
            args => Some(Template::new(args)?),
        };
        if !description.prompt_on_stdin && !template.uses(PROMPT_FILE) {
            return Err(TemplateError::NoPrompt);
        }
        Ok(Self { description, template, resume })
    }
}

impl AgentDriver for CommandDriver {
    fn facts(&self) -> DriverFacts {
        let says = |field: &Option<String>| field.is_some();
        let lines = self.description.lines.as_ref();
        let capabilities = AgentCapabilities {
            chooses_session: self.template.uses("session"),
            resumes: self.resume.is_some(),
            reports_cost: lines.is_some_and(|lines| says(&lines.cost_usd)),
        };
        DriverFacts {
            variables: self.description.keys.clone(),
            keys: self.description.keys.clone(),
            sessions: self.description.session_files.clone(),
            ..DriverFacts::new(self.description.name.clone(), capabilities)
        }
    }

    fn invocation(&self, call: &AgentCall<'_>) -> Result<AgentInvocation, Failure> {
        let prompt_file = PathBuf::from("prompt.md");
        let prompt = call.request.prompt.clone().into_bytes();
        let path = call.home.join(&prompt_file);
        let mut args = match (&self.resume, &call.request.session) {
            (Some(resume), awo_engine::ports::AgentSession::Resumed(_)) => resume.fill(call, &path)?,
            _ => Vec::new(),
        };
        args.extend(self.template.fill(call, &path)?);
        args.extend_from_slice(call.more_arguments);
        let on_stdin = self.description.prompt_on_stdin;
        Ok(AgentInvocation {
            args,
            env: Vec::new(),
            stdin: if on_stdin { prompt.clone() } else { Vec::new() },
            files: if on_stdin { Vec::new() } else { vec![(prompt_file, prompt)] },
            keeps_turns: self.template.uses("max_turns"),
            keeps_cost: false,
        })
    }

    fn parser(&self, _call: &AgentCall<'_>, _earlier: Earlier) -> Box<dyn AgentParser> {
        let name = self.description.name.clone();
        match &self.description.lines {
            Some(format) => Box::new(LinesParser::new(name, format.clone())),
            None => Box::new(PlainParser::new(name)),
        }
    }
}
