//! Orders as they are stored again and again: steps whose answers are 8 KiB long, saved as the engine saves them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use awo_models::{AgentWorkOrderStatus, EventSeq, OrderId, StepExecutionResult, StepHistory};
use awo_state::conformance::kit;
use awo_state::{Change, StateRepository};

use crate::Outcome;

/// Bytes of each answer.
const ANSWER: usize = 8 * 1024;

/// An owner of an order, who saves after each step.
#[derive(Debug)]
pub(crate) struct Writer {
    store: Arc<dyn StateRepository>,
    pub(crate) id: OrderId,
    history: StepHistory,
    change: Change,
}

impl Writer {
    /// Creates the n-th order and claims it.
    pub(crate) async fn new(store: &Arc<dyn StateRepository>, n: u64) -> Outcome<Self> {
        store.create(kit::order(n)).await?;
        Self::claiming(store, n).await
    }

    /// Claims the n-th order, which was just created.
    pub(crate) async fn claiming(store: &Arc<dyn StateRepository>, n: u64) -> Outcome<Self> {
        let claimed = store.update(kit::id(n), &kit::claim(EventSeq(1), 1)).await?;
        let (history, change) = (StepHistory::default(), Change::after(claimed));
        Ok(Self { store: Arc::clone(store), id: kit::id(n), history, change })
    }

    /// A step ends, and is saved; the time until that is acknowledged.
    pub(crate) async fn save(&mut self) -> Outcome<Duration> {
        let number = self.history.len() + 1;
        self.history.push(result(number)?);
        self.change.record(kit::finished(&self.history), kit::at(2), kit::steps_completed(number));
        let begun = Instant::now();
        let heard = self.store.save_step_history(self.id, &self.history, &self.change).await?;
        let took = begun.elapsed();
        self.change.settle(heard);
        Ok(took)
    }

    /// The order ends.
    pub(crate) async fn end(self) -> Outcome {
        let change = kit::ended(self.change, AgentWorkOrderStatus::Completed);
        self.store.update(self.id, &change).await?;
        Ok(())
    }
}

/// Where the journal of an order is.
pub(crate) fn journal(dir: &Path, id: OrderId) -> PathBuf {
    let name = id.to_string();
    dir.join("orders").join(&name[name.len() - 2..]).join(format!("{name}.awoj"))
}

/// What a step left, like no other one.
fn result(number: usize) -> Outcome<StepExecutionResult> {
    let mut result = kit::result("implement", u32::try_from(number)?, true);
    let line = format!("line of answer {number}: changed \"src/main.rs\" so that it greets\n");
    result.output = Some(line.repeat(ANSWER / line.len() + 1)[..ANSWER].into());
    Ok(result)
}
