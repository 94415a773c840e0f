//! Speaks to the API: over a socket where a server has the data directory, else to the same routes in this process.
//!
//! So every command sees the same JSON, with and without a server.

mod following;
mod reached;

use std::time::Duration;

use anyhow::Context as _;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::exit::{BAD_INPUT, FAILED, NOT_FOUND, UNAVAILABLE, coded};
use crate::wire::Problem;
use following::{EventStream, Source};

use reached::Reached;

pub(crate) use following::{Following, News, is_unavailable};

/// How long a server may take to accept, and to answer; the longest question that waits for news is shorter.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_mins(1);
/// How long a stream may say nothing; it gives a sign of life much more often.
const SILENCE: Duration = Duration::from_secs(20);
/// Names orders that a list leaves out, as they cannot be read.
const DAMAGED: HeaderName = HeaderName::from_static("x-damaged-orders");

/// The API, wherever it is.
#[derive(Debug, Clone)]
pub(crate) enum Client {
    /// On a server.
    Server { address: String, base: String, http: reqwest::Client, streams: reqwest::Client },
    /// In this process.
    InProcess(Box<axum::Router>),
}

/// An answer that is not a problem.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Orders that are left out, as they cannot be read.
    pub(crate) damaged: Vec<String>,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn read<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_value(self.body.clone()).context("the server's answer has another form than expected")
    }
}

impl Client {
    pub(crate) fn server(address: &str, key: Option<&str>) -> anyhow::Result<Self> {
        let mut shown = HeaderMap::new();
        if let Some(key) = key {
            let value = header::HeaderValue::try_from(format!("Bearer {key}"));
            let mut value =
                value.map_err(|_| coded(BAD_INPUT, "the API key is not one: make one with `awo keys create`"))?;
            value.set_sensitive(true);
            shown.insert(header::AUTHORIZATION, value);
        }
        let reached = Reached::new(address)?;
        let builder = || reached.begin().connect_timeout(CONNECT).default_headers(shown.clone());
        let http = builder().timeout(ANSWER).build().context("cannot make an HTTP client")?;
        let streams = builder().read_timeout(SILENCE).build().context("cannot make an HTTP client")?;
        Ok(Self::Server { address: address.to_owned(), base: reached.base().to_owned(), http, streams })
    }

    pub(crate) fn in_process(router: axum::Router) -> Self {
        Self::InProcess(Box::new(router))
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.call(Method::GET, path, None, &[]).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> anyhow::Result<Answer> {
        self.call(Method::POST, path, Some(body.to_string()), headers).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Answer> {
        let (status, headers, bytes) = self.send(method, path, body, headers).await?;
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let damaged = text(DAMAGED).map(|ids| ids.split(", ").map(str::to_owned).collect()).unwrap_or_default();
        if !status.is_success() {
            return Err(problem(status, &bytes));
        }
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? };
        Ok(Answer { damaged, body })
    }

    /// An answer that is no JSON.
    pub(crate) async fn get_raw(&self, path: &str) -> anyhow::Result<Bytes> {
        let (status, _, bytes) = self.send(Method::GET, path, None, &[]).await?;
        if status.is_success() { Ok(bytes) } else { Err(problem(status, &bytes)) }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<(StatusCode, HeaderMap, Bytes)> {
        Ok(match self {
            Self::Server { address, base, http, .. } => {
                let mut request = http.request(method, format!("{base}{path}"));
                for (name, value) in headers {
                    request = request.header(*name, *value);
                }
                if let Some(body) = body {
                    request = request.header(header::CONTENT_TYPE, "application/json").body(body);
                }
                let answer = request.send().await.map_err(|error| unreachable(address, &error))?;
                let (status, headers) = (answer.status(), answer.headers().clone());
                (status, headers, answer.bytes().await.map_err(|error| unreachable(address, &error))?)
            }
            Self::InProcess(router) => {
                let mut request = Request::builder().method(method).uri(path).header(header::HOST, "localhost:1");
                for (name, value) in headers {
                    request = request.header(*name, *value);
                }
                if body.is_some() {
                    request = request.header(header::CONTENT_TYPE, "application/json");
                }
                let request = request.body(Body::from(body.unwrap_or_default())).context("cannot make the request")?;
                let answer = router.as_ref().clone().oneshot(request).await?;
                let (parts, body) = answer.into_parts();
                (parts.status, parts.headers, body.collect().await?.to_bytes())
            }
        })
    }

    /// Opens a stream after the message with this id.
    async fn stream(&self, path: &str, last_id: Option<&str>) -> anyhow::Result<EventStream> {
        let mut headers = vec![(header::ACCEPT, "text/event-stream")];
        headers.extend(last_id.map(|id| (HeaderName::from_static("last-event-id"), id)));
        match self {
            Self::Server { address, base, streams, .. } => {
                let request = streams.get(format!("{base}{path}"));
                let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
                let answer = request.send().await.map_err(|error| unreachable(address, &error))?;
                let status = answer.status();
                if !status.is_success() {
                    return Err(problem(status, &answer.bytes().await.map_err(|error| unreachable(address, &error))?));
                }
                Ok(EventStream::new(Source::Server(answer)))
            }
            Self::InProcess(router) => {
                let request = Request::get(path).header(header::HOST, "localhost:1");
                let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
                let request = request.body(Body::empty()).context("cannot make the request")?;
                let answer = router.as_ref().clone().oneshot(request).await?;
                let (parts, body) = answer.into_parts();
                if !parts.status.is_success() {
                    return Err(problem(parts.status, &body.collect().await?.to_bytes()));
                }
                Ok(EventStream::new(Source::InProcess(body)))
            }
        }
    }
}

fn unreachable(address: &str, error: &reqwest::Error) -> anyhow::Error {
    coded(UNAVAILABLE, format!("cannot reach the server at {address}: {}", root_cause(error)))
}

/// A problem as an error of the terminal.
fn problem(status: StatusCode, bytes: &[u8]) -> anyhow::Error {
    let code = match status.as_u16() {
        404 => NOT_FOUND,
        400..=499 if status != StatusCode::TOO_MANY_REQUESTS => BAD_INPUT,
        429 | 502..=504 => UNAVAILABLE,
        _ => FAILED,
    };
    let Ok(problem) = serde_json::from_slice::<Problem>(bytes) else {
        return coded(code, format!("the server answered {status}"));
    };
    let fields: Vec<_> = problem
        .errors
        .iter()
        .map(|error| {
            let place: Vec<_> =
                error.loc.iter().skip(1).map(|part| part.as_str().map_or(part.to_string(), str::to_owned)).collect();
            format!("{}: {}", place.join("."), error.msg)
        })
        .collect();
    let text = if !fields.is_empty() {
        fields.join("\n     ")
    } else if problem.detail.is_empty() {
        problem.title
    } else {
        problem.detail
    };
    coded(code, text)
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
