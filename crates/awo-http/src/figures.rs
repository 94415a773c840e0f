//! What is counted of requests. Names are stable, and listed in `docs/operations.md`; whoever installs a recorder of the
//! `metrics` crate gets them. What a label may say is a closed set: paths stand in it as the table of routes spells them, and
//! all that is not in the table has one name.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use metrics::{
    Gauge, SharedString, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::access::method_name;
use crate::problem::ProblemType;

/// Upper bounds of what requests count under, in seconds, by name: from an answer out of memory to the longest poll.
pub const BUCKETS: [(&str, &[f64]); 1] = [(
    "awo_http_request_duration_seconds",
    &[0.000_25, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 60.0],
)];

/// Says what each figure means, and begins those with 0 whose labels are few. To be called once, when the recorder is there.
pub fn describe() {
    describe_counter!("awo_http_requests_total", "Requests that were answered, by the first digit of the status");
    describe_histogram!(
        "awo_http_request_duration_seconds",
        Unit::Seconds,
        "How long the head of an answer took; a long poll is held back on purpose"
    );
    describe_counter!("awo_http_problems_total", "Answers that are problems, by type: 401, 403 and 429 among them");
    describe_counter!("awo_requests_refused_total", "Requests that were refused at the door, by reason");
    describe_gauge!("awo_http_connections", "Connections that are open");
    describe_gauge!("awo_stream_clients", "Clients that follow something, by how");
    gauge!("awo_http_connections").set(0.0);
    for how in Follow::ALL {
        gauge!("awo_stream_clients", "kind" => how.as_str()).set(0.0);
    }
}

/// Counts a request whose answer has a head. `route` is the path as the table of routes spells it, if it is there.
pub(crate) fn answered(route: Option<&Arc<str>>, method: &Method, status: StatusCode, took: Duration) {
    let route: SharedString = route.map_or_else(|| "other".into(), |route| Arc::clone(route).into());
    let method = if method == Method::HEAD { "HEAD" } else { method_name(method.as_str()).unwrap_or("other") };
    let class = match status.as_u16() {
        ..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    };
    counter!("awo_http_requests_total", "route" => route.clone(), "method" => method, "status" => class).increment(1);
    histogram!("awo_http_request_duration_seconds", "route" => route, "method" => method).record(took.as_secs_f64());
}

pub(crate) fn problem(kind: ProblemType) {
    counter!("awo_http_problems_total", "type" => kind.slug()).increment(1);
}

pub(crate) fn refused(reason: &'static str) {
    counter!("awo_requests_refused_total", "reason" => reason).increment(1);
}

/// How a client follows something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    ServerSentEvents,
    WebSocket,
    LongPoll,
}

impl Follow {
    const ALL: [Self; 3] = [Self::ServerSentEvents, Self::WebSocket, Self::LongPoll];

    fn as_str(self) -> &'static str {
        match self {
            Self::ServerSentEvents => "sse",
            Self::WebSocket => "websocket",
            Self::LongPoll => "long_poll",
        }
    }
}

/// Something that is counted as long as this lives.
#[derive(Debug)]
pub(crate) struct Present(Gauge);

impl Present {
    /// A connection.
    pub(crate) fn connection() -> Self {
        Self::of(gauge!("awo_http_connections"))
    }

    /// A client that follows something.
    pub(crate) fn follower(how: Follow) -> Self {
        Self::of(gauge!("awo_stream_clients", "kind" => how.as_str()))
    }

    fn of(gauge: Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
