//! Text from elsewhere as a terminal may have it: with what the terminal would obey made visible, and as wide as there is room.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;

/// Marks without a width of their own that one character may carry. More of them climb over the lines around.
const MARKS: usize = 4;

/// The text with all that does something to a terminal, or hides in it, written as `\u{…}`. Line ends and tabs stay.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut marks = 0;
    for c in text.chars() {
        marks = if width_of(c) == 0 { marks + 1 } else { 0 };
        match c {
            '\n' | '\t' => shown.push(c),
            c if steers(c) || marks > MARKS => _ = write!(shown, "{}", c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// The same in one line: ends of lines and tabs are blanks.
pub(crate) fn inline(text: &str) -> String {
    visible(text).replace(['\n', '\t'], " ")
}

/// Whether a terminal may obey a character instead of showing it, or shows nothing for it: controls, marks that turn the
/// direction of text, other ends of lines, and what is invisible. What joins emoji and letters is needed.
pub(crate) fn steers(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Columns that a text of one line takes, on the terminal that takes most: some draw joined emoji one after the other.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(width_of).sum()
}

fn width_of(c: char) -> usize {
    match c {
        // It makes an emoji of a narrow character, which is wide then.
        '\u{fe0f}' => 1,
        c => c.width().unwrap_or(0),
    }
}

/// As much of the beginning as there is room for; never half of a wide character.
pub(crate) fn cut(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let beyond = text.char_indices().find(|(_, c)| {
        used += width_of(*c);
        used > columns
    });
    beyond.map_or(text, |(at, _)| text[..at].trim_end_matches('\u{200d}'))
}

/// The text if there is room for it, else its beginning and `…`.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns { text.to_owned() } else { format!("{}…", cut(text, columns.saturating_sub(1))) }
}

/// The text with blanks up to a width.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// The first line that says something, shortened.
pub(crate) fn first_line(text: &str, columns: usize) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("");
    fit(&inline(line), columns)
}

/// The words in lines of a width. Words that are longer are broken.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for piece in paragraph.split_whitespace().flat_map(|word| pieces(word, columns)) {
            if !line.is_empty() && width(&line) + 1 + width(piece) > columns {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(piece);
        }
        lines.push(line);
    }
    lines
}

fn pieces(word: &str, columns: usize) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        // Where not even one character fits, it stands out.
        let piece = cut(rest, columns).len().max(first.len_utf8());
        let (piece, after) = rest.split_at(piece);
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_seen_instead() {
        assert_eq!(visible("a\u{1b}[2Jb\u{202e}c\r\u{9b}1m"), "a\\u{1b}[2Jb\\u{202e}c\\u{d}\\u{9b}1m");
        assert_eq!(
            visible("\u{200b}\u{feff}\u{e0041}\u{2028}\u{61c}"),
            "\\u{200b}\\u{feff}\\u{e0041}\\u{2028}\\u{61c}"
        );
        assert_eq!(inline("a\tb\nc"), "a b c");
        assert_eq!(visible("👩\u{200d}🔬 ✔\u{fe0f} é e\u{301} 漢"), "👩\u{200d}🔬 ✔\u{fe0f} é e\u{301} 漢");
        let climbing = format!("e{}", "\u{301}".repeat(9));
        assert_eq!(visible(&climbing), format!("e{}{}", "\u{301}".repeat(4), "\\u{301}".repeat(5)));
        assert_eq!(visible(&visible(&climbing)), visible(&climbing), "what is visible stays as it is");
    }

    #[test]
    fn width_is_what_a_terminal_takes() {
        assert_eq!([width("abc"), width("漢字"), width("e\u{301}"), width("✔\u{fe0f}")], [3, 4, 1, 2]);
        assert_eq!([fit("漢字漢字", 5), fit("漢字漢字", 8), fit("abcdef", 4)], ["漢字…", "漢字漢字", "abc…"]);
        assert_eq!(fit("漢字漢字", 4), "漢…", "half of a character is none");
        assert_eq!(fit("👩\u{200d}🔬x", 4), "👩…", "nothing is joined to what is left out");
        assert_eq!(pad("漢", 4), "漢  ");
        assert_eq!(first_line("\n\n  x\ty \nz", 10), "x y");
    }

    #[test]
    fn words_are_wrapped_and_only_long_ones_broken() {
        assert_eq!(wrap("one two three\n\nfour", 8), ["one two", "three", "", "four"]);
        assert_eq!(wrap("a 漢字漢字漢 b", 4), ["a", "漢字", "漢字", "漢 b"]);
        assert_eq!(wrap("漢", 1), ["漢"]);
    }
}
