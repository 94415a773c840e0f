//! A reader of server-sent events, as strict as the format.

use axum::body::{Body, BodyDataStream};
use axum::http::StatusCode;
use futures::StreamExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::support::request;

/// What a stream says between two empty lines.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Said {
    Message { id: Option<String>, event: Option<String>, data: Value },
    Comment,
}

impl Said {
    pub(crate) fn event(&self) -> &str {
        match self {
            Self::Message { event: Some(event), .. } => event,
            Self::Message { .. } => "message",
            Self::Comment => "comment",
        }
    }

    pub(crate) fn id(&self) -> Option<u64> {
        match self {
            Self::Message { id, .. } => id.as_ref().map(|id| id.parse().unwrap()),
            Self::Comment => None,
        }
    }

    #[track_caller]
    pub(crate) fn data(&self) -> &Value {
        match self {
            Self::Message { data, .. } => data,
            Self::Comment => panic!("a comment has no data"),
        }
    }
}

/// Takes what is complete off the beginning of a text.
pub(crate) fn take(text: &mut String) -> Option<Said> {
    let end = text.find("\n\n")?;
    let block: String = text.drain(..end + 2).collect();
    let (mut id, mut event, mut data) = (None, None, None);
    for line in block.lines().filter(|line| !line.is_empty() && !line.starts_with(':')) {
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("not a line of a stream: {line:?}"));
        let field = match name {
            "id" => &mut id,
            "event" => &mut event,
            "data" => &mut data,
            _ => panic!("no field of a stream: {line:?}"),
        };
        assert!(field.replace(value.to_owned()).is_none(), "twice in one message: {line:?}");
    }
    let Some(data) = data else {
        assert!(id.is_none() && event.is_none(), "a message without data: {block:?}");
        return Some(Said::Comment);
    };
    Some(Said::Message { id, event, data: serde_json::from_str(&data).unwrap() })
}

/// An open stream.
pub(crate) struct Stream {
    body: BodyDataStream,
    text: String,
}

impl Stream {
    pub(crate) async fn open(router: &axum::Router, path: &str, headers: &[(&str, &str)]) -> Self {
        let headers = [&[("accept", "text/event-stream")], headers].concat();
        let response = router.clone().oneshot(request("GET", path, &headers, Body::empty())).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// What comes next, comments included; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Said> {
        loop {
            if let Some(said) = take(&mut self.text) {
                return Some(said);
            }
            let Some(bytes) = self.body.next().await else {
                assert_eq!(self.text, "", "it ends between two messages");
                return None;
            };
            self.text.push_str(std::str::from_utf8(&bytes.unwrap()).unwrap());
        }
    }

    /// The next message; `None` at the end.
    pub(crate) async fn message(&mut self) -> Option<Said> {
        loop {
            match self.next().await {
                Some(Said::Comment) => {}
                other => return other,
            }
        }
    }

    /// The next messages up to one of this kind.
    pub(crate) async fn until(&mut self, event: &str) -> Vec<Said> {
        let mut all = Vec::new();
        loop {
            all.push(self.message().await.unwrap_or_else(|| panic!("no `{event}` after {all:?}")));
            if all.last().is_some_and(|said| said.event() == event) {
                return all;
            }
        }
    }
}
