//! What is said about an order while it runs, on its way to the order's own log.
//!
//! Nobody waits for it: lines go through a queue to a task that writes them. If the log cannot keep up, lines are left
//! out and counted; nothing is decided by them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use awo_models::OrderId;
use awo_state::{LogEntry, OrderLog, StateError};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::figures;
use crate::recorder::describe;

/// Lines that may wait to be written.
const WAITING: usize = 4_096;
/// Lines that are written at once.
const BATCH: usize = 256;
/// How long the log may take to take some lines.
const APPEND: Duration = Duration::from_secs(5);
/// Longest message, in bytes; entries have a limit.
const LONGEST: usize = 16 * 1024;

/// Words about new lines that a slow receiver may be behind before it misses some.
const WORDS_KEPT: usize = 256;

/// The way to the logs of orders; to nowhere without one.
#[derive(Debug)]
pub(crate) struct Chronicle {
    log: Option<Arc<dyn OrderLog>>,
    writer: OnceLock<mpsc::Sender<Said>>,
    left_out: Arc<AtomicU64>,
    /// Says whose log has new lines.
    written: broadcast::Sender<OrderId>,
}

#[derive(Debug)]
enum Said {
    Line(OrderId, LogEntry),
    /// Answered when all that was said before is written.
    Flush(oneshot::Sender<()>),
}

impl Chronicle {
    pub(crate) fn new(log: Option<Arc<dyn OrderLog>>) -> Self {
        let written = broadcast::Sender::new(WORDS_KEPT);
        Self { log, writer: OnceLock::new(), left_out: Arc::default(), written }
    }

    /// Hears whose log has new lines, once they can be read.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<OrderId> {
        self.written.subscribe()
    }

    /// Another process changed an order, and is likely to have said something about it.
    pub(crate) fn written_elsewhere(&self, id: OrderId) {
        let _ = self.written.send(id); // nobody listens: nobody needs it
    }

    /// The log itself.
    pub(crate) fn log(&self) -> Option<&Arc<dyn OrderLog>> {
        self.log.as_ref()
    }

    /// Says something about an order. Called on a runtime; never waits.
    pub(crate) fn note(&self, id: OrderId, mut entry: LogEntry) {
        let Some(writer) = self.writer() else { return };
        if let Some(message) = entry.message.as_ref().filter(|message| message.len() > LONGEST) {
            entry.message = Some(message[..message.floor_char_boundary(LONGEST)].into());
        }
        if writer.try_send(Said::Line(id, entry)).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            figures::lines_left_out(1);
        }
    }

    /// Waits until all that was said is written, at most so long.
    pub(crate) async fn flush(&self, at_most: Duration) {
        let Some(writer) = self.writer.get() else { return };
        let (written, waiting) = oneshot::channel();
        let flushing = async {
            writer.send(Said::Flush(written)).await.ok()?;
            waiting.await.ok()
        };
        if tokio::time::timeout(at_most, flushing).await.is_err() {
            warn!("order_log_not_flushed: the last lines of some orders may be missing");
        }
    }

    fn writer(&self) -> Option<&mpsc::Sender<Said>> {
        let log = self.log.as_ref()?;
        Some(self.writer.get_or_init(|| {
            let (sender, receiver) = mpsc::channel(WAITING);
            tokio::spawn(write(Arc::clone(log), receiver, Arc::clone(&self.left_out), self.written.clone()));
            sender
        }))
    }
}

/// Writes lines until nobody can say anything any more. At most one call of the log is under way: while one hangs, lines are
/// left out.
async fn write(
    log: Arc<dyn OrderLog>,
    mut said: mpsc::Receiver<Said>,
    left_out: Arc<AtomicU64>,
    written: broadcast::Sender<OrderId>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut under_way: Option<JoinHandle<Result<(), StateError>>> = None;
    let mut failing = false;
    while said.recv_many(&mut batch, BATCH).await > 0 {
        let mut by_order: BTreeMap<OrderId, Vec<LogEntry>> = BTreeMap::new();
        let mut flushed = Vec::new();
        for said in batch.drain(..) {
            match said {
                Said::Line(id, entry) => by_order.entry(id).or_default().push(entry),
                Said::Flush(waiting) => flushed.push(waiting),
            }
        }
        for (id, entries) in by_order {
            let lines = entries.len() as u64;
            let failed = if under_way.as_ref().is_some_and(|call| !call.is_finished()) {
                Some(StateError::Unavailable("an earlier call has not been answered yet".into()))
            } else {
                let log = Arc::clone(&log);
                let call = under_way.insert(tokio::spawn(async move { log.append(id, &entries).await }));
                match tokio::time::timeout(APPEND, call).await {
                    Ok(answer) => answer.unwrap_or_else(|died| Err(StateError::Backend(died.into()))).err(),
                    Err(late) => Some(StateError::Unavailable(late.into())),
                }
            };
            // One line per change of state.
            match (&failed, failing) {
                (Some(failed), false) => {
                    warn!(agent_work_order_id = %id, reason = describe(failed), "order_log_failed: the work goes on");
                }
                (None, true) => info!(left_out = left_out.load(Ordering::Relaxed), "order_log_works_again"),
                _ => {}
            }
            failing = failed.is_some();
            if failing {
                left_out.fetch_add(lines, Ordering::Relaxed);
                figures::lines_left_out(lines);
            } else {
                let _ = written.send(id); // nobody listens: nobody needs it
            }
        }
        for waiting in flushed {
            let _ = waiting.send(());
        }
    }
}
