//! Why a request was not done.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A problem as `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Problem {
    /// What happened here and what can be done, fit to show a person.
    pub detail: String,
    /// For `invalid-request`: everything that cannot be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<InputError>,
    /// Path of the request.
    pub instance: String,
    /// Id of the request; the server's log has it, too. Also in `X-Request-Id`.
    pub request_id: String,
    /// Whether the same request may be done later.
    pub retryable: bool,
    /// The HTTP status.
    pub status: u32,
    /// The class in words.
    pub title: String,
    /// Stable name of its class.
    #[serde(rename = "type")]
    pub kind: String,
}

/// One part of a request that cannot be used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InputError {
    /// What was sent, shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// Where it is: `body`, `query` or `header`, then names and places in lists.
    pub loc: Vec<Value>,
    /// What is wrong with it, and the cure.
    pub msg: String,
    /// Class of the trouble, such as `missing`, `enum` or `value_error`.
    #[serde(rename = "type")]
    pub kind: String,
}
