//! A line with colours. Colour is never the only sign of something: without it, the line says the same.

use super::text::{self, inline, width};

/// What a part of a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Plain,
    Good,
    Bad,
    Faint,
}

impl Look {
    /// What turns it on, in the language of terminals.
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Good => Some("\u{1b}[32m"),
            Self::Bad => Some("\u{1b}[31m"),
            Self::Faint => Some("\u{1b}[2m"),
        }
    }
}

/// One line. Whatever text comes into it is made visible, so that nothing but its looks gets to a terminal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line {
    parts: Vec<(Look, String)>,
}

impl Line {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn plain(self, text: impl AsRef<str>) -> Self {
        self.part(Look::Plain, text.as_ref())
    }

    pub(crate) fn good(self, text: impl AsRef<str>) -> Self {
        self.part(Look::Good, text.as_ref())
    }

    pub(crate) fn bad(self, text: impl AsRef<str>) -> Self {
        self.part(Look::Bad, text.as_ref())
    }

    /// For what is not needed at the first look.
    pub(crate) fn faint(self, text: impl AsRef<str>) -> Self {
        self.part(Look::Faint, text.as_ref())
    }

    fn part(mut self, look: Look, text: &str) -> Self {
        self.parts.push((look, inline(text)));
        self
    }

    /// Columns that it takes.
    pub(crate) fn width(&self) -> usize {
        self.parts.iter().map(|(_, text)| width(text)).sum()
    }

    /// All of it, with codes for its looks.
    pub(crate) fn whole(&self) -> String {
        self.fitting(usize::MAX)
    }

    /// The same; where there is no room for all of it, its beginning and `…`.
    pub(crate) fn fitting(&self, columns: usize) -> String {
        let is_cut = self.width() > columns;
        let mut room = if is_cut { columns.saturating_sub(1) } else { columns };
        let mut painted = String::new();
        for (look, text) in &self.parts {
            let shown = text::cut(text, room);
            room -= width(shown);
            match look.code() {
                Some(code) if !shown.is_empty() => painted.extend([code, shown, "\u{1b}[0m"]),
                _ => painted.push_str(shown),
            }
            if shown.len() < text.len() {
                break;
            }
        }
        if is_cut {
            painted.push('…');
        }
        painted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_where_there_is_no_room() {
        let line = Line::new().good("✔").plain(" plan ").faint("漢字");
        assert_eq!(line.width(), 11);
        assert_eq!(line.whole(), "\u{1b}[32m✔\u{1b}[0m plan \u{1b}[2m漢字\u{1b}[0m");
        assert_eq!(line.fitting(11), line.whole());
        assert_eq!(line.fitting(10), "\u{1b}[32m✔\u{1b}[0m plan \u{1b}[2m漢\u{1b}[0m…");
        assert_eq!(line.fitting(8), "\u{1b}[32m✔\u{1b}[0m plan …");
        assert_eq!(line.fitting(4), "\u{1b}[32m✔\u{1b}[0m p…");
        assert_eq!(line.fitting(0), "…");
    }

    #[test]
    fn text_brings_no_codes_of_its_own() {
        assert_eq!(Line::new().plain("\u{1b}[31mred\n").whole(), "\\u{1b}[31mred ");
    }
}
