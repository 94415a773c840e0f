//! Orders as they are stored again and again: steps whose answers are so long, saved as the engine saves them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use awo_models::{AgentWorkOrderStatus, EventSeq, OrderId, StepExecutionResult, StepHistory};
use awo_state::conformance::kit;
use awo_state::{BoxError, Change, StateRepository};

/// Bytes of each answer, unless another length is asked for.
const ANSWER: usize = 8 * 1024;

/// An owner of an order, who saves after each step.
#[derive(Debug)]
pub struct Writer {
    store: Arc<dyn StateRepository>,
    /// Its order.
    pub id: OrderId,
    history: StepHistory,
    change: Change,
    /// Bytes of each answer.
    answer: usize,
}

impl Writer {
    /// Creates the n-th order and claims it.
    pub async fn new(store: &Arc<dyn StateRepository>, n: u64) -> Result<Self, BoxError> {
        store.create(kit::order(n)).await?;
        Self::claiming(store, n).await
    }

    /// Claims the n-th order, which was just created.
    pub async fn claiming(store: &Arc<dyn StateRepository>, n: u64) -> Result<Self, BoxError> {
        let claimed = store.update(kit::id(n), &kit::claim(EventSeq(1), 1)).await?;
        let (history, change) = (StepHistory::default(), Change::after(claimed));
        Ok(Self { store: Arc::clone(store), id: kit::id(n), history, change, answer: ANSWER })
    }

    /// The same with answers of so many bytes.
    pub fn with_answers_of(self, bytes: usize) -> Self {
        Self { answer: bytes, ..self }
    }

    /// A step ends, and is saved; the time until that is acknowledged.
    pub async fn save(&mut self) -> Result<Duration, BoxError> {
        let number = self.history.len() + 1;
        self.history.push(result(number, self.answer)?);
        self.change.record(kit::finished(&self.history), kit::at(2), kit::steps_completed(number));
        let begun = Instant::now();
        let heard = self.store.save_step_history(self.id, &self.history, &self.change).await?;
        let took = begun.elapsed();
        self.change.settle(heard);
        Ok(took)
    }

    /// The order ends.
    pub async fn end(self) -> Result<(), BoxError> {
        let change = kit::ended(self.change, AgentWorkOrderStatus::Completed);
        self.store.update(self.id, &change).await?;
        Ok(())
    }
}

/// Where the journal of an order is.
pub fn journal(dir: &Path, id: OrderId) -> PathBuf {
    let name = id.to_string();
    dir.join("orders").join(&name[name.len() - 2..]).join(format!("{name}.awoj"))
}

/// What a step left, like no other one.
fn result(number: usize, bytes: usize) -> Result<StepExecutionResult, BoxError> {
    let mut result = kit::result("implement", u32::try_from(number)?, true);
    let line = format!("line of answer {number}: changed \"src/main.rs\" so that it greets\n");
    result.output = Some(line.repeat(bytes / line.len() + 1)[..bytes].into());
    Ok(result)
}
