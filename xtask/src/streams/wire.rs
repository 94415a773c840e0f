//! What a client gets, taken apart: server-sent events as text, frames of a WebSocket as bytes. Only what came whole counts.

use serde_json::Value;

/// One message of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    /// Its number, if it has one.
    pub(super) id: Option<u64>,
    /// What it is about.
    pub(super) kind: String,
    pub(super) data: Value,
}

/// What a connection has given so far, in pieces of any size.
#[derive(Debug)]
pub(super) struct Reader {
    form: Form,
    left: Vec<u8>,
}

/// How messages are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Events,
    Frames,
}

impl Reader {
    pub(super) fn new(form: Form) -> Self {
        Self { form, left: Vec::new() }
    }

    /// Takes bytes; the messages that are whole by them, or what is wrong with them.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Message>, String> {
        self.left.extend_from_slice(bytes);
        let mut messages = Vec::new();
        while let Some((length, message)) = match self.form {
            Form::Events => block(&self.left)?,
            Form::Frames => frame(&self.left)?,
        } {
            self.left.drain(..length);
            messages.extend(message);
        }
        Ok(messages)
    }
}

/// Bytes of the first part that is whole, and its message, if it is one and no sign of life.
type Part = Option<(usize, Option<Message>)>;

/// Everything up to an empty line.
fn block(bytes: &[u8]) -> Result<Part, String> {
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\n\n") else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..end]).map_err(|error| format!("a block is no text: {error}"))?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let message = field("data").map(|data| {
        let id = field("id").map(|id| id.parse().map_err(|_| format!("the id {id:?} is no number"))).transpose()?;
        let data = serde_json::from_str(data).map_err(|error| format!("data is no JSON: {error} in {text:?}"))?;
        Ok::<_, String>(Message { id, kind: field("event").unwrap_or_default().to_owned(), data })
    });
    Ok(Some((end + 2, message.transpose()?)))
}

/// A frame as a server sends it: whole, and without a mask.
fn frame(bytes: &[u8]) -> Result<Part, String> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let (head, length): (usize, usize) = match second & 0x7f {
        126 => match rest.first_chunk() {
            Some(length) => (4, usize::from(u16::from_be_bytes(*length))),
            None => return Ok(None),
        },
        127 => match rest.first_chunk() {
            Some(length) => {
                let length = usize::try_from(u64::from_be_bytes(*length));
                (10, length.map_err(|_| "a frame is too long".to_owned())?)
            }
            None => return Ok(None),
        },
        length => (2, usize::from(length)),
    };
    if second & 0x80 != 0 || first & 0x70 != 0 {
        return Err("a frame has a mask, or bits that nobody agreed on".into());
    }
    let Some(payload) = bytes.get(head..head.saturating_add(length)) else { return Ok(None) };
    match first {
        0x81 => {
            let mut value: Value = serde_json::from_slice(payload).map_err(|error| format!("a frame: {error}"))?;
            let id = match &value["id"] {
                Value::Null => None,
                id => Some(id.as_str().and_then(|id| id.parse().ok()).ok_or(format!("the id {id} is no number"))?),
            };
            let kind = value["event"].as_str().unwrap_or_default().to_owned();
            Ok(Some((head + length, Some(Message { id, kind, data: value["data"].take() }))))
        }
        // The end of the conversation, a question whether we are there, an answer to ours.
        0x88..=0x8a => Ok(Some((head + length, None))),
        other => Err(format!("a frame of the kind {other:#x}")),
    }
}

/// A frame as a client sends it.
pub(super) fn masked(text: &str) -> Vec<u8> {
    const MASK: [u8; 4] = [7, 11, 13, 17];
    let mut bytes = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap_or(125)];
    bytes.extend(MASK);
    bytes.extend(text.bytes().take(125).zip(MASK.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &[u8] =
        b"event: state\ndata: {\"status\":\"running\"}\n\n: here\n\nid: 5\nevent: ended\ndata: {\"n\":1}\n\n";

    fn whole() -> Vec<Message> {
        vec![
            Message { id: None, kind: "state".into(), data: json!({"status": "running"}) },
            Message { id: Some(5), kind: "ended".into(), data: json!({"n": 1}) },
        ]
    }

    #[test]
    fn messages_are_the_same_in_pieces_of_any_size() {
        for size in 1..TEXT.len() {
            let mut reader = Reader::new(Form::Events);
            let messages = TEXT.chunks(size).flat_map(|piece| reader.take(piece).unwrap());
            assert_eq!(messages.collect::<Vec<_>>(), whole(), "{size}");
        }
    }

    #[test]
    fn frames_are_messages_and_signs_of_life_are_none() {
        let texts = [
            r#"{"id":null,"event":"state","data":{"status":"running"}}"#,
            r#"{"id":"5","event":"ended","data":{"n":1}}"#,
        ];
        let mut bytes = vec![0x89, 0];
        for text in texts {
            bytes.extend([0x81, 126, 0, u8::try_from(text.len()).unwrap()]);
            bytes.extend(text.bytes());
        }
        for size in 1..bytes.len() {
            let mut reader = Reader::new(Form::Frames);
            let messages = bytes.chunks(size).flat_map(|piece| reader.take(piece).unwrap());
            assert_eq!(messages.collect::<Vec<_>>(), whole(), "{size}");
        }
    }

    #[test]
    fn what_is_cut_is_no_message() {
        let mut reader = Reader::new(Form::Events);
        assert_eq!(reader.take(&TEXT[..TEXT.len() - 1]).unwrap().len(), 1);
        assert!(Reader::new(Form::Frames).take(&[0x82, 1, 0]).is_err());
    }
}
