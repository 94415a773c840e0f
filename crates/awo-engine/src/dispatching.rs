//! Runs the orders that wait in line here, and what becomes of one that was stopped by a defect.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use awo_models::{AgentWorkOrderStatus, Failure, FailureCode, OrderId};
use awo_state::StateError;
use futures::FutureExt as _;
use tokio_util::task::TaskTracker;
use tracing::{error, info};

use crate::claiming::fail_order;
use crate::engine::Engine;
use crate::parking::{Places, Seat};
use crate::queue::QueueReceiver;
use crate::recorder::describe;
use crate::run::{RunEnd, run_order};

/// Takes orders in line, each when there is a place for it.
pub(crate) async fn dispatch(engine: Arc<Engine>, mut waiting: QueueReceiver, tasks: TaskTracker) {
    let places = Places::new(engine.settings.max_running);
    let draining = engine.draining.clone();
    loop {
        let next = async {
            loop {
                let seat = places.seat().await?;
                tokio::select! {
                    biased;
                    id = waiting.next() => return Some((seat, id?)),
                    () = places.wanted() => {} // by an order that has waited; there is none in the queue
                }
            }
        };
        let (seat, id) = tokio::select! {
            biased;
            () = draining.cancelled() => return,
            next = next => match next {
                Some(next) => next,
                None => return,
            },
        };
        let engine = Arc::clone(&engine);
        tasks.spawn(async move {
            run_and_log(&engine, id, seat).await;
        });
    }
}

/// Runs an order; how it ended, if it did. A panic outside its steps, and a save that is refused although nobody fenced us, are defects of ours:
/// the order is claimed anew once, and failed if it happens again.
pub(crate) async fn run_and_log(engine: &Engine, id: OrderId, mut seat: Seat) -> Option<RunEnd> {
    let mut ran = run_caught(engine, id, &mut seat).await;
    if let Err(defect) = &ran
        && is_defect(defect)
    {
        error!(agent_work_order_id = %id, reason = describe(defect), "workflow_claimed_anew");
        ran = run_caught(engine, id, &mut seat).await;
        if let Err(defect) = &ran
            && is_defect(defect)
        {
            let failure = Failure::new(FailureCode::Internal, format!("it was stopped twice: {}", describe(defect)));
            ran = fail_order(engine, id, &failure).await.map(|()| RunEnd::Ended(AgentWorkOrderStatus::Failed));
        }
    }
    match ran {
        Ok(end) => Some(end),
        Err(StateError::Held) => {
            info!(agent_work_order_id = %id, "agent_work_order_held: another worker has it");
            None
        }
        Err(stopped) => {
            error!(agent_work_order_id = %id, reason = describe(&stopped), "workflow_not_run_to_its_end");
            None
        }
    }
}

fn is_defect(stopped: &StateError) -> bool {
    matches!(stopped, StateError::Conflict { .. } | StateError::Refused(_) | StateError::Transition(_))
}

async fn run_caught(engine: &Engine, id: OrderId, seat: &mut Seat) -> Result<RunEnd, StateError> {
    seat.take().await;
    let ran = AssertUnwindSafe(run_order(engine, id, seat)).catch_unwind().await;
    ran.unwrap_or(Err(StateError::Refused("awo panicked while it ran the order")))
}
