//! Orders: made, listed, looked at, and told what to do.

use http::HeaderName;

use super::Client;
use crate::call::{Answer, Asked, Call};
use crate::error::Error;
use crate::following::{Following, Numbered};
use crate::operation::Operation;
use crate::types::{AgentWorkOrder, CreateOrder, CreatedAgentWorkOrder, Event, PromptRequest, RetryRequest};

pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");
const DAMAGED: HeaderName = HeaderName::from_static("x-damaged-orders");

/// Which orders are listed. The default is the newest ones, as many as the server likes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListOrders {
    /// Only those of one of these statuses; empty is all.
    pub status: Vec<String>,
    /// Only those of exactly this repository.
    pub repository_url: Option<String>,
    /// Only those whose request, repository, branch or id contains this.
    pub text: Option<String>,
    /// So many at most.
    pub limit: Option<u64>,
    /// Only those older than this one: [`OrderPage::next`].
    pub cursor: Option<String>,
}

/// A page of orders.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct OrderPage {
    /// The orders, newest first.
    pub orders: Vec<AgentWorkOrder>,
    /// Orders that match, on all pages.
    pub total: u64,
    /// Ids of orders that are left out, as they cannot be read.
    pub damaged: Vec<String>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

impl OrderPage {
    fn read(answer: &Answer) -> Result<Self, Error> {
        let link = answer.header(&http::header::LINK);
        let next = link.and_then(|link| link.split_once("cursor=")?.1.split(['>', '&']).next()).map(str::to_owned);
        let total = answer.header(&TOTAL_COUNT).and_then(|total| total.parse().ok()).unwrap_or_default();
        let damaged = answer.header(&DAMAGED).map(|ids| ids.split(", ").map(str::to_owned).collect());
        Ok(Self { orders: answer.read()?, total, damaged: damaged.unwrap_or_default(), next })
    }
}

impl Client {
    /// Lists orders, newest first, a page at a time.
    pub fn list_orders(&self, which: &ListOrders) -> Call<OrderPage> {
        let asked = which
            .status
            .iter()
            .fold(Asked::new(Operation::ListOrders, &[]), |asked, status| asked.query("status", Some(status)));
        let asked = asked.query("repository_url", which.repository_url.as_ref()).query("q", which.text.as_ref());
        let asked = asked.query("limit", which.limit).query("cursor", which.cursor.as_ref());
        Call::new(self, asked, OrderPage::read)
    }

    /// Creates an order. With an idempotency key the same call may be made again: it creates one order.
    pub fn create_order(&self, order: &CreateOrder, idempotency_key: Option<&str>) -> Call<CreatedAgentWorkOrder> {
        let asked = Asked::new(Operation::CreateOrder, &[]).header(IDEMPOTENCY_KEY, idempotency_key);
        Call::json(self, asked.body(order))
    }

    /// Gets an order.
    pub fn get_order(&self, id: &str) -> Call<AgentWorkOrder> {
        Call::json(self, Asked::new(Operation::GetOrder, &[id]))
    }

    /// Deletes an order that has ended, with all that is kept of it.
    pub fn delete_order(&self, id: &str) -> Call<()> {
        Call::new(self, Asked::new(Operation::DeleteOrder, &[id]), |_| Ok(()))
    }

    /// Starts an order that was created to be held.
    pub fn start_order(&self, id: &str) -> Call<AgentWorkOrder> {
        Call::json(self, Asked::new(Operation::StartOrder, &[id]))
    }

    /// Cancels an order. It is cancelled when its agent has ended.
    pub fn cancel_order(&self, id: &str) -> Call<AgentWorkOrder> {
        Call::json(self, Asked::new(Operation::CancelOrder, &[id]))
    }

    /// Queues an order again that has ended, from a step on.
    pub fn retry_order(&self, id: &str, retry: &RetryRequest) -> Call<AgentWorkOrder> {
        Call::json(self, Asked::new(Operation::RetryOrder, &[id]).body(retry))
    }

    /// Tells an order what is to be done besides.
    pub fn prompt_order(
        &self,
        id: &str,
        prompt: &PromptRequest,
        idempotency_key: Option<&str>,
    ) -> Call<AgentWorkOrder> {
        let asked = Asked::new(Operation::PromptOrder, &[id]).header(IDEMPOTENCY_KEY, idempotency_key);
        Call::json(self, asked.body(prompt))
    }

    /// Gets events of an order after a number, a page at a time.
    pub fn list_events(&self, id: &str, after: Option<u64>, limit: Option<u64>) -> Call<Vec<Event>> {
        let asked = Asked::new(Operation::ListEvents, &[id]).query("after", after).query("limit", limit);
        Call::json(self, asked.header(http::header::ACCEPT, Some("application/json")))
    }

    /// Follows an order by its events, from a number on; only messages of some kinds, if there are any. It ends with `end`.
    pub fn follow_order(&self, id: &str, after: Option<u64>, kinds: &[&str]) -> Following {
        let kinds = (!kinds.is_empty()).then(|| kinds.join(","));
        let asked = Asked::new(Operation::ListEvents, &[id]).query("kinds", kinds);
        Following::new(self, asked, after.map(|after| after.to_string()), Numbered::Yes)
    }

    /// Follows all orders: each message names one that has changed. The cursor is the id of an earlier message.
    pub fn follow_orders(&self, cursor: Option<&str>) -> Following {
        let asked = Asked::new(Operation::FollowOrders, &[]);
        Following::new(self, asked, cursor.map(str::to_owned), Numbered::No)
    }
}
