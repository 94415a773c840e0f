//! Server-sent events: a feed as the body of an answer.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use futures::StreamExt as _;
use futures::stream::{BoxStream, unfold};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::{Feed, HEARTBEAT, Message, StreamPlace};

/// Media type of a stream.
const EVENT_STREAM: &str = "text/event-stream";

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Asks proxies to pass on what there is.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// A comment: clients pass over it.
const SIGN_OF_LIFE: &str = ": \n\n";

struct Writer {
    batches: BoxStream<'static, Vec<Message>>,
    heartbeat: Interval,
    _place: StreamPlace,
}

/// Where a client that comes back says it was; an empty header says nothing.
pub(crate) fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("?")).filter(|id| !id.is_empty())
}

/// Everything that a feed gives, and signs of life in between.
pub(crate) fn stream(feed: impl Feed, place: StreamPlace) -> Response {
    let batches = unfold(feed, async |mut feed| Some((feed.next().await?, feed))).boxed();
    let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let writer = Writer { batches, heartbeat, _place: place };
    let texts = unfold(writer, |mut writer| async {
        let text = tokio::select! {
            biased;
            batch = writer.batches.next() => {
                writer.heartbeat.reset();
                let mut text = String::new();
                batch?.iter().for_each(|message| message.write_event(&mut text));
                text
            }
            _ = writer.heartbeat.tick() => SIGN_OF_LIFE.to_owned(),
        };
        Some((Ok::<_, Infallible>(text), writer))
    });
    let mut response = Response::new(Body::from_stream(texts));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    response.headers_mut().insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}
