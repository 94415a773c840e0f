//! Owns the shape of an answer: whole, or a stream of pieces among which the script's trouble stands.

use std::time::Duration;

use serde_json::Value;

use super::step::{Hang, Step};

/// Characters of a piece of text, where a step does not say.
const PIECE: usize = 20;

/// What a request is answered with.
#[derive(Debug)]
pub(super) enum Reply {
    Whole(Value),
    Stream(Stream),
}

/// Events, and what happens between them. After a hang, a cut or an error nothing more is taken.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pieces: Vec<Piece>,
    over: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Pause(Duration),
    Hang,
    Cut,
}

impl Stream {
    pub(super) fn into_pieces(self) -> Vec<Piece> {
        self.pieces
    }

    /// An event with a name, which is repeated in its data.
    pub(super) fn event(&mut self, name: &str, mut data: Value) {
        data["type"] = name.into();
        self.push(Piece::Text(format!("event: {name}\ndata: {data}\n\n")));
    }

    /// An event with data only.
    pub(super) fn data(&mut self, data: &str) {
        self.push(Piece::Text(format!("data: {data}\n\n")));
    }

    /// The text of a step in pieces, each told by `tell`, with the step's trouble in the middle.
    pub(super) fn text(&mut self, step: &Step, text: &str, mut tell: impl FnMut(&mut Self, &str)) {
        let pieces = pieces(text, step.chunk_chars.unwrap_or(PIECE));
        let middle = pieces.len().div_ceil(2);
        for (number, piece) in pieces.iter().enumerate() {
            if number == middle || pieces.len() == 1 {
                self.trouble(step);
            }
            tell(self, piece);
            if !step.chunk_delay.is_zero() {
                self.push(Piece::Pause(step.chunk_delay));
            }
        }
    }

    fn trouble(&mut self, step: &Step) {
        if step.hang == Some(Hang::Stream) {
            self.push(Piece::Hang);
            self.over = true;
        }
        if let Some(error) = &step.stream_error {
            self.event("error", serde_json::json!({"error": {"type": error.kind, "message": error.message}}));
            self.over = true;
        }
        if step.cut {
            self.push(Piece::Cut);
            self.over = true;
        }
    }

    fn push(&mut self, piece: Piece) {
        if !self.over {
            self.pieces.push(piece);
        }
    }
}

/// A text in pieces of so many characters; the empty text is one.
pub(super) fn pieces(text: &str, size: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    if chars.is_empty() {
        return vec![String::new()];
    }
    chars.chunks(size.max(1)).map(|piece| piece.iter().collect()).collect()
}
