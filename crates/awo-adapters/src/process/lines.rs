//! Owns the cut of bytes into lines, in bounded memory and without errors.

use tokio_util::bytes::{Buf, BytesMut};

/// Bytes kept of each end of a line that is too long.
const KEPT: usize = 4096;

/// A line of output, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// The whole line. Bytes that are not UTF-8 are replaced.
    Text(String),
    /// A line longer than allowed.
    TooLong {
        /// How it begins.
        head: String,
        /// How it ends.
        tail: String,
        /// Bytes between the two.
        dropped: u64,
    },
}

/// Cuts bytes into lines of at most `max_line` bytes.
#[derive(Debug)]
pub(super) struct LineCutter {
    max_line: usize,
    /// Bytes of the buffer that hold no line end.
    scanned: usize,
    long: Option<LongLine>,
}

#[derive(Debug, Default)]
struct LongLine {
    head: Vec<u8>,
    tail: Vec<u8>,
    dropped: u64,
}

impl LongLine {
    fn push(&mut self, bytes: &[u8]) {
        let to_head = (KEPT - self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..to_head]);
        self.tail.extend_from_slice(&bytes[to_head..]);
        let excess = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..excess);
        self.dropped += excess as u64;
    }

    fn into_line(self) -> Line {
        Line::TooLong {
            head: String::from_utf8_lossy(&self.head).into_owned(),
            tail: String::from_utf8_lossy(&self.tail).into_owned(),
            dropped: self.dropped,
        }
    }
}

impl LineCutter {
    pub(super) fn new(max_line: usize) -> Self {
        Self { max_line, scanned: 0, long: None }
    }

    /// The next line of the buffer, if there is a whole one. What is left in the buffer is at most `max_line` long.
    pub(super) fn next_line(&mut self, buffer: &mut BytesMut) -> Option<Line> {
        let end = buffer[self.scanned..].iter().position(|byte| *byte == b'\n');
        let Some(end) = end.map(|at| at + self.scanned) else {
            self.scanned = buffer.len();
            if self.long.is_some() || buffer.len() > self.max_line {
                self.long.get_or_insert_default().push(buffer);
                buffer.clear();
                self.scanned = 0;
            }
            return None;
        };
        self.scanned = 0;
        let bytes = buffer.split_to(end);
        buffer.advance(1);
        Some(self.line(&bytes))
    }

    /// What is left when no more bytes come.
    pub(super) fn last_line(&mut self, buffer: &mut BytesMut) -> Option<Line> {
        self.scanned = 0;
        let bytes = buffer.split();
        (self.long.is_some() || !bytes.is_empty()).then(|| self.line(&bytes))
    }

    fn line(&mut self, bytes: &[u8]) -> Line {
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if self.long.is_some() || bytes.len() > self.max_line {
            let mut long = self.long.take().unwrap_or_default();
            long.push(bytes);
            return long.into_line();
        }
        Line::Text(String::from_utf8_lossy(bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lines of bytes that come in pieces of the given size.
    fn lines(bytes: &[u8], piece: usize, max_line: usize) -> Vec<Line> {
        let mut cutter = LineCutter::new(max_line);
        let mut buffer = BytesMut::new();
        let mut lines = Vec::new();
        for piece in bytes.chunks(piece) {
            buffer.extend_from_slice(piece);
            lines.extend(std::iter::from_fn(|| cutter.next_line(&mut buffer)));
            assert!(buffer.len() <= max_line, "the buffer is bounded");
        }
        lines.extend(cutter.last_line(&mut buffer));
        lines
    }

    fn text(line: &str) -> Line {
        Line::Text(line.to_owned())
    }

    #[test]
    fn a_character_may_be_split_between_pieces_and_the_last_line_needs_no_end() {
        for piece in 1..=12 {
            assert_eq!(lines("grüß\r\n\n日本".as_bytes(), piece, 100), [text("grüß"), text(""), text("日本")]);
        }
    }

    #[test]
    fn bad_bytes_spoil_only_themselves() {
        assert_eq!(lines(b"a\xff\xfeb\nnext\n", 2, 100), [text("a\u{fffd}\u{fffd}b"), text("next")]);
    }

    #[test]
    fn of_a_line_that_is_too_long_both_ends_are_kept() {
        let long = format!("<{}>\nafter\n", "x".repeat(100_000));
        for piece in [1000, 1 << 20] {
            let [Line::TooLong { head, tail, dropped }, after] = &lines(long.as_bytes(), piece, 5000)[..] else {
                panic!("two lines, the first too long");
            };
            assert!(head.starts_with("<xxx") && tail.ends_with("xxx>"));
            assert_eq!(head.len() as u64 + tail.len() as u64 + dropped, 100_002);
            assert_eq!(*after, text("after"));
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..400),
            piece in 1usize..50,
        ) {
            prop_assert_eq!(lines(&bytes, piece, 64), lines(&bytes, 1, 64));
        }
    }
}
