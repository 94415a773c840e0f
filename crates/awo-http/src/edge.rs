//! The edge of the interface: what happens around every request, whatever its route. Gives it an id, turns away who may
//! not call, catches panics, renders problems and writes the log line.

use std::any::Any;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use awo_engine::for_request;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, ETAG, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;
use tracing::{Instrument as _, error, info_span, warn};

use crate::api::Api;
use crate::audit::Refused;
use crate::door::Ends;
use crate::figures;
use crate::problem::{Problem, ProblemType};
use crate::request_log::Attended;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the edge needs.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    api: Arc<Api>,
    ids: Arc<RequestIds>,
}

impl Edge {
    pub(crate) fn new(api: Arc<Api>) -> Self {
        Self { api, ids: Arc::new(RequestIds::default()) }
    }

    /// A client that calls us by a name that is not ours, or a page that is not.
    fn refuse(&self, problem: Problem, client: Option<IpAddr>, request_id: &str) -> Response {
        let refused = Refused {
            reason: if problem.kind == ProblemType::HostRefused { "host_refused" } else { "origin_refused" },
            status: problem.kind.status().as_u16(),
            client,
            key: None,
            route: None,
            request_id,
        };
        self.api.refusals.tell(self.api.clock.monotonic(), &refused);
        problem.into_response()
    }
}

/// Begins the ids that are ours.
const OURS: &str = "req-";
/// Bytes of an id that a client chooses, at most.
const ID_BYTES: usize = 64;

/// Ids that no other request of this process has, nor of the one before it, for those that bring none.
#[derive(Debug)]
struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl Default for RequestIds {
    fn default() -> Self {
        // Unique is enough: nobody gains anything by guessing a request id.
        Self { process: RandomState::new().hash_one(std::process::id()), next: AtomicU64::new(1) }
    }
}

impl RequestIds {
    /// The id that a client, or a proxy before us, has given the request, if it is a plain one; else a new one. Whoever
    /// gives the same one twice confuses nobody else: it cannot look like one of ours.
    fn of(&self, headers: &HeaderMap) -> Arc<str> {
        let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
        let next = || format!("{OURS}{:016x}-{}", self.process, self.next.fetch_add(1, Ordering::Relaxed)).into();
        given.filter(|id| is_plain(id)).map_or_else(next, Into::into)
    }
}

fn is_plain(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=ID_BYTES).contains(&id.len()) && id.bytes().all(plain) && !id.starts_with(OURS)
}

/// Around every request.
pub(crate) async fn edge(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let request_id = edge.ids.of(request.headers());
    let ends = request.extensions().get::<Ends>().copied();
    let client = ends.and_then(|ends| ends.client);
    let path = request.uri().path().to_owned();
    let attended = Attended::begin(&edge.api.clock, &request_id, request.method(), &path, client);
    request.extensions_mut().insert(attended.clone());
    let answered = match edge.api.hosts.check(request.uri(), request.headers(), ends) {
        Ok(()) => {
            let within = info_span!("request", %request_id);
            let answering = for_request(Arc::clone(&request_id), next.run(request)).instrument(within);
            let answered = AssertUnwindSafe(answering).catch_unwind().await;
            answered.unwrap_or_else(|panic| panicked(&*panic))
        }
        Err(problem) => {
            attended.refused();
            edge.refuse(problem, client, &request_id)
        }
    };
    attended.answered(finish(answered, &path, &request_id))
}

/// Renders a problem, logs its cause, and adds the headers that every answer has.
fn finish(mut answered: Response, path: &str, request_id: &str) -> Response {
    let bare = (answered.status() == StatusCode::METHOD_NOT_ALLOWED).then(|| answered.status().into());
    let problem = answered.extensions_mut().remove::<Problem>().or(bare);
    let mut response = match &problem {
        None => answered,
        Some(problem) => {
            figures::problem(problem.kind);
            log(problem, path, request_id);
            let mut rendered = problem.render(path, request_id);
            if let Some(allow) = answered.headers_mut().remove(ALLOW) {
                rendered.headers_mut().insert(ALLOW, allow);
            }
            rendered
        }
    };
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let caching = if headers.contains_key(ETAG) { "no-cache" } else { "no-store" };
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static(caching));
    response
}

/// One line for what the client is not told.
fn log(problem: &Problem, path: &str, request_id: &str) {
    let (kind, cause) = (problem.kind.slug(), problem.cause.as_deref());
    match cause {
        Some(cause) if problem.kind.status() == StatusCode::SERVICE_UNAVAILABLE => {
            warn!(request_id, path, problem = kind, cause, "request_failed");
        }
        Some(cause) => error!(request_id, path, problem = kind, cause, "request_failed"),
        None => {}
    }
}

/// The answer of a handler that panicked.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Response {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Problem::internal(format!("panicked: {}", text.unwrap_or("without a message"))).into_response()
}
