//! What is kept of orders that have ended: decides which go, and removes them with all they hold. Off by default.
//!
//! An order goes first and what belongs to it afterwards. A crash in between leaves things of an order that is not there;
//! the next pass finds them by that.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use awo_models::{EventSeq, OrderId, Timestamp};
use awo_state::{OrderQuery, OrderRow, StateError};
use tracing::{info, warn};

use crate::engine::Engine;
use crate::recorder::describe;
use crate::spilling::forget;
use crate::workspace;

/// A worker that looked more often would do little else.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// Rows that are read at once.
const ROWS: usize = 1_000;

/// How much is kept of orders that have ended. Others count for nothing and never go. The default keeps everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetentionPolicy {
    /// Orders go so long after their end.
    pub max_age: Option<Duration>,
    /// At most so many stay, the ones that ended last.
    pub max_orders: Option<usize>,
    /// At most so many bytes stay, with artifacts and logs; of the orders that ended last.
    pub max_bytes: Option<u64>,
}

impl RetentionPolicy {
    /// Whether it keeps everything.
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }
}

/// An order that has ended, as the decision sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedOrder {
    /// The order.
    pub id: OrderId,
    /// Its version.
    pub seq: EventSeq,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Bytes that it holds.
    pub bytes: u64,
}

/// An order that is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    /// The order.
    pub id: OrderId,
    /// Its version: if it has another by then, it stays.
    pub seq: EventSeq,
    /// Bytes that it holds.
    pub bytes: u64,
    /// Why it goes.
    pub why: Limit,
}

/// The limit that an order is beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// It ended too long ago.
    Age,
    /// There are too many.
    Orders,
    /// They hold too many bytes.
    Bytes,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Age => "it ended too long ago",
            Self::Orders => "there are too many",
            Self::Bytes => "they hold too many bytes",
        })
    }
}

/// Which orders go: those that ended first, as long as a limit is exceeded.
pub fn plan(ended: &[EndedOrder], policy: &RetentionPolicy, now: Timestamp) -> Vec<Expired> {
    let mut oldest_first = ended.to_vec();
    oldest_first.sort_unstable_by_key(|order| (order.ended_at, order.id));
    let mut count = oldest_first.len();
    let mut bytes = oldest_first.iter().fold(0, |all: u64, order| all.saturating_add(order.bytes));
    let mut expired = Vec::new();
    for EndedOrder { id, seq, ended_at, bytes: its } in oldest_first {
        let age = Duration::try_from(now.duration_since(ended_at)).unwrap_or(Duration::ZERO);
        let why = if policy.max_age.is_some_and(|most| age > most) {
            Limit::Age
        } else if policy.max_orders.is_some_and(|most| count > most) {
            Limit::Orders
        } else if policy.max_bytes.is_some_and(|most| bytes > most) {
            Limit::Bytes
        } else {
            break;
        };
        count -= 1;
        bytes = bytes.saturating_sub(its);
        expired.push(Expired { id, seq, bytes: its, why });
    }
    expired
}

/// Artifacts, a log or a workspace of an order that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orphan {
    /// The order that is not there.
    pub id: OrderId,
    /// `artifacts`, `log` or `workspace`.
    pub what: &'static str,
    /// Bytes that they take.
    pub bytes: u64,
}

/// What a pass removed, or would remove.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retired {
    /// Orders beyond a limit.
    pub orders: Vec<Expired>,
    /// What belonged to orders that are not there.
    pub orphans: Vec<Orphan>,
}

impl Retired {
    /// Bytes of all of it.
    pub fn bytes(&self) -> u64 {
        let orders = self.orders.iter().map(|order| order.bytes);
        orders.chain(self.orphans.iter().map(|orphan| orphan.bytes)).fold(0, u64::saturating_add)
    }
}

/// Looks once and removes what is to go, or only says what that is.
pub(crate) async fn retire(engine: &Engine, policy: &RetentionPolicy, dry_run: bool) -> Result<Retired, StateError> {
    // Before the orders are listed: whoever makes things of an order has made the order before.
    let with_artifacts = engine.answered(engine.artifacts.orders()).await?;
    let with_log = match engine.chronicle.log() {
        Some(log) => engine.answered(log.orders()).await?,
        None => Vec::new(),
    };
    let with_workspace = engine.sandboxes.orders().await.unwrap_or_else(|failure| {
        warn!(reason = %failure, "workspaces_not_listed: the next pass tries again");
        Vec::new()
    });
    let (rows, damaged) = all_orders(engine).await?;
    let mut ended = Vec::new();
    for row in rows.iter().filter(|row| row.order.state.status.is_terminal()) {
        let (id, state) = (row.order.agent_work_order_id, &row.order.state);
        let ended_at = state.completed_at.unwrap_or(state.updated_at);
        let bytes = row.bytes.saturating_add(beside(engine, id).await?);
        ended.push(EndedOrder { id, seq: row.seq, ended_at, bytes });
    }
    let mut retired = Retired::default();
    for order in plan(&ended, policy, engine.clock.now()) {
        if engine.draining.is_cancelled() {
            return Ok(retired);
        }
        if dry_run || delete(engine, &order).await {
            retired.orders.push(order);
        }
    }
    let known: BTreeSet<_> = rows.iter().map(|row| row.order.agent_work_order_id).chain(damaged).collect();
    for id in with_artifacts.into_iter().filter(|id| !known.contains(id)) {
        let bytes = engine.answered(engine.artifacts.size(id)).await?;
        if dry_run || remove_artifacts(engine, id).await {
            retired.orphans.push(Orphan { id, what: "artifacts", bytes });
        }
    }
    if let Some(log) = engine.chronicle.log() {
        for id in with_log.into_iter().filter(|id| !known.contains(id)) {
            let bytes = engine.answered(log.size(id)).await?;
            if dry_run || remove_log(engine, id).await {
                retired.orphans.push(Orphan { id, what: "log", bytes });
            }
        }
    }
    for id in with_workspace.into_iter().filter(|id| !known.contains(id)) {
        let bytes = engine.sandboxes.size(id).await.unwrap_or(0);
        if dry_run || workspace::remove(engine, id).await {
            retired.orphans.push(Orphan { id, what: "workspace", bytes });
        }
    }
    if !dry_run && retired != Retired::default() {
        let (orders, orphans) = (retired.orders.len(), retired.orphans.len());
        for Orphan { id, what, bytes } in &retired.orphans {
            info!(agent_work_order_id = %id, what, bytes, "orphan_removed");
        }
        info!(orders, orphans, bytes = retired.bytes(), "retention_applied");
    }
    Ok(retired)
}

/// Every order, and the ids of the damaged ones.
async fn all_orders(engine: &Engine) -> Result<(Vec<OrderRow>, Vec<OrderId>), StateError> {
    let mut query = OrderQuery { limit: ROWS, ..OrderQuery::default() };
    let (mut rows, mut damaged) = (Vec::new(), Vec::new());
    loop {
        let page = engine.answered(engine.repository.list(&query)).await?;
        rows.extend(page.items);
        damaged.extend(page.damaged);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok((rows, damaged)),
        }
    }
}

/// Bytes of what belongs to an order and is not in the repository.
async fn beside(engine: &Engine, id: OrderId) -> Result<u64, StateError> {
    let artifacts = engine.answered(engine.artifacts.size(id)).await?;
    let log = match engine.chronicle.log() {
        Some(log) => engine.answered(log.size(id)).await?,
        None => 0,
    };
    Ok(artifacts.saturating_add(log))
}

/// Deletes an order with all it holds; whether it is gone. One that has changed since stays.
async fn delete(engine: &Engine, order: &Expired) -> bool {
    let id = order.id;
    match engine.answered(engine.repository.delete(id, order.seq)).await {
        Ok(()) => {}
        Err(StateError::Conflict { .. } | StateError::Refused(_) | StateError::NotFound(_)) => return false,
        Err(failed) => {
            warn!(agent_work_order_id = %id, reason = describe(&failed), "agent_work_order_not_deleted");
            return false;
        }
    }
    info!(agent_work_order_id = %id, why = %order.why, bytes = order.bytes, "agent_work_order_deleted");
    engine.hints.send(id, EventSeq(order.seq.0 + 1));
    engine.statistics.deleted(id);
    remove_belongings(engine, id).await;
    true
}

/// Removes what belonged to an order that is not there any more. What cannot be removed now, a later pass finds.
pub(crate) async fn remove_belongings(engine: &Engine, id: OrderId) {
    remove_artifacts(engine, id).await;
    remove_log(engine, id).await;
    workspace::remove(engine, id).await;
    for agent in engine.agents.values() {
        if tokio::time::timeout(engine.settings.answer_time, agent.forget(id)).await.is_err() {
            warn!(agent_work_order_id = %id, "agent_sessions_not_forgotten: no answer in time");
        }
    }
    if let Some(spills) = &engine.spills {
        forget(&**spills, id, engine.settings.answer_time).await;
    }
}

async fn remove_artifacts(engine: &Engine, id: OrderId) -> bool {
    let removed = engine.answered(engine.artifacts.delete_all(id)).await;
    removed_or_said(id, &removed, "artifacts_not_removed")
}

async fn remove_log(engine: &Engine, id: OrderId) -> bool {
    let Some(log) = engine.chronicle.log() else { return true };
    removed_or_said(id, &engine.answered(log.delete(id)).await, "log_not_removed")
}

fn removed_or_said(id: OrderId, removed: &Result<(), StateError>, event: &'static str) -> bool {
    if let Err(failed) = removed {
        warn!(agent_work_order_id = %id, reason = describe(failed), "{event}: tried again later");
    }
    removed.is_ok()
}

/// Looks at once and then as often as is set, until no new work begins. Does nothing if everything is kept.
pub(crate) async fn run(engine: Arc<Engine>) {
    let policy = engine.settings.retention;
    if policy.is_off() {
        return;
    }
    // A clock that is set right after the start must not make everything old: age counts from the second look on.
    let mut counted = RetentionPolicy { max_age: None, ..policy };
    let mut looks = tokio::time::interval(engine.settings.retention_pause.max(LEAST_PAUSE));
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = engine.draining.cancelled() => return,
            _ = looks.tick() => {}
        }
        if let Err(failed) = retire(&engine, &counted, false).await {
            warn!(reason = describe(&failed), "retention_not_applied: the next pass tries again");
        }
        counted = policy;
    }
}

#[cfg(test)]
mod tests;
