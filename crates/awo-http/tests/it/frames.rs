//! Frames of HTTP/2, written by hand: what no library would send.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RESET: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// Frames, one after the other.
pub(crate) struct Frames {
    authority: String,
    bytes: Vec<u8>,
}

impl Frames {
    pub(crate) fn new(authority: &str) -> Self {
        Self { authority: authority.to_owned(), bytes: Vec::new() }
    }

    pub(crate) fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> &mut Self {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        self.bytes.extend(&length[1..]);
        self.bytes.extend([kind, flags]);
        self.bytes.extend(stream.to_be_bytes());
        self.bytes.extend(payload);
        self
    }

    pub(crate) fn settings(&mut self, values: &[(u16, u32)]) -> &mut Self {
        let payload: Vec<u8> =
            values.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
        self.frame(SETTINGS, 0, 0, &payload)
    }

    /// A request: its whole header, or with more to come in further frames. `ends` says whether it has no body.
    pub(crate) fn headers(&mut self, stream: u32, path: &str, more: &[u8], ends: bool, whole: bool) -> &mut Self {
        let method = if ends { 0x82 } else { 0x83 };
        let mut block = vec![method, 0x86];
        literal(&mut block, 0x04, path);
        literal(&mut block, 0x01, &self.authority.clone());
        block.extend(more);
        let flags = if ends { END_STREAM } else { 0 } | if whole { END_HEADERS } else { 0 };
        self.frame(HEADERS, flags, stream, &block)
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

/// A field whose name is in the table that everybody has.
pub(crate) fn literal(block: &mut Vec<u8>, name: u8, value: &str) {
    block.push(name);
    block.push(u8::try_from(value.len()).ok().filter(|length| *length < 127).unwrap());
    block.extend(value.as_bytes());
}

/// Reads a frame: kind, flags, stream and payload.
async fn read(reader: &mut (impl AsyncRead + Unpin)) -> std::io::Result<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    reader.read_exact(&mut head).await?;
    let [a, b, c, kind, flags, stream @ ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
    reader.read_exact(&mut payload).await?;
    Ok((kind, flags, u32::from_be_bytes(stream), payload))
}

/// The first frame of a kind: its stream and payload.
pub(crate) async fn frames_until(reader: &mut (impl AsyncRead + Unpin), wanted: u8) -> (u32, Vec<u8>) {
    loop {
        let (kind, _, stream, payload) = read(reader).await.unwrap();
        if kind == wanted {
            return (stream, payload);
        }
    }
}

/// Answers pings until the other end closes.
pub(crate) async fn pong(reader: &mut (impl AsyncRead + Unpin), writer: &mut (impl AsyncWrite + Unpin)) {
    while let Ok((kind, flags, _, payload)) = read(reader).await {
        let answer = Frames::new("").frame(PING, ACK, 0, &payload).take();
        if kind == PING && flags & ACK == 0 && writer.write_all(&answer).await.is_err() {
            return;
        }
    }
}
