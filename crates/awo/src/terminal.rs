//! Standard output and standard error, and what they are: terminals of some width, or files. Nothing is written to them but
//! through [`output`].

pub(crate) mod line;
pub(crate) mod moving;
pub(crate) mod output;
pub(crate) mod screen;
pub(crate) mod text;

use std::io::IsTerminal as _;

pub(crate) use line::Line;
pub(crate) use text::{first_line, fit, inline, visible};

/// Prints lines to standard output; what a terminal could obey is made visible in them.
macro_rules! say {
    ($($arguments:tt)*) => { $crate::terminal::output::say(format_args!($($arguments)*)) };
}

/// Prints lines to standard error; what a terminal could obey is made visible in them.
macro_rules! note {
    ($($arguments:tt)*) => { $crate::terminal::output::note(format_args!($($arguments)*)) };
}

pub(crate) use {note, say};

/// Columns of a line in a file, which has no width of its own.
const IN_A_FILE: usize = 180;
/// What a terminal has that does not say it.
const UNKNOWN: (usize, usize) = (80, 24);
/// Narrower than this, lines are no lines any more; they wrap then.
const NARROWEST: usize = 20;

/// How many columns a line has on standard output.
pub(crate) fn columns() -> usize {
    size().map_or(IN_A_FILE, |(columns, _)| columns.max(NARROWEST))
}

/// How many lines standard output shows at once.
pub(crate) fn rows() -> usize {
    size().map_or(UNKNOWN.1, |(_, rows)| rows)
}

/// Columns and rows of standard output at this moment, if it is a terminal.
fn size() -> Option<(usize, usize)> {
    let output = std::io::stdout();
    if !output.is_terminal() {
        return None;
    }
    let told = rustix::termios::tcgetwinsize(&output).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
    Some(told.map_or(UNKNOWN, |size| (size.ws_col.into(), size.ws_row.into())))
}

/// Whether standard output is a terminal on which something can move.
pub(crate) fn moves() -> bool {
    let can_move = |name: &std::ffi::OsStr| !name.is_empty() && name != "dumb";
    std::io::stdout().is_terminal() && std::env::var_os("TERM").is_some_and(|name| can_move(&name))
}
