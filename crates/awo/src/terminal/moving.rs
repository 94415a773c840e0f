//! The last line of a terminal, while it moves.

use super::output::{control, raw};
use super::{Line, columns};

/// The signs of something at work, one after the other.
const SIGNS: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// A line that is drawn again and again in its place, and gone when something else is printed.
#[derive(Debug, Default)]
pub(crate) struct MovingLine {
    /// Columns of what is drawn.
    drawn: usize,
    turn: usize,
}

impl MovingLine {
    /// The sign of the present moment.
    pub(crate) fn sign(&mut self) -> &'static str {
        self.turn = (self.turn + 1) % SIGNS.len();
        SIGNS[self.turn]
    }

    /// Draws it where it was. It never fills the last column, where terminals differ about what comes next.
    pub(crate) fn draw(&mut self, line: &Line) {
        self.clear();
        let room = columns() - 1;
        self.drawn = line.width().min(room);
        raw(&line.fitting(room));
    }

    /// Takes it away. A terminal that has become narrower has broken it into several lines.
    pub(crate) fn clear(&mut self) {
        let drawn = std::mem::take(&mut self.drawn);
        if drawn == 0 {
            return;
        }
        control("\r");
        let above = (drawn - 1) / columns();
        if above > 0 {
            control(&format!("\u{1b}[{above}A"));
        }
        control("\u{1b}[J");
    }
}

impl Drop for MovingLine {
    fn drop(&mut self) {
        self.clear();
        raw("");
    }
}
