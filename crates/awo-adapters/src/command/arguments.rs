//! Owns the template of a command line. It is filled element by element, and no shell reads it.

use std::ffi::OsString;
use std::path::Path;

use awo_engine::ports::AgentSession;
use awo_models::{Failure, FailureCode};

use crate::agent::AgentCall;

/// Place of the path of a file with the prompt.
pub(super) const PROMPT_FILE: &str = "prompt_file";
const PLACES: [&str; 4] = [PROMPT_FILE, "model", "max_turns", "session"];

/// A template that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// There is no such place.
    #[error(
        "{{{0}}} in the arguments means nothing; there are {{prompt_file}}, {{model}}, {{max_turns}} and {{session}}"
    )]
    UnknownPlace(String),
    /// A brace has no partner.
    #[error("the argument {0:?} has a brace without its partner")]
    Brace(String),
    /// The program would not be told what to do.
    #[error("the prompt goes nowhere: give it on stdin (prompt = \"stdin\"), or name {{prompt_file}} in args")]
    NoPrompt,
}

/// The arguments of a program, with places for what is only known when it is started.
#[derive(Debug, Clone)]
pub(super) struct Template(Vec<Vec<Piece>>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place(&'static str),
}

impl Template {
    pub(super) fn new(args: &[String]) -> Result<Self, TemplateError> {
        args.iter().map(|argument| pieces(argument)).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn uses(&self, place: &str) -> bool {
        self.0.iter().flatten().any(|piece| matches!(piece, Piece::Place(used) if *used == place))
    }

    /// The arguments. One with a place for which there is nothing is left out, and with it the option before it, which
    /// would lack its value.
    pub(super) fn fill(&self, call: &AgentCall<'_>, prompt_file: &Path) -> Result<Vec<OsString>, Failure> {
        let request = call.request;
        let value = |place: &str| -> Option<OsString> {
            match place {
                PROMPT_FILE => Some(prompt_file.into()),
                "model" => request.model.as_deref().map(Into::into),
                "max_turns" => request.max_turns.map(|turns| turns.to_string().into()),
                _ => match &request.session {
                    AgentSession::New(session) => session.as_deref().map(Into::into),
                    AgentSession::Resumed(session) => Some(OsString::from(&**session)),
                },
            }
        };
        let mut filled: Vec<OsString> = Vec::new();
        // Whether the last argument is an option that may belong to the next one.
        let mut option = false;
        for argument in &self.0 {
            match fill_argument(argument, value)? {
                Some(argument) => filled.push(argument),
                None if option => drop(filled.pop()),
                None => {}
            }
            option = matches!(&argument[..], [Piece::Text(text)] if text.starts_with('-') && !text.contains('='));
        }
        Ok(filled)
    }
}

/// One argument; `None` if something that it needs is not there. What begins it must not make an option of it.
fn fill_argument(argument: &[Piece], value: impl Fn(&str) -> Option<OsString>) -> Result<Option<OsString>, Failure> {
    let mut filled = OsString::new();
    for piece in argument {
        match piece {
            Piece::Text(text) => filled.push(text),
            Piece::Place(place) => {
                let Some(value) = value(place) else {
                    return Ok(None);
                };
                if filled.is_empty() && value.as_encoded_bytes().starts_with(b"-") {
                    let value = value.display();
                    let message = format!("{place} `{value}` begins with a dash, and would be taken for an option");
                    return Err(Failure::new(FailureCode::Internal, message));
                }
                filled.push(value);
            }
        }
    }
    Ok(Some(filled))
}

fn pieces(argument: &str) -> Result<Vec<Piece>, TemplateError> {
    let brace = || TemplateError::Brace(argument.to_owned());
    let mut pieces = Vec::new();
    let mut rest = argument;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        let (name, after) = from.strip_prefix('{').and_then(|from| from.split_once('}')).ok_or_else(brace)?;
        let place = PLACES.iter().find(|place| **place == name);
        let place = place.ok_or_else(|| TemplateError::UnknownPlace(name.to_owned()))?;
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(Piece::Place(place));
        rest = after;
    }
    if !rest.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}
