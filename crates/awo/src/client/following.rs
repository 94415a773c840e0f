//! Follows a stream of the API across lost connections: each message once, by its id.

use std::time::Duration;

use anyhow::Context as _;
use axum::body::Body;
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;

use super::Client;
use crate::exit::{Coded, UNAVAILABLE};

/// Times in a row that a lost server is asked again before following ends.
const RECONNECTS: u32 = 60;
/// Pause between these.
const PAUSE: Duration = Duration::from_secs(1);
/// Pause after a stream that ended, as that of a server that shuts down does.
const SHORT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of a message at most.
const LARGEST: usize = 16 * 1024 * 1024;

/// What there is to know.
#[derive(Debug)]
pub(crate) enum News {
    /// The stream says something.
    Message(Message),
    /// The server does not answer; it is asked again. Said once.
    Lost,
}

/// What a stream says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: Option<String>,
    pub(crate) event: String,
    data: String,
}

impl Message {
    /// The number of an event or of a line.
    pub(crate) fn number(&self) -> Option<u64> {
        self.id.as_ref().and_then(|id| id.parse().ok())
    }

    pub(crate) fn read<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_str(&self.data).context("the server's message has another form than expected")
    }
}

/// A stream that is opened again where it broke off.
#[derive(Debug)]
pub(crate) struct Following<'c> {
    client: &'c Client,
    path: String,
    last: Option<String>,
    stream: Option<EventStream>,
    lost: u32,
}

impl<'c> Following<'c> {
    pub(crate) fn new(client: &'c Client, path: String) -> Self {
        Self { client, path, last: None, stream: None, lost: 0 }
    }

    /// What comes next. An error says that there is nothing to follow, or no server any more.
    pub(crate) async fn next(&mut self) -> anyhow::Result<News> {
        loop {
            let Some(stream) = &mut self.stream else {
                match self.client.stream(&self.path, self.last.as_deref()).await {
                    Ok(stream) => self.stream = Some(stream),
                    Err(error) if is_unavailable(&error) && self.lost < RECONNECTS => {
                        self.lost += 1;
                        if self.lost == 1 {
                            return Ok(News::Lost);
                        }
                        tokio::time::sleep(PAUSE).await;
                    }
                    Err(error) => return Err(error),
                }
                continue;
            };
            if let Some(message) = stream.next().await {
                self.lost = 0;
                if message.id.is_some() {
                    self.last.clone_from(&message.id);
                }
                return Ok(News::Message(message));
            }
            self.stream = None;
            tokio::time::sleep(SHORT_PAUSE).await;
        }
    }
}

/// Whether an error may pass by itself.
pub(crate) fn is_unavailable(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Coded>().is_some_and(|coded| coded.code == UNAVAILABLE)
}

/// One connection of a stream.
#[derive(Debug)]
pub(super) struct EventStream {
    source: Source,
    bytes: Vec<u8>,
}

/// Where the bytes come from.
#[derive(Debug)]
pub(super) enum Source {
    Server(reqwest::Response),
    InProcess(Body),
}

impl EventStream {
    pub(super) fn new(source: Source) -> Self {
        Self { source, bytes: Vec::new() }
    }

    /// The next message; `None` if the stream has ended or the connection is lost.
    async fn next(&mut self) -> Option<Message> {
        loop {
            while let Some(block) = block(&mut self.bytes) {
                if let Some(message) = message(&block) {
                    return Some(message);
                }
            }
            if self.bytes.len() > LARGEST {
                return None;
            }
            match &mut self.source {
                Source::Server(response) => self.bytes.extend(response.chunk().await.ok()??),
                Source::InProcess(body) => {
                    let frame = body.frame().await?.ok()?;
                    self.bytes.extend(frame.into_data().unwrap_or_default());
                }
            }
        }
    }
}

/// Takes what is said up to an empty line.
fn block(bytes: &mut Vec<u8>) -> Option<String> {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n")?;
    let block: Vec<u8> = bytes.drain(..end + 2).collect();
    Some(String::from_utf8_lossy(&block).into_owned())
}

/// The message in a block; `None` for a comment.
fn message(block: &str) -> Option<Message> {
    let mut message = Message { event: "message".into(), ..Message::default() };
    let mut said = false;
    for line in block.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => message.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut message.event),
            "data" => {
                if std::mem::replace(&mut said, true) {
                    message.data.push('\n');
                }
                message.data.push_str(value);
            }
            _ => {}
        }
    }
    said.then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_whole_wherever_they_are_cut() {
        let text = ": \n\nevent: state\ndata: {\"a\": \"ä\"}\n\nid: 7\ndata: 1\ndata: 2\nretry: 5\n\n: x\n\nid: 8\n";
        for cut in 0..text.len() {
            let (mut bytes, mut seen) = (Vec::new(), Vec::new());
            for part in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
                bytes.extend_from_slice(part);
                while let Some(block) = block(&mut bytes) {
                    seen.extend(message(&block));
                }
            }
            let state = Message { id: None, event: "state".into(), data: "{\"a\": \"ä\"}".into() };
            let plain = Message { id: Some("7".into()), event: "message".into(), data: "1\n2".into() };
            assert_eq!(seen, [state, plain]);
            assert_eq!(bytes, b"id: 8\n");
        }
    }
}
