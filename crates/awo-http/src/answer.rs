//! Small helpers that build answers.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use crate::problem::Problem;
use crate::version_tag::VersionTag;

/// A value as JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(text) => json_text(status, text),
        Err(defect) => Problem::from(defect).into_response(),
    }
}

/// A value that was written as JSON.
pub(crate) fn json_text(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = (status, text.into()).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Of values of ours that cannot be written.
impl From<serde_json::Error> for Problem {
    fn from(defect: serde_json::Error) -> Self {
        Self::internal(format!("cannot write the answer: {defect}"))
    }
}

/// Text as it is.
pub(crate) fn plain_text(text: impl Into<Body>) -> Response {
    let mut response = text.into().into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Lines and columns, for a table.
pub(crate) fn csv(text: String) -> Response {
    let mut response = text.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    response
}

/// The answer to somebody who has this version already.
pub(crate) fn not_modified(tag: &VersionTag) -> Response {
    tagged(StatusCode::NOT_MODIFIED.into_response(), tag)
}

/// An answer with its version.
pub(crate) fn tagged(mut response: Response, tag: &VersionTag) -> Response {
    response.headers_mut().insert(ETAG, tag.header());
    response
}
