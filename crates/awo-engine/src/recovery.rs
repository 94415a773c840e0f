//! Decides what a worker does with an order that it comes to. Pure: runs, starts and dry runs share it.

use awo_models::{AgentWorkOrder, AgentWorkOrderStatus, Failure, FailureCode, StepName};
use awo_state::OrderSnapshot;

use crate::ports::Standing;
use crate::progress::{Move, next_move};

/// What an order needs before it can be claimed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Need {
    /// Its checkout: this step runs next.
    Workspace(StepName),
    /// Nothing: it is ended with this status.
    Nothing(AgentWorkOrderStatus),
    /// It is not run any more.
    Refused(Failure),
}

/// What an order that has not ended needs. `limit`: see [`Settings::max_interruptions`](crate::Settings).
pub(crate) fn need(seen: &OrderSnapshot, limit: u32) -> Need {
    let (order, history) = (&seen.order, &seen.history);
    match next_move(order, history) {
        Move::End(ending) => Need::Nothing(ending.status),
        Move::Run(_) if order.state.cancel_requested => Need::Nothing(AgentWorkOrderStatus::Cancelled),
        Move::Run(definition) => match worn_out(order, limit) {
            Some(failure) => Need::Refused(failure),
            None => Need::Workspace(definition.step),
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

/// What the next start would do with an order that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Foreseen {
    /// Begin with its first step, in a fresh checkout.
    Begin {
        /// The step.
        step: StepName,
    },
    /// Go on with a step, in a checkout that stands so.
    Continue {
        /// The step.
        step: StepName,
        /// Number of the attempt.
        attempt: u32,
        /// Its checkout. [`Standing::Lost`] means that only the remote could still have it; otherwise the order fails.
        checkout: Standing,
    },
    /// End it: all is done, or somebody asked to cancel.
    End {
        /// How.
        status: AgentWorkOrderStatus,
    },
    /// Fail it.
    Fail {
        /// Why.
        failure: Failure,
    },
}

/// What the next start would do. `standing` is asked for if the checkout matters.
pub(crate) fn foresee(seen: &OrderSnapshot, need: Need, standing: Option<Standing>) -> Foreseen {
    match (need, standing) {
        (Need::Refused(failure), _) => Foreseen::Fail { failure },
        (Need::Nothing(status), _) => Foreseen::End { status },
        (Need::Workspace(step), None) => Foreseen::Begin { step },
        (Need::Workspace(step), Some(checkout)) => {
            let cut = seen.order.state.current_step.as_ref().is_some_and(|cut| cut.step == step);
            let attempt = AgentWorkOrder::next_attempt(&seen.history, &step) + u32::from(cut);
            Foreseen::Continue { step, attempt, checkout }
        }
    }
}

/// Whether the checkout of an order may go: the order is completed and its branch is pushed.
pub(crate) fn is_delivered(order: &AgentWorkOrder) -> bool {
    order.state.status == AgentWorkOrderStatus::Completed
        && order.state.error_code.is_none()
        && order.state.git_commit_count > 0
}
