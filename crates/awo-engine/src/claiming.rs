//! Gets hold of an order: reads and claims it, however long the store takes to answer.

use std::sync::Arc;

use awo_models::{Failure, OrderId};
use awo_state::{ClaimId, Committed, OrderSnapshot, StateError};
use tracing::warn;

use crate::claim::{Claim, Claimant, plan_claim};
use crate::engine::Engine;
use crate::figures;
use crate::progress::next_move;
use crate::recorder::describe;

/// The agent program that comes next in an order.
fn next_agent(seen: &OrderSnapshot) -> Arc<str> {
    let next = next_move(&seen.order, &seen.history);
    let agent = next.step().map(|definition| seen.order.spec.agent_of(definition));
    Arc::clone(agent.unwrap_or(&seen.order.spec.agent))
}

/// Claims the order, however long the store takes; not stored, not run. `None` if there is nothing to claim any more.
/// `owner_lives`: see [`former_owner`](crate::former_owner).
pub(crate) async fn claim(
    engine: &Engine,
    mut seen: OrderSnapshot,
    owner_lives: bool,
    cannot_run: Option<&Failure>,
) -> Result<Option<(Claim, Committed)>, StateError> {
    let id = seen.order.agent_work_order_id;
    let random = engine.clock.random();
    let claim_id = ClaimId(u64::from_le_bytes(std::array::from_fn(|i| random[i])));
    loop {
        let claimant = Claimant {
            id: claim_id,
            worker: Arc::clone(&engine.settings.worker),
            now: engine.clock.now(),
            session_id: engine.new_session_id(&next_agent(&seen)),
            resumes: engine.resumes(&next_agent(&seen)),
            owner_lives,
        };
        let claim = plan_claim(&seen, claimant, cannot_run);
        match store_claim(engine, id, &claim).await {
            Ok(claimed) => {
                figures::claimed(claim.has_result);
                if claim.has_result {
                    engine.statistics.stored(&claim.order, &claim.history);
                }
                if claim.first.is_none() {
                    figures::ended(claim.order.state.status);
                }
                return Ok(Some((claim, claimed)));
            }
            Err(StateError::Conflict { .. }) => match read(engine, id).await? {
                Some(fresh) if !fresh.order.state.status.is_terminal() => seen = fresh,
                _ => return Ok(None),
            },
            Err(StateError::NotFound(_) | StateError::Transition(_)) => return Ok(None),
            Err(refused) => return Err(refused),
        }
    }
}

/// Sends one claim until it is answered; the claim id makes that safe.
async fn store_claim(engine: &Engine, id: OrderId, claim: &Claim) -> Result<Committed, StateError> {
    loop {
        let sending = async {
            if claim.has_result {
                engine.repository.save_step_history(id, &claim.history, &claim.change).await
            } else {
                engine.repository.update(id, &claim.change).await
            }
        };
        match engine.answered(sending).await {
            Err(outage) if outage.is_outage() => pause(engine, id, outage).await?,
            answer => return answer,
        }
    }
}

/// Ends an order that this program cannot run, in the commit of its claim.
pub(crate) async fn fail_order(engine: &Engine, id: OrderId, failure: &Failure) -> Result<(), StateError> {
    if let Some(seen) = read(engine, id).await?.filter(|seen| !seen.order.state.status.is_terminal())
        && let Some((_, failed)) = claim(engine, seen, false, Some(failure)).await?
    {
        engine.hints.send(id, failed.seq); // no recorder does
    }
    Ok(())
}

/// Reads an order, however long the store takes to answer.
pub(crate) async fn read(engine: &Engine, id: OrderId) -> Result<Option<OrderSnapshot>, StateError> {
    until_answered(engine, id, || engine.repository.get(id)).await
}

/// Asks something about an order, however long the store takes to answer.
pub(crate) async fn until_answered<T, A>(engine: &Engine, id: OrderId, ask: impl Fn() -> A) -> Result<T, StateError>
where
    A: Future<Output = Result<T, StateError>>,
{
    loop {
        match engine.answered(ask()).await {
            Err(outage) if outage.is_outage() => pause(engine, id, outage).await?,
            answer => return answer,
        }
    }
}

/// Waits before the store is asked again; gives the outage back when this process ends. An error, too, if the lease on the
/// order was lost meanwhile.
pub(crate) async fn pause(engine: &Engine, id: OrderId, outage: StateError) -> Result<(), StateError> {
    warn!(agent_work_order_id = %id, reason = describe(&outage), "the store does not answer: the order waits");
    tokio::select! {
        () = engine.draining.cancelled() => Err(outage),
        () = tokio::time::sleep(engine.settings.flush_pause) => engine.live.check_lease(id),
    }
}
