//! The log of an order.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A page of lines, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LogPage {
    /// The order.
    pub agent_work_order_id: String,
    /// So many lines are there but cannot be read.
    pub damaged: u64,
    /// The oldest so many lines are gone: of one order only so much is kept.
    pub dropped: u64,
    /// At most so many are on a page.
    pub limit: u64,
    /// The lines.
    pub log_entries: Vec<LogEntry>,
    /// So many of those that match were passed over.
    pub offset: u64,
    /// Lines that match, on all pages.
    pub total: u64,
}

/// One line. What is known beyond these fields depends on the event, and stands beside them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LogEntry {
    /// What happened, as a stable word.
    pub event: String,
    /// `debug`, `info`, `warning` or `error`. An order with a line of level `error` has failed, or will.
    pub level: String,
    /// The same for a person, if there is more to say.
    pub message: Option<String>,
    /// Counts the lines of the order from 1: what `Last-Event-ID` of the stream names.
    pub number: u64,
    /// The step it is about, if it is about one.
    pub step: Option<String>,
    /// When.
    pub timestamp: Timestamp,
    /// The order.
    pub work_order_id: String,
    /// What else is known of it.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}
