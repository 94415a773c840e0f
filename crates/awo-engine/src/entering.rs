//! Finds what an order needs before it is claimed; again, for a while, if its remote cannot be asked now.

use std::time::Duration;

use awo_models::{AgentWorkOrder, Failure, OrderId};
use awo_state::{LogLevel, OrderSnapshot, StateError};
use tokio::time::sleep;
use tracing::warn;

use crate::claiming::read;
use crate::engine::Engine;
use crate::former_owner;
use crate::live::LiveOrder;
use crate::recovery::{Need, need};
use crate::spilling::settle_spill;
use crate::workspace::{Missing, Workspace};

/// Pause before a checkout is looked for again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// No pause is longer: two minutes in all.
const LONGEST_PAUSE: Duration = Duration::from_secs(64);

/// An order that can be claimed.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) seen: OrderSnapshot,
    /// Whether the worker lives that left an attempt without an end.
    pub(crate) owner_lives: bool,
    /// Its checkout; or why it is not run any more.
    pub(crate) workspace: Result<Workspace, Failure>,
}

/// Gets an order ready, as it stands; `None` if there is nothing to run, or this process ends. It is read anew for each try:
/// somebody may cancel it meanwhile.
pub(crate) async fn ready(engine: &Engine, live: &LiveOrder, id: OrderId) -> Result<Option<Ready>, StateError> {
    let mut pause = FIRST_PAUSE;
    loop {
        let Some(seen) = read(engine, id).await? else { return Ok(None) };
        let Some(seen) = settle_spill(engine, seen).await?.filter(|seen| may_run(&seen.order)) else {
            return Ok(None);
        };
        let owner_lives = former_owner::lives(engine, &seen).await?;
        let workspace = find(engine, &seen, owner_lives).await;
        live.check_lease()?;
        match workspace {
            Err(Missing { failure, for_now: true }) if pause <= LONGEST_PAUSE => {
                let seconds = pause.as_secs();
                warn!(agent_work_order_id = %id, reason = %failure, seconds, "workspace_not_found: looked for again");
                engine.note(id, LogLevel::Warning, "workspace_not_found", |entry| {
                    entry.with_message(&failure.message).with_field("again_in_seconds", seconds)
                });
                tokio::select! {
                    () = engine.draining.cancelled() => return Ok(None),
                    () = live.token().cancelled() => live.check_lease()?,
                    () = sleep(pause) => {}
                }
                pause *= 2;
            }
            found => {
                let workspace = found.map_err(|missing| missing.failure);
                return Ok(Some(Ready { seen, owner_lives, workspace }));
            }
        }
    }
}

async fn find(engine: &Engine, seen: &OrderSnapshot, owner_lives: bool) -> Result<Workspace, Missing> {
    match need(seen, engine.settings.max_interruptions, owner_lives) {
        Need::Workspace(next) => Workspace::find(engine, seen, &next).await,
        // Nothing is left to do in it; but what still runs in it ends before anybody says that it has.
        Need::Nothing(_) => Ok(Workspace::unneeded(engine, seen).await),
        Need::Refused(failure) => {
            Workspace::unneeded(engine, seen).await;
            Err(failure.into())
        }
    }
}

/// Whether there is anything to run: not in an order that has ended, and not yet in one that is held.
fn may_run(order: &AgentWorkOrder) -> bool {
    !order.state.status.is_terminal() && !order.state.held
}
