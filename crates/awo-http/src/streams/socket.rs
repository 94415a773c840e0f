//! A feed of one order over a WebSocket: the messages as frames of text. The client may move to another place.

use std::sync::Arc;

use awo_models::{EventSeq, OrderId};
use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, close_code};
use futures::StreamExt as _;
use futures::stream::{BoxStream, unfold};
use serde::Deserialize;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use super::{Feed, HEARTBEAT, Kinds, Message, OrderFeed, StreamPlace};
use crate::api::Api;

/// What a client may say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// Everything after this event, again or for the first time.
    after: u64,
}

/// Sends everything that the feed gives, and does what the client says, until one of both ends, or what the client has
/// shown is good no more. `_place` is free then.
pub(crate) async fn converse(
    mut socket: WebSocket,
    api: Arc<Api>,
    (id, kinds): (OrderId, Kinds),
    feed: OrderFeed,
    ended: CancellationToken,
    _place: StreamPlace,
) {
    let mut batches = batches(feed);
    let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let frames = tokio::select! {
            biased;
            () = ended.cancelled() => vec![close(close_code::POLICY, "the key is good no more")],
            said = socket.recv() => match wish(said) {
                Ok(None) => continue,
                Ok(Some(Wish { after })) => match OrderFeed::begin(&api, id, EventSeq(after), kinds.clone()).await {
                    Ok(feed) => {
                        batches = self::batches(feed);
                        continue;
                    }
                    Err(problem) => vec![close(close_code::ERROR, &problem.detail)],
                },
                Err(farewell) => farewell.into_iter().collect(),
            },
            batch = batches.next() => match batch {
                Some(messages) => messages.iter().map(|message| Frame::text(message.frame())).collect(),
                None if api.closing.is_cancelled() => vec![close(close_code::RESTART, "the server closes")],
                None => vec![close(close_code::NORMAL, "this is all")],
            },
            _ = heartbeat.tick() => vec![Frame::Ping(axum::body::Bytes::new())],
        };
        heartbeat.reset();
        let over = frames.is_empty() || frames.iter().any(|frame| matches!(frame, Frame::Close(_)));
        for frame in frames {
            let sent = tokio::select! {
                sent = socket.send(frame) => sent.is_ok(),
                () = api.closing.cancelled(), if !over => false,
                () = ended.cancelled(), if !over => false,
            };
            if !sent {
                return;
            }
        }
        if over {
            return;
        }
    }
}

fn batches(feed: OrderFeed) -> BoxStream<'static, Vec<Message>> {
    unfold(feed, async |mut feed| Some((feed.next().await?, feed))).boxed()
}

/// What the client wants, if anything; or the last word to one that has gone, or says what has no meaning.
fn wish(said: Option<Result<Frame, axum::Error>>) -> Result<Option<Wish>, Option<Frame>> {
    let refused = || Some(close(close_code::POLICY, "this is not {\"after\": <number of an event>}"));
    match said {
        Some(Ok(Frame::Text(text))) => serde_json::from_str(&text).map(Some).map_err(|_| refused()),
        Some(Ok(Frame::Binary(_))) => Err(refused()),
        Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => Ok(None), // pings are answered below us
        Some(Ok(Frame::Close(_)) | Err(_)) | None => Err(None),
    }
}

/// Reasons have at most 123 bytes.
fn close(code: u16, reason: &str) -> Frame {
    let reason = reason[..reason.floor_char_boundary(123)].into();
    Frame::Close(Some(CloseFrame { code, reason }))
}
