//! Decides what a worker does with an order that it comes to; runs, starts and dry runs share it.

use std::sync::Arc;

use awo_models::{AgentWorkOrder, AgentWorkOrderStatus, Failure, FailureCode, OrderId, StepDefinition, StepName};
use awo_state::OrderSnapshot;

use crate::engine::Engine;
use crate::ports::Standing;
use crate::progress::{Move, next_move};
use crate::spilling::with_spill;
use crate::suspension::workspace_left;
use crate::workspace::sandbox_request;

/// What an order needs before it can be claimed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Need {
    /// Its checkout: this step runs next.
    Workspace(StepDefinition),
    /// Nothing: it is ended with this status.
    Nothing(AgentWorkOrderStatus),
    /// It is not run any more.
    Refused(Failure),
}

/// What an order that has not ended needs. `limit`: see [`Settings::max_interruptions`](crate::Settings); `owner_lives`: see
/// [`former_owner`](crate::former_owner).
pub(crate) fn need(seen: &OrderSnapshot, limit: u32, owner_lives: bool) -> Need {
    let (order, history) = (&seen.order, &seen.history);
    match next_move(order, history) {
        Move::End(ending) => Need::Nothing(ending.status),
        Move::Run(_) | Move::Wait(..) if order.state.cancel_requested => Need::Nothing(AgentWorkOrderStatus::Cancelled),
        Move::Run(definition) | Move::Wait(definition, _) => match worn_out(order, limit) {
            Some(failure) if !owner_lives => Need::Refused(failure),
            _ => Need::Workspace(definition),
        },
    }
}

/// Why an order that ends its worker again and again is not run once more.
fn worn_out(order: &AgentWorkOrder, limit: u32) -> Option<Failure> {
    let cut = order.state.current_step.as_ref()?;
    let times = order.state.interruptions.saturating_add(1);
    (times >= limit.max(1)).then(|| {
        let message = format!("its worker ended {times} times in a row during step `{}`, without a word", cut.step);
        Failure::new(FailureCode::WorkerLost, message)
    })
}

/// What the next start would do.
#[derive(Debug, Clone, Default)]
pub struct Forecast {
    /// Orders that have not ended, newest first.
    pub orders: Vec<ForeseenOrder>,
    /// Orders that cannot be read. They are left as they are.
    pub damaged: Vec<OrderId>,
}

/// What the next start would do with one order.
#[derive(Debug, Clone)]
pub struct ForeseenOrder {
    /// The order, with what was spilled of it.
    pub order: Arc<AgentWorkOrder>,
    /// Results that an earlier process could not get stored and that are stored first.
    pub spilled_results: usize,
    /// What is done with it then.
    pub then: Foreseen,
}

/// What is done with an order that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Foreseen {
    /// It begins with its first step, in a fresh checkout.
    Begin {
        /// The step.
        step: StepName,
    },
    /// It goes on with a step, in a checkout that stands so.
    Continue {
        /// The step.
        step: StepName,
        /// Number of the attempt.
        attempt: u32,
        /// Its checkout. [`Standing::Lost`] means that only the remote could still have it; otherwise the order fails.
        checkout: Standing,
    },
    /// Nothing: it is held until somebody starts it.
    Hold,
    /// It is ended: all is done, or somebody asked to cancel.
    End {
        /// How.
        status: AgentWorkOrderStatus,
    },
    /// It is failed.
    Fail {
        /// Why.
        failure: Failure,
    },
}

/// What the next start would do with an order.
pub(crate) async fn foresee(engine: &Engine, seen: OrderSnapshot) -> ForeseenOrder {
    let (seen, spilled_results) = with_spill(engine, seen).await;
    let (order, history) = (&seen.order, &seen.history);
    let left = next_move(order, history).step().and_then(|next| workspace_left(order, history, next));
    let then = match need(&seen, engine.settings.max_interruptions, false) {
        _ if order.state.status.is_terminal() => Foreseen::End { status: order.state.status },
        _ if order.state.held => Foreseen::Hold,
        Need::Refused(failure) => Foreseen::Fail { failure },
        Need::Nothing(status) => Foreseen::End { status },
        Need::Workspace(StepDefinition { step, .. }) => match left {
            None => Foreseen::Begin { step },
            Some(left) => {
                let cut = order.state.current_step.as_ref().is_some_and(|cut| cut.step == step);
                let attempt = AgentWorkOrder::next_attempt(history, &step) + u32::from(cut);
                let checkout = engine.sandboxes.examine(&sandbox_request(order), &left).await;
                Foreseen::Continue { step, attempt, checkout: checkout.unwrap_or(Standing::Lost) }
            }
        },
    };
    ForeseenOrder { order: seen.order, spilled_results, then }
}
