//! Problems on the wire (RFC 9457): one table of their types, and what the engine's errors become.

mod engine;
mod types;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

pub(crate) use types::ProblemType;

/// Media type of a problem.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// Problems with a request's fields that one answer names at most.
const ERRORS_SHOWN: usize = 50;

/// Why a request was not done. Becomes a response with an empty body; the edge fills in what only it knows.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) kind: ProblemType,
    pub(crate) detail: String,
    pub(crate) errors: Vec<InputError>,
    pub(crate) retry_after_seconds: Option<u32>,
    /// For the log only.
    pub(crate) cause: Option<String>,
}

/// One part of a request that cannot be used.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct InputError {
    /// Where it is: `body`, `query` or `header`, then names and places in lists.
    #[schema(value_type = Vec<Value>, example = json!(["body", "limits", "max_turns"]))]
    pub(crate) loc: Vec<Value>,
    /// What is wrong with it, and the cure.
    pub(crate) msg: String,
    /// Class of the trouble, such as `missing`, `enum` or `value_error`.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// What was sent, shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub(crate) input: Option<Value>,
}

impl Problem {
    pub(crate) fn new(kind: ProblemType, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), retry_after_seconds: None, cause: None }
    }

    /// A defect of ours; the cause goes to the log only.
    pub(crate) fn internal(cause: impl Into<String>) -> Self {
        let detail = "awo could not answer this because of a defect; its log has the cause under this request id";
        Self::new(ProblemType::Internal, detail).because(cause)
    }

    /// Everything in a request that cannot be used.
    pub(crate) fn invalid(mut errors: Vec<InputError>) -> Self {
        let found = errors.len();
        errors.truncate(ERRORS_SHOWN);
        let named = |error: &InputError| {
            let names = error.loc.iter().skip(1).map(|part| part.as_str().map_or_else(|| part.to_string(), Into::into));
            let place = names.collect::<Vec<_>>().join(".");
            if place.is_empty() { error.msg.clone() } else { format!("{place}: {}", error.msg) }
        };
        let mut detail = errors.iter().take(10).map(named).collect::<Vec<_>>().join("; ");
        if found > 10 {
            detail.push_str("; and more");
        }
        Self { errors, ..Self::new(ProblemType::InvalidRequest, detail) }
    }

    pub(crate) fn because(self, cause: impl Into<String>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after_seconds: Some(seconds), ..self }
    }
}

/// A problem as `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// Stable name of its class.
    #[serde(rename = "type")]
    kind: String,
    /// The class in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened here and what can be done, fit to show a person.
    detail: &'a str,
    /// Path of the request.
    instance: &'a str,
    /// Id of the request; the server's log has it, too. Also in `X-Request-Id`.
    request_id: &'a str,
    /// Whether the same request may be done later.
    retryable: bool,
    /// For `invalid-request`: everything that cannot be used.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<InputError>)]
    errors: &'a [InputError],
}

impl Problem {
    /// The problem as it is sent.
    pub(crate) fn render(&self, instance: &str, request_id: &str) -> Response {
        let mut response = (self.kind.status(), self.json(instance, request_id)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.kind == ProblemType::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    /// The problem as the whole of what is said on a connection of HTTP/1.1, where no request was read.
    pub(crate) fn farewell(&self) -> Vec<u8> {
        let (status, body) = (self.kind.status(), self.json("/", ""));
        let retry = self.retry_after_seconds.unwrap_or(1);
        let mut text = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {PROBLEM_JSON}\r\nretry-after: {retry}\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        text.extend(body);
        text
    }

    fn json(&self, instance: &str, request_id: &str) -> Vec<u8> {
        let body = ProblemBody {
            kind: self.kind.urn(),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: &self.detail,
            instance,
            request_id,
            retryable: self.retry_after_seconds.is_some(),
            errors: &self.errors,
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StatusCode> for Problem {
    /// The problem behind a bare status of the router.
    fn from(status: StatusCode) -> Self {
        match status {
            StatusCode::METHOD_NOT_ALLOWED => Self::new(
                ProblemType::MethodNotAllowed,
                "this path has no such method; the Allow header names those it has",
            ),
            other => Self::internal(format!("the router answered {other} without a problem")),
        }
    }
}
