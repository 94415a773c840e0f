//! Owns one turn of the model: what it says and does, and what goes wrong with it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// One turn of the model: thinking, then text, then calls of tools. Without any it says `ok`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    pub(super) text: Option<String>,
    pub(super) thinking: Option<String>,
    pub(super) tools: Vec<ToolCall>,
    /// In the words of the dialect.
    pub(super) stop_reason: Option<String>,
    pub(super) usage: Tokens,
    /// Sent with the answer, whether it fails or not.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) error: Option<ErrorAnswer>,
    /// Before the first byte.
    #[serde(deserialize_with = "seconds")]
    pub(super) delay: Duration,
    /// Characters of a piece of text.
    pub(super) chunk_chars: Option<usize>,
    /// After each piece of text.
    #[serde(deserialize_with = "seconds")]
    pub(super) chunk_delay: Duration,
    pub(super) hang: Option<Hang>,
    pub(super) cut: bool,
    pub(super) stream_error: Option<StreamError>,
}

/// A call of a tool, in the words of the agent program.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolCall {
    pub(super) name: String,
    #[serde(default)]
    pub(super) input: Value,
}

/// What a turn is said to have consumed.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tokens {
    /// Tokens read that were in no cache.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Tokens read from the cache.
    pub cache_read_input_tokens: u64,
    /// Tokens put into the cache.
    pub cache_creation_input_tokens: u64,
}

/// When silence begins, which lasts until the client hangs up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hang {
    /// Before any answer.
    Request,
    /// Halfway through the text of a stream.
    Stream,
}

/// A failed call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ErrorAnswer {
    pub(super) status: u16,
    /// In the words of the dialect.
    #[serde(default, rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) code: Option<String>,
    #[serde(default = "no_message")]
    pub(super) message: String,
    /// How many calls of this step fail; `None` is all.
    #[serde(default)]
    pub(super) times: Option<u64>,
}

/// An error in the middle of a stream that began well.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamError {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) message: String,
}

impl Step {
    pub(super) const fn nothing() -> Self {
        Self {
            text: None,
            thinking: None,
            tools: Vec::new(),
            stop_reason: None,
            usage: Tokens::usual(),
            headers: BTreeMap::new(),
            error: None,
            delay: Duration::ZERO,
            chunk_chars: None,
            chunk_delay: Duration::ZERO,
            hang: None,
            cut: false,
            stream_error: None,
        }
    }

    /// Says a text.
    pub fn saying(text: &str) -> Self {
        Self { text: Some(text.to_owned()), ..Self::nothing() }
    }

    /// Calls a tool.
    pub fn using(tool: &str, input: Value) -> Self {
        Self::nothing().and_using(tool, input)
    }

    /// Fails the call with an HTTP status, every time.
    pub fn failing(status: u16, message: &str) -> Self {
        let message = message.to_owned();
        let error = ErrorAnswer { status, kind: None, code: None, message, times: None };
        Self { error: Some(error), ..Self::nothing() }
    }

    /// Falls silent.
    pub fn hanging(hang: Hang) -> Self {
        Self { hang: Some(hang), ..Self::saying("The rest of this sentence is never said.") }
    }

    /// Calls a tool as well.
    pub fn and_using(mut self, tool: &str, input: Value) -> Self {
        self.tools.push(ToolCall { name: tool.to_owned(), input });
        self
    }

    /// Thinks before it speaks.
    pub fn after_thinking(self, thinking: &str) -> Self {
        Self { thinking: Some(thinking.to_owned()), ..self }
    }

    /// Is said to have consumed.
    pub fn with_usage(self, usage: Tokens) -> Self {
        Self { usage, ..self }
    }

    /// Ends for a reason of its own, in the words of the dialect.
    pub fn with_stop_reason(self, reason: &str) -> Self {
        Self { stop_reason: Some(reason.to_owned()), ..self }
    }

    /// Sends a header with the answer.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Fails so many calls only; then it says the text.
    ///
    /// # Panics
    /// If the step does not fail at all.
    pub fn until_call(mut self, times: u64, text: &str) -> Self {
        self.error.as_mut().expect("a step that fails").times = Some(times);
        Self { text: Some(text.to_owned()), ..self }
    }

    /// Waits before it answers.
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Speaks in pieces of so many characters, with a pause after each.
    pub fn in_pieces(self, chars: usize, pause: Duration) -> Self {
        Self { chunk_chars: Some(chars), chunk_delay: pause, ..self }
    }

    /// Hangs up halfway through the text of a stream.
    pub fn cut(self) -> Self {
        Self { cut: true, ..self }
    }

    /// Reports an error halfway through the text of a stream.
    pub fn with_stream_error(self, kind: &str, message: &str) -> Self {
        Self { stream_error: Some(StreamError { kind: kind.to_owned(), message: message.to_owned() }), ..self }
    }

    /// The text that it says: one is needed where no tool is called.
    pub(super) fn said(&self) -> Option<&str> {
        self.text.as_deref().or(if self.tools.is_empty() { Some("ok") } else { None })
    }
}

impl Tokens {
    const fn usual() -> Self {
        Self { input_tokens: 100, output_tokens: 20, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 }
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Self::usual()
    }
}

fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(serde::de::Error::custom)
}

fn no_message() -> String {
    "an error of the script".to_owned()
}
