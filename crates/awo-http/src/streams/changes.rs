//! Which orders change, over all of them: hints, for who shows a list.

use awo_engine::{Hint, HintCursor, WorkOrders};
use tokio::sync::broadcast::Receiver;
use tokio_util::sync::CancellationToken;

use super::{Feed, Message, PAGE, heard};
use crate::api::Api;
use crate::views::ChangeView;

/// What changed before is not known: the client lists the orders.
const RESET: &str = "reset";
/// An order has changed.
const ORDER_CHANGED: &str = "order_changed";

/// The feed of all orders.
#[derive(Debug)]
pub(crate) struct ChangeFeed {
    work_orders: WorkOrders,
    closing: CancellationToken,
    hints: Receiver<Hint>,
    /// None before the first message, where the client has no cursor.
    cursor: Option<HintCursor>,
}

impl ChangeFeed {
    /// Begins after a message that the client has; what is no cursor of this server is as good as none.
    pub(crate) fn begin(api: &Api, after: Option<&str>) -> Self {
        let work_orders = api.work_orders.clone();
        let cursor = after.and_then(|text| text.parse().ok());
        Self { closing: api.closing.clone(), hints: work_orders.hints(), cursor, work_orders }
    }

    fn look(&mut self) -> Vec<Message> {
        let since = self.cursor.and_then(|cursor| self.work_orders.hints_since(cursor, PAGE));
        let Some(since) = since else {
            let now = self.work_orders.hint_cursor();
            self.cursor = Some(now);
            return vec![Message::numbered(&now, Some(RESET), &serde_json::json!({}))];
        };
        self.cursor = Some(since.next);
        let change =
            |(at, hint): (HintCursor, Hint)| Message::numbered(&at, Some(ORDER_CHANGED), &ChangeView::of(hint));
        since.hints.into_iter().map(change).collect()
    }
}

impl Feed for ChangeFeed {
    async fn next(&mut self) -> Option<Vec<Message>> {
        loop {
            let messages = self.look();
            if !messages.is_empty() {
                return Some(messages);
            }
            tokio::select! {
                () = self.closing.cancelled() => return None,
                () = heard(&mut self.hints, |_| true) => {}
            }
        }
    }
}
