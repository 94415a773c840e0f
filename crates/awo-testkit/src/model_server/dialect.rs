//! Owns the languages of model services: what a request says, and how an answer or an error is put.

mod anthropic;
mod chat;
mod gemini;
mod responses;

use serde_json::{Value, json};

use super::reply::Reply;
use super::step::{ErrorAnswer, Step};

/// What counts of a request, whatever its dialect.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Talk {
    /// The last thing a user said, without what the program added by itself.
    pub(super) prompt: String,
    /// Turns of the model since then.
    pub(super) depth: usize,
    pub(super) system: String,
    pub(super) model: String,
    pub(super) streamed: bool,
    /// Whether it only asks how many tokens this would be.
    pub(super) counts: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `POST /v1/messages`, as `claude` speaks it.
    Anthropic,
    /// `POST /v1/responses`, as `codex` speaks it.
    Responses,
    /// `POST /v1/chat/completions`, as `opencode` speaks it.
    Chat,
    /// `POST /v1beta/models/M:generateContent` and its like, as `gemini` speaks it.
    Gemini,
}

impl Dialect {
    /// The dialect of a path.
    pub(super) fn of(path: &str) -> Option<Self> {
        if path.ends_with("/v1/messages") || path.ends_with("/v1/messages/count_tokens") {
            Some(Self::Anthropic)
        } else if path.ends_with("/responses") {
            Some(Self::Responses)
        } else if path.ends_with("/chat/completions") {
            Some(Self::Chat)
        } else {
            gemini::model_and_verb(path).map(|_| Self::Gemini)
        }
    }

    pub(super) fn read(self, path: &str, body: &Value) -> Talk {
        match self {
            Self::Anthropic => anthropic::read(path, body),
            Self::Responses => responses::read(body),
            Self::Chat => chat::read(body),
            Self::Gemini => gemini::read(path, body),
        }
    }

    /// A step as an answer. `number` makes its ids unlike those of all other answers.
    pub(super) fn reply(self, talk: &Talk, step: &Step, number: usize) -> Reply {
        match self {
            Self::Anthropic => anthropic::reply(talk, step, number),
            Self::Responses => responses::reply(talk, step, number),
            Self::Chat => chat::reply(talk, step, number),
            Self::Gemini => gemini::reply(talk, step, number),
        }
    }

    /// The body of a failed call.
    pub(super) fn error(self, error: &ErrorAnswer) -> Value {
        let kind = error.kind.as_deref().unwrap_or_else(|| self.kind_of(error.status));
        let message = &error.message;
        match self {
            Self::Anthropic => json!({"type": "error", "error": {"type": kind, "message": message}}),
            Self::Responses | Self::Chat => {
                json!({"error": {"message": message, "type": kind, "code": error.code, "param": null}})
            }
            Self::Gemini => json!({"error": {"code": error.status, "message": message, "status": kind}}),
        }
    }

    fn kind_of(self, status: u16) -> &'static str {
        match (self, status) {
            (Self::Anthropic, 404) => "not_found_error",
            (Self::Anthropic, 529) => "overloaded_error",
            (Self::Anthropic | Self::Responses | Self::Chat, 401) => "authentication_error",
            (Self::Anthropic | Self::Responses | Self::Chat, 429) => "rate_limit_error",
            (Self::Anthropic | Self::Responses | Self::Chat, 400 | 404) => "invalid_request_error",
            (Self::Anthropic, _) => "api_error",
            (Self::Responses | Self::Chat, _) => "server_error",
            (Self::Gemini, 400) => "INVALID_ARGUMENT",
            (Self::Gemini, 401) => "UNAUTHENTICATED",
            (Self::Gemini, 404) => "NOT_FOUND",
            (Self::Gemini, 429) => "RESOURCE_EXHAUSTED",
            (Self::Gemini, 503) => "UNAVAILABLE",
            (Self::Gemini, _) => "INTERNAL",
        }
    }
}

/// Texts that programs put into a user's message by themselves begin with one of these elements.
const ADDED: [&str; 6] = [
    "<system-reminder",
    "<environment_context",
    "<user_instructions",
    "<session_context",
    "<permissions",
    "<skills_instructions",
];

/// What the person said: the text of a message's content, a string or a list of parts, without what was added.
fn words(content: &Value) -> String {
    if let Some(text) = content.as_str() {
        return if added(text) { String::new() } else { text.to_owned() };
    }
    let parts = content.as_array().into_iter().flatten();
    let texts = parts.filter(|part| matches!(text(part, "type"), "" | "text" | "input_text" | "output_text"));
    texts.map(|part| text(part, "text")).filter(|text| !text.is_empty() && !added(text)).collect::<Vec<_>>().join("\n")
}

fn added(text: &str) -> bool {
    let start = text.trim_start();
    ADDED.iter().any(|element| start.get(..element.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(element)))
}

/// Follows a conversation: the last prompt of a user, and how many turns of the model came after it.
#[derive(Debug, Default)]
struct Conversation {
    prompt: String,
    depth: usize,
}

impl Conversation {
    fn user(&mut self, words: String) {
        // Results of tools come as a user's messages too, without words.
        if !words.trim().is_empty() {
            *self = Self { prompt: words, depth: 0 };
        }
    }

    fn model(&mut self) {
        self.depth += 1;
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}
