//! Reads the messages of one connection.

use std::fmt;

use futures::StreamExt as _;

use super::Message;
use crate::transport::Body;

/// Bytes of a message at most.
const LARGEST: usize = 16 * 1024 * 1024;

/// One connection of a stream.
pub(super) struct Reader {
    body: Body,
    bytes: Vec<u8>,
    /// So many of them hold no end of a message.
    looked_at: usize,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl Reader {
    pub(super) fn new(body: Body) -> Self {
        Self { body, bytes: Vec::new(), looked_at: 0 }
    }

    /// The next message; `None` if the stream has ended or the connection is lost.
    pub(super) async fn next(&mut self) -> Option<Message> {
        loop {
            while let Some(block) = block(&mut self.bytes, &mut self.looked_at) {
                if let Some(message) = message(&block) {
                    return Some(message);
                }
            }
            if self.bytes.len() > LARGEST {
                return None;
            }
            self.bytes.extend_from_slice(&self.body.next().await?.ok()?);
        }
    }
}

/// Takes what is said up to an empty line, which is not looked for in what was looked at before.
fn block(bytes: &mut Vec<u8>, looked_at: &mut usize) -> Option<String> {
    let Some(end) = bytes[*looked_at..].windows(2).position(|pair| pair == b"\n\n") else {
        *looked_at = bytes.len().saturating_sub(1); // the last byte may be the half of one
        return None;
    };
    let end = std::mem::take(looked_at) + end;
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
            let (mut bytes, mut looked_at, mut seen) = (Vec::new(), 0, Vec::new());
            for part in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
                bytes.extend_from_slice(part);
                while let Some(block) = block(&mut bytes, &mut looked_at) {
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
