//! What a client of PostgreSQL says: as much of it as is needed to count its statements.

/// The messages of one connection, in whatever pieces they come.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// The first message says no kind.
    has_begun: bool,
    /// Of the message that begins: its kind and its length, as far as they came.
    head: Vec<u8>,
    /// Bytes of the message that are still to come.
    left: usize,
}

impl Messages {
    /// How many messages of a piece run a statement.
    pub(super) fn statements(&mut self, mut piece: &[u8]) -> usize {
        let mut statements = 0;
        while !piece.is_empty() {
            let skipped = self.left.min(piece.len());
            self.left -= skipped;
            piece = &piece[skipped..];
            let Some((first, rest)) = piece.split_first() else { break };
            self.head.push(*first);
            piece = rest;
            let kind = usize::from(self.has_begun);
            if let Some(length) = self.head.get(kind..).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()) {
                // It counts itself.
                self.left = usize::try_from(u32::from_be_bytes(length)).unwrap_or_default().saturating_sub(4);
                // A prepared statement is executed, or a text of statements asked for.
                statements += usize::from(self.has_begun && matches!(self.head.first(), Some(b'E' | b'Q')));
                self.has_begun = true;
                self.head.clear();
            }
        }
        statements
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_counted_in_whatever_pieces_they_come() {
        let mut said = vec![0, 0, 0, 9, 0, 3, 0, 0, b'E'];
        for kind in b"PBESQEX" {
            said.extend([*kind, 0, 0, 0, 6, b'Q', b'E']);
        }
        for size in 1..=said.len() {
            let mut messages = Messages::default();
            let counted: usize = said.chunks(size).map(|piece| messages.statements(piece)).sum();
            assert_eq!(counted, 3, "in pieces of {size}");
        }
    }
}
