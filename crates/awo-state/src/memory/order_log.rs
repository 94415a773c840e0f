//! Logs in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use awo_models::OrderId;

use crate::{LogBounds, LogEntry, LogLine, LogPage, LogQuery, OrderLog, Result};

/// Logs in memory. Clones share their data. Survives nothing.
#[derive(Debug, Clone, Default)]
pub struct InMemoryOrderLog {
    shared: Arc<Mutex<BTreeMap<OrderId, Log>>>,
    bounds: LogBounds,
}

#[derive(Debug, Default)]
struct Log {
    /// With the size of each.
    lines: VecDeque<(Arc<LogLine>, u64)>,
    bytes: u64,
    last: u64,
}

impl InMemoryOrderLog {
    /// Keeps so much of each order.
    pub fn with_bounds(bounds: LogBounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    fn logs(&self) -> MutexGuard<'_, BTreeMap<OrderId, Log>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn add(&mut self, entry: LogEntry, size: u64, bounds: LogBounds) {
        self.last += 1;
        self.bytes += size;
        self.lines.push_back((Arc::new(LogLine { number: self.last, entry }), size));
        while self.lines.len() as u64 > bounds.lines.max(1) || (self.bytes > bounds.bytes && self.lines.len() > 1) {
            let Some((_, size)) = self.lines.pop_front() else { return };
            self.bytes -= size;
        }
    }
}

#[async_trait]
impl OrderLog for InMemoryOrderLog {
    async fn append(&self, id: OrderId, entries: &[LogEntry]) -> Result<()> {
        let sizes = entries.iter().map(LogEntry::checked_size).collect::<Result<Vec<_>>>()?;
        if entries.is_empty() {
            return Ok(());
        }
        let mut logs = self.logs();
        let log = logs.entry(id).or_default();
        for (entry, size) in entries.iter().zip(sizes) {
            log.add(entry.clone(), size as u64, self.bounds);
        }
        Ok(())
    }

    async fn read(&self, id: OrderId, query: &LogQuery) -> Result<LogPage> {
        let (lines, last) = {
            let logs = self.logs();
            let Some(log) = logs.get(&id) else { return Ok(LogPage::default()) };
            (log.lines.iter().map(|(line, _)| Arc::clone(line)).collect::<Vec<_>>(), log.last)
        };
        let dropped = last - lines.len() as u64;
        Ok(LogPage { last, dropped, ..query.page(lines) })
    }

    async fn delete(&self, id: OrderId) -> Result<()> {
        self.logs().remove(&id);
        Ok(())
    }

    async fn orders(&self) -> Result<Vec<OrderId>> {
        Ok(self.logs().keys().copied().collect())
    }

    async fn size(&self, id: OrderId) -> Result<u64> {
        Ok(self.logs().get(&id).map_or(0, |log| log.bytes))
    }
}
