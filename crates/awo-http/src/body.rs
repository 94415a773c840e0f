//! Reads a request's body as JSON: only what says that it is JSON, only so much, only so deep, only for so long.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::api::Limits;
use crate::problem::{Problem, ProblemType};

/// The body as a JSON value. `serde_json` refuses what is nested deeper than 127 levels.
pub(crate) async fn read_json(headers: &HeaderMap, body: Body, limits: &Limits) -> Result<Value, Problem> {
    if !is_json(headers) {
        return Err(Problem::new(
            ProblemType::UnsupportedMediaType,
            "the body must be JSON; send it with the header `Content-Type: application/json`",
        ));
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limits.max_body_bytes) {
        return Err(too_large(limits));
    }
    let reading = Limited::new(body, limits.max_body_bytes).collect();
    let read = tokio::time::timeout(limits.body_timeout, reading).await.map_err(|_| {
        let seconds = limits.body_timeout.as_secs_f64();
        Problem::new(ProblemType::BodyTimeout, format!("the body did not arrive within {seconds} s; send it again"))
    })?;
    let bytes = match read {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(too_large(limits)),
        Err(_) => return Err(Problem::new(ProblemType::MalformedJson, "the body ended before it was complete")),
    };
    serde_json::from_slice(&bytes)
        .map_err(|error| Problem::new(ProblemType::MalformedJson, format!("the body is not JSON: {error}")))
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    media_type.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("application/json"))
}

fn too_large(limits: &Limits) -> Problem {
    let most = limits.max_body_bytes;
    Problem::new(ProblemType::BodyTooLarge, format!("the body has more than the {most} bytes that are read"))
}

/// SHA-256 of a value's one spelling (no spaces, names sorted), in hex: equal for bodies that say the same.
pub(crate) fn digest(value: &Value) -> String {
    let mut text = String::new();
    spell(value, &mut text);
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn spell(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                spell(item, text);
            }
            text.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            text.push('{');
            for (index, (name, member)) in members.into_iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                let _ = write!(text, "{}:", Value::from(name.as_str()));
                spell(member, text);
            }
            text.push('}');
        }
        plain => {
            let _ = write!(text, "{plain}");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_digest_sees_what_is_said_and_not_how() {
        let one: Value = serde_json::from_str(r#"{"b": [1, null, "\u0061"], "a": {"y": 1.5, "x": true}}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"a":{"x":true,"y":1.5},"b":[1,null,"a"]}"#).unwrap();
        assert_eq!(digest(&one), digest(&other));
        assert_ne!(digest(&one), digest(&json!({"a": {"x": true, "y": 1.5}, "b": [null, 1, "a"]})));
        // The digest is stored with the order, so it must not change between versions.
        let mut text = String::new();
        spell(&one, &mut text);
        assert_eq!(text, r#"{"a":{"x":true,"y":1.5},"b":[1,null,"a"]}"#);
        assert_eq!(digest(&json!({})), "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    }
}
