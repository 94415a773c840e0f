//! Logs: to standard error, for a person on a terminal, as JSON lines elsewhere.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::exit::{BAD_INPUT, coded};

/// Begins to log what a level or filter lets through.
pub(crate) fn start(level: &str) -> anyhow::Result<()> {
    let level = level.to_lowercase();
    let level = if level == "warning" { "warn" } else { &level };
    let filter = EnvFilter::builder().parse(level).map_err(|error| {
        coded(BAD_INPUT, format!("cannot use log level {level:?}: {error}; use error, warn, info or debug"))
    })?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        logs.with_target(false).init();
    } else {
        logs.json().flatten_event(true).with_span_list(false).init();
    }
    Ok(())
}
