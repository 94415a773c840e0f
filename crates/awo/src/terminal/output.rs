//! The one way to standard output and standard error. An output that nobody takes any more ends a command quietly; one that
//! takes nothing, such as a full disk, is an error. Neither is a panic.

use std::fmt::Arguments;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::{LazyLock, OnceLock};

use tokio_util::sync::CancellationToken;

use super::{Line, columns, visible};
use crate::exit::{FAILED, coded};

/// Ends when standard output has taken something for the last time.
static GONE: LazyLock<CancellationToken> = LazyLock::new(CancellationToken::new);
/// Why it does not take more.
static WHY: OnceLock<io::Error> = OnceLock::new();

/// Prints lines. What a terminal could obey is made visible.
pub(crate) fn say(text: Arguments<'_>) {
    raw(&format!("{}\n", visible(&text.to_string())));
}

/// Prints a line, cut where the terminal ends.
pub(crate) fn line(line: &Line) {
    raw(&format!("{}\n", line.fitting(columns())));
}

/// Prints a line, all of it: one that somebody may want to copy.
pub(crate) fn whole(line: &Line) {
    raw(&format!("{}\n", line.whole()));
}

/// Prints text that is known to be harmless. Where there are to be no colours, their codes are left out.
pub(crate) fn raw(text: &str) {
    take(|| anstream::stdout().write_all(text.as_bytes()));
}

/// Prints bytes as they are.
pub(crate) fn bytes(bytes: &[u8]) {
    take(|| io::stdout().write_all(bytes));
}

/// Hands codes to the terminal that move its cursor. They are shown with what is printed next.
pub(super) fn control(codes: &str) {
    if !GONE.is_cancelled() {
        let _ = io::stdout().write_all(codes.as_bytes());
    }
}

fn take(write: impl FnOnce() -> io::Result<()>) {
    if GONE.is_cancelled() {
        return;
    }
    if let Err(error) = write().and_then(|()| io::stdout().flush()) {
        let _ = WHY.set(error);
        GONE.cancel();
    }
}

/// Prints lines to standard error. What a terminal could obey is made visible. Nobody can be told where that is closed.
pub(crate) fn note(text: Arguments<'_>) {
    let _ = writeln!(anstream::stderr(), "{}", visible(&text.to_string()));
}

/// Asks at standard error, and leaves the cursor behind the question.
pub(crate) fn ask(question: &str) {
    let _ = write!(anstream::stderr(), "\n{}", visible(question));
}

/// Waits until standard output takes nothing any more.
pub(crate) async fn gone() {
    GONE.cancelled().await;
}

/// What a command ends with. Who closed the output has what they wanted.
pub(crate) fn verdict(code: ExitCode) -> anyhow::Result<ExitCode> {
    match WHY.get() {
        Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(coded(FAILED, format!("cannot write to standard output: {error}")))
        }
        _ => Ok(code),
    }
}
