//! One spelling of every path: the second prefix and the trailing slash are taken off before routing, without redirect.

use std::borrow::Cow;

use awo_models::{ArtifactName, OrderId};
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::http::Uri;
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;

use crate::problem::{Problem, ProblemType};

/// The prefix of all routes of orders.
pub(crate) const ORDERS: &str = "/agent-work-orders";
/// The same, as the original's second generation had it.
const API_ORDERS: &str = "/api/agent-work-orders";
/// Paths of other things than orders, which exist at the root, too.
const ROOT_TOO: &str = "/github/";

/// The prefix that a request came with, so that its answer links to what its sender can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Base(pub(crate) &'static str);

/// Rewrites a request to the one spelling.
pub(crate) fn normalize(mut request: Request) -> Request {
    let (base, path) = one_spelling(request.uri().path());
    let path = whole(path);
    if path != request.uri().path() {
        let target = match request.uri().query() {
            Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
            None => PathAndQuery::try_from(&*path),
        };
        let mut parts = request.uri().clone().into_parts();
        if let Ok(target) = target {
            parts.path_and_query = Some(target);
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
    }
    request.extensions_mut().insert(base);
    request
}

fn one_spelling(path: &str) -> (Base, &str) {
    let under_api = path
        .strip_prefix("/api")
        .filter(|rest| rest.strip_prefix(ORDERS).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    let (base, path) = under_api.map_or((Base(ORDERS), path), |rest| (Base(API_ORDERS), rest));
    match path.strip_suffix('/') {
        Some("") | None => (base, path),
        Some(without) => (base, without),
    }
}

/// The whole path of what exists at the root, too.
fn whole(path: &str) -> Cow<'_, str> {
    if path.starts_with(ROOT_TOO) { Cow::Owned(format!("{ORDERS}{path}")) } else { Cow::Borrowed(path) }
}

impl<S: Sync> FromRequestParts<S> for Base {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(parts.extensions.get().copied().unwrap_or(Self(ORDERS)))
    }
}

/// The order that a path names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OrderPath(pub(crate) OrderId);

impl<S: Send + Sync> FromRequestParts<S> for OrderPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = parameter(parts, state, "id").await.unwrap_or_default();
        text.parse().map(Self).map_err(|reason: awo_models::ParseOrderIdError| {
            Problem::new(ProblemType::OrderNotFound, format!("agent work order not found: {reason}"))
        })
    }
}

/// The configured repository that a path names.
#[derive(Debug, Clone)]
pub(crate) struct RepositoryPath(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for RepositoryPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = parameter(parts, state, "rid").await.unwrap_or_default();
        if is_uuid(&text) {
            return Ok(Self(text));
        }
        let shown: String = text.chars().take(40).collect();
        Err(Problem::new(
            ProblemType::RepositoryNotFound,
            format!("configured repository not found: {shown:?} is no id"),
        ))
    }
}

/// Whether a text has the form of a repository's id.
pub(crate) fn is_uuid(text: &str) -> bool {
    let fits = |(place, byte): (usize, u8)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

/// The place in the history, from 1, that a path names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResultNumber(pub(crate) usize);

impl<S: Send + Sync> FromRequestParts<S> for ResultNumber {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = parameter(parts, state, "n").await.unwrap_or_default();
        let number = text.parse().ok().filter(|number| *number > 0);
        number.map(Self).ok_or_else(|| {
            let (kind, what) = match parts.uri.path().rsplit('/').next() {
                Some("diff") => (ProblemType::DiffNotFound, "diff"),
                Some("transcript") => (ProblemType::ArtifactNotFound, "transcript"),
                _ => (ProblemType::OutputNotFound, "output"),
            };
            Problem::new(kind, format!("{what} not found: steps are counted by whole numbers from 1"))
        })
    }
}

/// The artifact that a path names.
#[derive(Debug, Clone)]
pub(crate) struct ArtifactPath(pub(crate) ArtifactName);

impl<S: Send + Sync> FromRequestParts<S> for ArtifactPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = parameter(parts, state, "name").await.unwrap_or_default();
        ArtifactName::new(&text)
            .map(Self)
            .map_err(|reason| Problem::new(ProblemType::ArtifactNotFound, format!("artifact not found: {reason}")))
    }
}

async fn parameter<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Option<String> {
    let parameters = RawPathParams::from_request_parts(parts, state).await.ok()?;
    parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/agent-work-orders", ORDERS, "/agent-work-orders")]
    #[case("/agent-work-orders/", ORDERS, "/agent-work-orders")]
    #[case("/api/agent-work-orders", API_ORDERS, "/agent-work-orders")]
    #[case("/api/agent-work-orders/", API_ORDERS, "/agent-work-orders")]
    #[case("/api/agent-work-orders/x/steps/", API_ORDERS, "/agent-work-orders/x/steps")]
    #[case("/api/agent-work-orders-2", ORDERS, "/api/agent-work-orders-2")]
    #[case("/api/health", ORDERS, "/api/health")]
    #[case("/", ORDERS, "/")]
    #[case("/health/", ORDERS, "/health")]
    #[case("/github/verify-repository/", ORDERS, "/github/verify-repository")]
    fn spellings(#[case] path: &str, #[case] base: &'static str, #[case] routed: &str) {
        assert_eq!(one_spelling(path), (Base(base), routed));
    }
}
