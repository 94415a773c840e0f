//! What the program tells of itself: logs to standard error, for a person on a terminal, as JSON lines elsewhere; and spans
//! of orders to a collector, where one is set and the feature `otel` is built in.

#[cfg(feature = "otel")]
mod traces;
#[cfg(not(feature = "otel"))]
#[path = "telemetry/no_traces.rs"]
mod traces;

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::exit::{BAD_INPUT, coded};
use crate::settings::Collector;
pub(crate) use traces::Traces;

/// One of those who are told.
type Told = Box<dyn Layer<Registry> + Send + Sync>;

/// Begins to log what a level or filter lets through, and to send traces if a collector is given.
pub(crate) fn start(level: &str, collector: Option<Collector>) -> anyhow::Result<Traces> {
    let level = level.to_lowercase();
    let level = if level == "warning" { "warn" } else { &level };
    let filter = EnvFilter::builder().parse(level).map_err(|error| {
        coded(BAD_INPUT, format!("cannot use log level {level:?}: {error}; use error, warn, info or debug"))
    })?;
    // Whatever is logged, spans of orders are not among it: who follows orders by them asks the collector.
    let no_spans = format!("{}=off", awo_engine::traces::TARGET).parse().context("the target of spans")?;
    // The driver of the database would log a line of the file of passwords that it cannot read, whole.
    let no_passwords = "sqlx_postgres::options=off".parse().context("the target of the file of passwords")?;
    let filter = filter.add_directive(no_spans).add_directive(no_passwords);
    let logs = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let logs: Told = if std::io::stderr().is_terminal() {
        logs.with_target(false).with_filter(filter).boxed()
    } else {
        logs.json().flatten_event(true).with_span_list(false).with_filter(filter).boxed()
    };
    let url = collector.as_ref().map(|collector| collector.url.clone());
    let (traces, spans) = Traces::begin(collector)?;
    let told: Vec<Told> = std::iter::once(logs).chain(spans).collect();
    tracing_subscriber::registry().with(told).init();
    if let Some(url) = url {
        Traces::announce(&url);
    }
    Ok(traces)
}
