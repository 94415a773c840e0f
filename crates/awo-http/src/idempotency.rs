//! Owns the header by which a request can be repeated safely.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName};
use serde_json::json;

use crate::problem::{InputError, Problem};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The caller's key, if there is one.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<Arc<str>>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let text = value.to_str().ok().map(str::trim).filter(|text| (1..=255).contains(&text.len()));
    text.map(|text| Some(text.into())).ok_or_else(|| {
        Problem::invalid(vec![InputError {
            loc: vec![json!("header"), json!("Idempotency-Key")],
            msg: "must be 1 to 255 printable ASCII characters".into(),
            kind: "value_error",
            input: None,
        }])
    })
}
