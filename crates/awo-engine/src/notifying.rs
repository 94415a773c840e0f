//! Tells those outside what happens to orders. What is told is taken from the stored events, and how far each recipient was
//! told is kept, so that a crash loses nothing: what was not taken for certain is told again, under the same id.
//!
//! Each recipient has a task of its own and knows nothing of the others. Of one order it is told one thing after the other;
//! different orders do not wait for each other. Nothing that runs an order waits for any of it. Of several processes that share
//! the orders, the one that has its turn with a recipient tells it of all orders; when it is gone, another one goes on.

mod post;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use awo_models::{EventSeq, OrderId, Timestamp};
use awo_state::{Told, ToldStore};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::broadcast::error::RecvError;

use crate::engine::Engine;
use crate::hints::Origin;
use crate::ports::Recipient;
use post::Post;

/// Those who are told, and how far they were.
#[derive(Debug)]
pub(crate) struct Notices {
    pub(crate) recipients: Vec<Arc<dyn Recipient>>,
    /// Without one, each start begins anew.
    pub(crate) told: Option<Arc<dyn ToldStore>>,
    /// What is older than this is not tried again.
    pub(crate) give_up_after: Duration,
}

/// Tells one recipient, until this process ends and all that happened until then was tried, or the time for that is over.
/// `since` is when the process began.
pub(crate) async fn tell(engine: Arc<Engine>, recipient: Arc<dyn Recipient>, since: Timestamp) {
    let post = Post::new(engine, recipient, since);
    while post.gets_turn().await {
        tokio::select! {
            () = tell_by(&post) => return post.end_turn().await,
            () = post.time_is_over() => return post.end_turn().await,
            () = post.turn_is_lost() => {}
        }
    }
}

async fn tell_by(post: &Post) {
    let mut hints = post.hints(); // before the first look, so that nothing falls in between
    let Some(told) = post.begin().await else { return };
    let mut round = Round { post, told, at_work: HashMap::new(), working: FuturesUnordered::new() };
    round.look_at_all().await;
    loop {
        tokio::select! {
            biased;
            Some((order, told)) = round.working.next() => round.ended(order, told),
            hint = hints.recv() => match hint {
                Ok(hint) if post.tells_for_all() || hint.origin == Origin::Here => round.look(hint.order, hint.seq),
                Ok(_) => {} // the process that did it tells of it
                Err(RecvError::Lagged(_)) => round.look_at_all().await,
                Err(RecvError::Closed) => return,
            },
            // What an order did last is hinted at before it is left.
            () = post.all_left(), if round.working.is_empty() => if hints.is_empty() {
                return;
            },
        }
    }
}

/// Who is told of what at present.
struct Round<'p> {
    post: &'p Post,
    told: Told,
    /// Orders that are told of, and the newest version that was hinted at.
    at_work: HashMap<OrderId, EventSeq>,
    working: FuturesUnordered<BoxFuture<'p, (OrderId, Option<EventSeq>)>>,
}

impl Round<'_> {
    /// Tells of an order, unless that is being done.
    fn look(&mut self, order: OrderId, seq: EventSeq) {
        if let Some(newest) = self.at_work.get_mut(&order) {
            *newest = seq.max(*newest);
            return;
        }
        let from = self.told.get(&order).copied().unwrap_or_default();
        if seq > from {
            self.at_work.insert(order, seq);
            let post = self.post;
            self.working.push(Box::pin(async move { (order, post.tell_of(order, from).await) }));
        }
    }

    /// Takes how far the recipient was told; `None` if that was broken off.
    fn ended(&mut self, order: OrderId, told: Option<EventSeq>) {
        let newest = self.at_work.remove(&order);
        if let (Some(told), Some(newest)) = (told, newest) {
            self.told.insert(order, told);
            self.look(order, newest); // what came meanwhile
        }
    }

    async fn look_at_all(&mut self) {
        let present = self.post.present().await.unwrap_or_default();
        for (order, (_, seq)) in present.orders {
            self.look(order, seq);
        }
    }
}
