//! The lines of an order's own log on the wire.

use std::collections::BTreeMap;

use awo_engine::{LogLine, LogPage, LogQuery};
use awo_models::{OrderId, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Names that every line has; what else is known of a line does not replace them.
const OWN: [&str; 7] = ["work_order_id", "number", "level", "event", "timestamp", "step", "message"];

/// A page of lines, oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LogPage)]
pub(crate) struct LogPageView<'a> {
    /// The order.
    #[schema(example = "wo-019b7c9f5ac07e3d8f1a2b3c4d5e6f70")]
    agent_work_order_id: String,
    /// The lines.
    log_entries: Vec<LogEntryView<'a>>,
    /// Lines that match, on all pages.
    total: usize,
    /// At most so many are on a page.
    limit: usize,
    /// So many of those that match were passed over.
    offset: usize,
    /// The oldest so many lines are gone: of one order only so much is kept.
    dropped: u64,
    /// So many lines are there but cannot be read.
    damaged: u64,
}

/// One line. What is known beyond these fields depends on the event, and stands beside them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LogEntry)]
pub(crate) struct LogEntryView<'a> {
    /// The order.
    work_order_id: String,
    /// Counts the lines of the order from 1: what `Last-Event-ID` of the stream names.
    number: u64,
    /// `debug`, `info`, `warning` or `error`. An order with a line of level `error` has failed, or will.
    #[schema(example = "info")]
    level: &'static str,
    /// What happened, as a stable word.
    #[schema(example = "step_started")]
    event: &'a str,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// The step it is about, if it is about one.
    step: Option<&'a str>,
    /// The same for a person, if there is more to say.
    message: Option<&'a str>,
    #[serde(flatten)]
    #[schema(value_type = BTreeMap<String, Value>)]
    fields: BTreeMap<&'a str, &'a Value>,
}

impl<'a> LogPageView<'a> {
    pub(crate) fn new(id: OrderId, query: &LogQuery, page: &'a LogPage) -> Self {
        Self {
            agent_work_order_id: id.to_string(),
            log_entries: page.lines.iter().map(|line| LogEntryView::of(id, line)).collect(),
            total: page.total,
            limit: query.limit,
            offset: query.offset,
            dropped: page.dropped,
            damaged: page.damaged,
        }
    }
}

impl<'a> LogEntryView<'a> {
    pub(crate) fn of(id: OrderId, line: &'a LogLine) -> Self {
        let entry = &line.entry;
        let fields = entry.fields.iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
        Self {
            work_order_id: id.to_string(),
            number: line.number,
            level: entry.level.as_str(),
            event: &entry.event,
            timestamp: entry.at,
            step: entry.step.as_ref().map(awo_models::StepName::as_str),
            message: entry.message.as_deref(),
            fields: fields.map(|(name, value)| (name.as_str(), value)).collect(),
        }
    }
}
