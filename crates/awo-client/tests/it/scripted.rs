//! A way to a server that answers what a test says, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use awo_client::{Body, BoxError, Client, Patience, Transport};
use bytes::Bytes;
use futures::StreamExt as _;
use http::{Request, Response, StatusCode};

/// What it does when it is asked.
#[derive(Debug, Clone)]
pub(crate) enum Turn {
    /// It cannot be reached.
    Away,
    /// It answers.
    Answer(StatusCode, &'static str),
    /// It sends a stream, in pieces, which then breaks off.
    Stream(Vec<String>),
    /// The same, and it stays open.
    Open(Vec<String>),
}

/// The server, and what it was asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scripted(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    turns: VecDeque<Turn>,
    asked: Vec<Request<Bytes>>,
}

impl Scripted {
    /// One that takes its turns, and is not found after that.
    pub(crate) fn new(turns: impl IntoIterator<Item = Turn>) -> Self {
        Self(Arc::new(Mutex::new(State { turns: turns.into_iter().collect(), asked: Vec::new() })))
    }

    pub(crate) fn client(&self) -> Client {
        Client::over(Arc::new(self.clone()))
    }

    /// What it was asked since this was asked.
    pub(crate) fn take(&self) -> Vec<Request<Bytes>> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }
}

#[async_trait]
impl Transport for Scripted {
    fn place(&self) -> &'static str {
        "http://nowhere.example"
    }

    async fn send(&self, request: Request<Bytes>, _: Patience) -> Result<Response<Body>, BoxError> {
        let mut state = self.0.lock().unwrap();
        state.asked.push(request);
        let turn = state.turns.pop_front().unwrap_or(Turn::Answer(StatusCode::NOT_FOUND, "{}"));
        let pieces = |pieces: Vec<String>| futures::stream::iter(pieces).map(|piece| Ok(Bytes::from(piece)));
        let is_stream = matches!(turn, Turn::Stream(_) | Turn::Open(_));
        let (status, body): (_, Body) = match turn {
            Turn::Away => return Err("connection refused".into()),
            Turn::Answer(status, text) => (status, pieces(vec![text.to_owned()]).boxed()),
            Turn::Stream(said) => {
                let broken = futures::stream::once(async { Err(BoxError::from("connection reset")) });
                (StatusCode::OK, pieces(said).chain(broken).boxed())
            }
            Turn::Open(said) => (StatusCode::OK, pieces(said).chain(futures::stream::pending()).boxed()),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        if is_stream {
            let form = http::HeaderValue::from_static("text/event-stream; charset=utf-8");
            response.headers_mut().insert(http::header::CONTENT_TYPE, form);
        }
        Ok(response)
    }
}
