//! Exit codes, and how an error is told on the terminal.

use std::process::ExitCode;

use crate::client::code_of;
use crate::terminal::note;

/// The order failed, or something else did that no other code names.
pub(crate) const FAILED: u8 = 1;
/// The input cannot be used. (The argument parser uses 2 as well.)
pub(crate) const BAD_INPUT: u8 = 2;
/// The order was cancelled.
pub(crate) const CANCELLED: u8 = 3;
/// There is no such order.
pub(crate) const NOT_FOUND: u8 = 4;
/// The server or the store cannot be reached.
pub(crate) const UNAVAILABLE: u8 = 5;

/// An error with the exit code that goes with it.
#[derive(Debug)]
pub(crate) struct Coded {
    pub(crate) code: u8,
    pub(crate) message: String,
}

impl std::fmt::Display for Coded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Coded {}

/// An error with an exit code.
pub(crate) fn coded(code: u8, message: impl Into<String>) -> anyhow::Error {
    Coded { code, message: message.into() }.into()
}

/// Tells an error, with its causes, and answers its exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    note!("awo: {error:#}");
    let code = |cause: &(dyn std::error::Error + 'static)| {
        let coded = cause.downcast_ref::<Coded>().map(|coded| coded.code);
        coded.or_else(|| cause.downcast_ref::<awo_client::Error>().map(code_of))
    };
    ExitCode::from(error.chain().find_map(code).unwrap_or(FAILED))
}
