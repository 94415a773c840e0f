//! The line that the log has of each request, written when nothing of the request goes on any more: its answer is sent or
//! its client has gone, its stream has ended, and what it changes is done.
//!
//! Pages poll, and anybody may be refused: reads and refusals are told at `debug`, so that neither fills a log. Changes,
//! streams that have ended and failures of ours are told at `info`. What a client wrote stands in it shortened, and quoted
//! by whoever writes the log. Queries are left out: they may hold secrets.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use awo_engine::ports::Clock;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::FromRequestParts;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};

use crate::access::Rule;
use crate::figures;

/// Where the lines are, for filters.
const TARGET: &str = "awo_http::access";
/// Bytes of a path that are told.
const PATH_BYTES: usize = 200;

/// A request that is attended to. Whoever does something for it holds a clone; the line is written with the last one.
#[derive(Debug, Clone)]
pub(crate) struct Attended(Arc<Facts>);

#[derive(Debug)]
struct Facts {
    clock: Arc<dyn Clock>,
    begun: Duration,
    request_id: Arc<str>,
    method: Method,
    path: Box<str>,
    client: Option<IpAddr>,
    rule: OnceLock<Rule>,
    key: OnceLock<Arc<str>>,
    status: AtomicU16,
    bytes: AtomicU64,
    refused: AtomicBool,
    streams: AtomicBool,
}

impl Attended {
    pub(crate) fn begin(
        clock: &Arc<dyn Clock>,
        request_id: &Arc<str>,
        method: &Method,
        path: &str,
        client: Option<IpAddr>,
    ) -> Self {
        Self(Arc::new(Facts {
            begun: clock.monotonic(),
            clock: Arc::clone(clock),
            request_id: Arc::clone(request_id),
            method: method.clone(),
            path: path[..path.floor_char_boundary(PATH_BYTES)].into(),
            client,
            rule: OnceLock::new(),
            key: OnceLock::new(),
            status: AtomicU16::new(0),
            bytes: AtomicU64::new(0),
            refused: AtomicBool::new(false),
            streams: AtomicBool::new(false),
        }))
    }

    pub(crate) fn request_id(&self) -> &Arc<str> {
        &self.0.request_id
    }

    /// The path has a line in the table of routes.
    pub(crate) fn routed(&self, rule: &Rule) {
        let _ = self.0.rule.set(rule.clone());
    }

    /// A good key was shown.
    pub(crate) fn called_by(&self, key: &Arc<str>) {
        let _ = self.0.key.set(Arc::clone(key));
    }

    /// It was refused at the door.
    pub(crate) fn refused(&self) {
        self.0.refused.store(true, Ordering::Relaxed);
    }

    /// What is known of the answer, whether or not its client waits for it.
    pub(crate) fn decided(&self, status: StatusCode) {
        self.0.status.store(status.as_u16(), Ordering::Relaxed);
    }

    /// The head of the answer goes to the client, and its body is counted from now on.
    pub(crate) fn answered(self, answer: Response) -> Response {
        let facts = &self.0;
        let status = answer.status();
        self.decided(status);
        let took = facts.clock.monotonic().saturating_sub(facts.begun);
        figures::answered(facts.rule.get().map(|rule| &rule.path), &facts.method, status, took);
        let is_stream = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        facts.streams.store(is_stream || status == StatusCode::SWITCHING_PROTOCOLS, Ordering::Relaxed);
        answer.map(|body| Body::new(Counted { body, attended: self }))
    }
}

impl Facts {
    /// Whether the line is one of few.
    fn is_told_always(&self, status: u16) -> bool {
        let changes = !self.method.is_safe() && self.rule.get().is_some();
        !self.refused.load(Ordering::Relaxed) && (status >= 500 || changes || self.streams.load(Ordering::Relaxed))
    }
}

impl Drop for Facts {
    fn drop(&mut self) {
        let status = self.status.load(Ordering::Relaxed);
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: TARGET,
                    request_id = &*self.request_id,
                    method = self.method.as_str(),
                    route = self.rule.get().map(|rule| &*rule.path),
                    path = &*self.path,
                    // Without one the client did not wait for it.
                    status = (status > 0).then_some(status),
                    duration_seconds = self.clock.monotonic().saturating_sub(self.begun).as_secs_f64(),
                    bytes = self.bytes.load(Ordering::Relaxed),
                    key = self.key.get().map(|key| &**key),
                    client = self.client.map(tracing::field::display),
                    "request_ended"
                )
            };
        }
        if self.is_told_always(status) { line!(info) } else { line!(debug) }
    }
}

impl<S: Sync> FromRequestParts<S> for Attended {
    type Rejection = crate::problem::Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let attended = parts.extensions.get().cloned();
        attended.ok_or_else(|| crate::problem::Problem::internal("a request that did not come by the edge"))
    }
}

/// A body whose bytes are counted as they are taken.
struct Counted {
    body: Body,
    attended: Attended,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.attended.0.bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
