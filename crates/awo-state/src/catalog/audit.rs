//! The record of who changed what.

use std::sync::Arc;

use awo_models::Timestamp;
use serde::{Deserialize, Serialize};

/// One call that changed something, or was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who called: the id of a key, or how it came in.
    pub who: Arc<str>,
    /// What was called, for example `create_order`.
    pub what: Arc<str>,
    /// What it was about, for example the id of an order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Arc<str>>,
    /// How it ended, for example `201`.
    pub result: Arc<str>,
    /// Names the request, as the log does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Arc<str>>,
}

/// An entry with the number the store gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// Counts the entries from 1.
    pub number: u64,
    /// What happened.
    #[serde(flatten)]
    pub entry: AuditEntry,
}

/// A part of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditPage {
    /// Newest first.
    pub lines: Vec<AuditLine>,
    /// What to give as `before` for the next page; `None` on the last.
    pub next: Option<u64>,
    /// So many of the oldest entries are gone, because the store keeps no more.
    pub dropped: u64,
    /// So many entries are there but cannot be read.
    pub damaged: u64,
}

#[cfg(any(feature = "memory", feature = "file"))]
impl AuditPage {
    /// The page of a trail whose readable entries are these, newest first. Backends set the other counts.
    pub(crate) fn of(newest_first: impl Iterator<Item = AuditLine>, before: Option<u64>, limit: usize) -> Self {
        let older = newest_first.filter(|line| before.is_none_or(|before| line.number < before));
        let mut lines: Vec<_> = older.take(limit.saturating_add(1)).collect();
        let more = lines.len() > limit;
        lines.truncate(limit);
        let next = if more { lines.last().map(|line| line.number).or(before) } else { None };
        Self { lines, next, ..Self::default() }
    }
}

/// How much a catalog keeps. It may keep less, but at least the newer half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatalogBounds {
    /// At most so many audit entries.
    pub audit: u64,
}

impl Default for CatalogBounds {
    /// 20,000 audit entries.
    fn default() -> Self {
        Self { audit: 20_000 }
    }
}
