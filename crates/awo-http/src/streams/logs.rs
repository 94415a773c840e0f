//! The lines of an order's own log, as they are written.

use std::time::Duration;

use awo_engine::{EngineError, LogQuery, WorkOrders};
use awo_models::OrderId;
use tokio::sync::broadcast::Receiver;
use tokio_util::sync::CancellationToken;

use super::{Feed, HEARTBEAT, Message, PAGE, heard, rest};
use crate::api::Api;
use crate::problem::Problem;
use crate::views::LogEntryView;

/// Lines that come closer together than this are read at once.
const TOGETHER: Duration = Duration::from_millis(100);

/// The feed of one log. It does not end with the order: one that has ended may be tried again.
#[derive(Debug)]
pub(crate) struct LogFeed {
    work_orders: WorkOrders,
    closing: CancellationToken,
    id: OrderId,
    hints: Receiver<OrderId>,
    /// Which lines; those up to `after` are sent, or known to the client.
    query: LogQuery,
}

impl LogFeed {
    /// Begins after the line that the query names.
    pub(crate) async fn begin(api: &Api, id: OrderId, query: LogQuery) -> Result<Self, Problem> {
        let work_orders = api.work_orders.clone();
        let hints = work_orders.log_hints(); // before the first look, so that nothing falls in between
        let first = work_orders.log(id, &LogQuery { limit: 1, ..query.clone() }).await?;
        // A power cut may have taken lines that the client has; their numbers are used again.
        let after = query.after.min(first.last);
        let query = LogQuery { after, limit: PAGE, offset: 0, ..query };
        Ok(Self { closing: api.closing.clone(), id, hints, query, work_orders })
    }

    async fn look(&mut self) -> Result<Vec<Message>, EngineError> {
        let page = self.work_orders.log(self.id, &self.query).await?;
        let all = page.total <= page.lines.len();
        self.query.after = match page.lines.last() {
            Some(line) if !all => line.number,
            _ => self.query.after.max(page.last),
        };
        let lines = page.lines.iter();
        Ok(lines.map(|line| Message::numbered(&line.number, None, &LogEntryView::of(self.id, line))).collect())
    }
}

impl Feed for LogFeed {
    async fn next(&mut self) -> Option<Vec<Message>> {
        loop {
            let closing = self.closing.is_cancelled(); // before the look: what was written by then is still sent
            match self.look().await {
                Ok(messages) if !messages.is_empty() => return Some(messages),
                Ok(_) => {}
                Err(EngineError::State(outage)) if outage.is_outage() => rest(&self.closing, TOGETHER).await,
                Err(_) => return None,
            }
            if closing {
                return None;
            }
            tokio::select! {
                () = heard(&mut self.hints, |order| order == self.id) => rest(&self.closing, TOGETHER).await,
                () = rest(&self.closing, HEARTBEAT) => {}
            }
        }
    }
}
