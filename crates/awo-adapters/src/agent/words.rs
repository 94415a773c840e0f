//! Owns the phrases and small readings that all drivers share.

use std::fmt::Write as _;
use std::sync::Arc;

use awo_models::{Failure, FailureCode};
use serde_json::Value;

use super::driver::ProgramEnd;
use crate::process::Exit;

/// Longest piece of a program's own words in a message, in characters.
pub(crate) const LONGEST: usize = 2000;
/// Longest name or id that is taken from a program, in bytes.
const LONGEST_NAME: usize = 200;
/// Longest detail of the use of a tool, in characters.
const LONGEST_DETAIL: usize = 200;

/// The beginning of a text, if it is long.
pub(crate) fn clip(text: &str) -> &str {
    clip_to(text, LONGEST)
}

pub(crate) fn clip_to(text: &str, characters: usize) -> &str {
    match text.char_indices().nth(characters) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

pub(crate) fn fail<T>(code: FailureCode, message: impl Into<Arc<str>>) -> Result<T, Failure> {
    Err(Failure::new(code, message))
}

/// How it ended, as the end of a sentence.
pub(crate) fn told(exit: Exit) -> String {
    match exit {
        Exit::Exited(code) => format!("ended with exit code {code}"),
        Exit::Signalled(signal) => format!("was ended by signal {signal}"),
    }
}

/// What it wrote to stderr, as the end of a sentence.
pub(crate) fn errors(end: &ProgramEnd) -> String {
    match end.stderr_tail.trim() {
        "" => String::new(),
        errors => format!(": {}", clip(errors)),
    }
}

/// The failure of a program that ended without its final result.
pub(crate) fn without_result(name: &str, end: &ProgramEnd, unread_lines: u64) -> Failure {
    let mut story = format!("{name} gave no result and {}{}", told(end.exit), errors(end));
    if unread_lines > 0 {
        let _ = write!(story, "; {unread_lines} lines of its output could not be read");
    }
    let code = if end.exit == Exit::Exited(0) { FailureCode::AgentNoResult } else { FailureCode::AgentCrashed };
    Failure::new(code, story)
}

/// The answer of a program that reported success, if how it ended agrees and there is one.
pub(crate) fn answered(name: &str, end: &ProgramEnd, text: Option<&str>) -> Result<Arc<str>, Failure> {
    if !end.is_clean() {
        let how = told(end.exit);
        return fail(FailureCode::AgentCrashed, format!("{name} reported success but {how}{}", errors(end)));
    }
    match text {
        Some(text) if !text.trim().is_empty() => Ok(text.into()),
        _ => fail(FailureCode::AgentNoResult, format!("{name} ended without error, but its answer is empty")),
    }
}

/// The object of a line; `None` if it holds none.
pub(crate) fn object(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok().filter(Value::is_object)
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

/// A name or an id; one that is empty or absurdly long is none.
pub(crate) fn name(value: &Value, field: &str) -> Option<Arc<str>> {
    text(value, field).filter(|id| !id.is_empty() && id.len() <= LONGEST_NAME).map(Into::into)
}

/// What a tool is used on, in a few words, from its input.
pub(crate) fn detail(input: Option<&Value>) -> Arc<str> {
    const TELLING: [&str; 11] =
        ["command", "cmd", "file_path", "filePath", "path", "pattern", "url", "query", "description", "prompt", "name"];
    let said = match input {
        Some(Value::String(said)) => Some(said.as_str()),
        Some(input) => TELLING.iter().find_map(|field| text(input, field)),
        None => None,
    };
    clip_to(said.unwrap_or_default(), LONGEST_DETAIL).into()
}

/// The class of a failed call of the model's service, by its HTTP status.
///
/// A request that the service finds wrong (400), and a model that it does not know (404), are `agent_crashed`: the
/// program ended with an error, and its words, which are in the message, say what to change.
pub(crate) fn code_of_status(status: u64) -> FailureCode {
    match status {
        401 | 403 => FailureCode::AgentAuth,
        429 => FailureCode::AgentRateLimited,
        500.. => FailureCode::AgentOverloaded,
        _ => FailureCode::AgentCrashed,
    }
}

/// The HTTP status that a sentence names: three digits right after `status`, `status:` or `"code":`.
pub(crate) fn status_in(said: &str) -> Option<u64> {
    ["status ", "status: ", "status code ", "\"code\":", "\"code\": "].iter().find_map(|before| {
        said.match_indices(before).find_map(|(at, _)| {
            let digits = said.get(at + before.len()..at + before.len() + 3)?;
            let status = digits.parse().ok().filter(|status| (400..600).contains(status));
            let longer = said[at + before.len() + 3..].starts_with(|c: char| c.is_ascii_digit());
            status.filter(|_| !longer)
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_words_are_cut_between_characters() {
        assert_eq!(clip(&"ä".repeat(3000)).chars().count(), LONGEST);
    }

    #[test]
    fn a_status_is_read_where_it_is_named_as_one() {
        for (said, status) in [
            ("unexpected status 401 Unauthorized: bad key", Some(401)),
            ("exceeded retry limit, last status: 429 Too Many Requests", Some(429)),
            (r#"[API Error: {"error":{"code":500,"message":"x"}}]"#, Some(500)),
            (r#"{"code": 403}"#, Some(403)),
            ("status 4011", None),
            ("status 200 OK", None),
            ("status ", None),
            ("status 40€", None),
            ("I read 500 files", None),
        ] {
            assert_eq!(status_in(said), status, "{said}");
        }
    }

    #[test]
    fn a_tool_is_described_by_what_it_is_used_on() {
        for (input, said) in [
            (json!({"command": "ls", "description": "list"}), "ls"),
            (json!({"file_path": "src/a.rs", "content": "long"}), "src/a.rs"),
            (json!("plain"), "plain"),
            (json!({"todos": []}), ""),
            (json!(null), ""),
        ] {
            assert_eq!(&*detail(Some(&input)), said);
        }
        assert_eq!(&*detail(None), "");
    }
}
