//! All of a terminal, for a while: a picture that is drawn again and again. What was there before comes back at the end.

use super::output::{control, raw};
use super::{Line, columns, rows};

/// The other screen of the terminal, with the cursor hidden. Dropping it brings back the first.
#[derive(Debug)]
pub(crate) struct Screen {
    /// What it shows, and the columns and rows that this was drawn for.
    shown: (usize, usize, Vec<String>),
}

impl Screen {
    pub(crate) fn open() -> Self {
        control("\u{1b}[?1049h\u{1b}[?25l");
        Self { shown: (0, 0, Vec::new()) }
    }

    /// Draws the lines that there is room for, each cut before the last column, where terminals differ about what comes next.
    pub(crate) fn draw(&mut self, lines: &[Line]) {
        let (room, rows) = (columns() - 1, rows());
        let picture = (room, rows, lines.iter().take(rows).map(|line| line.fitting(room)).collect());
        if self.shown == picture {
            return;
        }
        control("\u{1b}[H");
        for (place, line) in picture.2.iter().enumerate() {
            // No line end after the last one: it would scroll.
            control(if place == 0 { "\u{1b}[2K" } else { "\r\n\u{1b}[2K" });
            raw(line);
        }
        control("\u{1b}[J");
        raw("");
        self.shown = picture;
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        control("\u{1b}[?25h\u{1b}[?1049l");
        raw("");
    }
}
