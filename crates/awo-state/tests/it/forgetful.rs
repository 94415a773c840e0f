//! A backend with defects that can be switched on: the suite must find each, by the clauses that name it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use awo_models::{AgentWorkOrder, Event, EventKind, EventSeq, OrderId, StepExecutionResult, StepHistory};
use awo_state::conformance::{CLAUSES, Fixture};
use awo_state::{
    Change, Committed, Guard, InMemory, OrderQuery, OrderSnapshot, Page, Result, StateError, StateRepository,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    None,
    ForgetsEverythingOnRestart,
    ForgetsTheLastWriteOnRestart,
    BringsDeletedOrdersBack,
    AppendsInsteadOfOverwriting,
    TakesAnyHistory,
    IgnoresTheFence,
    LosesEventsOfSteps,
    CountsEventsFromZero,
    ShowsResultsBeforeTheirWrite,
    KnowsNoKeys,
    ListsOldestFirst,
    CutsTextsAtNul,
    InventsUnknownOrders,
    SharesNothingBetweenHandles,
    StartsWhatIsHeld,
}

use Defect as D;

#[derive(Debug, Clone)]
enum Write {
    Create(Box<AgentWorkOrder>),
    Save(OrderId, Option<StepHistory>, Change),
    Delete(OrderId, EventSeq),
}

/// Memory that remembers what it was told, so that it can be restarted, with one defect.
#[derive(Debug, Clone)]
struct Forgetful {
    defect: Defect,
    inner: InMemory,
    writes: Arc<Mutex<Vec<Write>>>,
    heard: Arc<Mutex<HashMap<OrderId, Committed>>>,
    /// Histories that are shown instead of the true ones.
    shown: Arc<Mutex<HashMap<OrderId, StepHistory>>>,
    looks: Arc<AtomicUsize>,
}

impl Forgetful {
    fn new(defect: Defect) -> Self {
        Self {
            defect,
            inner: InMemory::default(),
            writes: Arc::default(),
            heard: Arc::default(),
            shown: Arc::default(),
            looks: Arc::default(),
        }
    }

    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    async fn restarted(&self) -> Self {
        let again = Self::new(self.defect);
        let mut writes = self.writes.lock().unwrap().clone();
        match self.defect {
            D::ForgetsEverythingOnRestart => writes.clear(),
            D::ForgetsTheLastWriteOnRestart => drop(writes.pop()),
            D::BringsDeletedOrdersBack => writes.retain(|write| !matches!(write, Write::Delete(..))),
            _ => {}
        }
        for write in writes {
            match write {
                Write::Create(order) => drop(again.create(*order).await),
                Write::Save(id, history, change) => drop(again.write(id, history.as_ref(), &change).await),
                Write::Delete(id, at) => drop(again.delete(id, at).await),
            }
        }
        again
    }

    async fn write(&self, id: OrderId, history: Option<&StepHistory>, change: &Change) -> Result<Committed> {
        let change =
            &if self.is(D::IgnoresTheFence) { self.as_the_present_owner(id, change).await } else { change.clone() };
        if let (D::ShowsResultsBeforeTheirWrite, Some(history)) = (self.defect, history) {
            self.show(id, history.clone());
            let before = self.looks.load(Ordering::Relaxed);
            for _ in 0..1_000 {
                tokio::task::yield_now().await;
                if self.looks.load(Ordering::Relaxed) > before {
                    break; // somebody has looked
                }
            }
        }
        let answer = match history {
            Some(history) => self.inner.save_step_history(id, history, change).await,
            None => self.inner.update(id, change).await,
        };
        match (&answer, history) {
            (Err(StateError::Conflict { .. }), Some(history)) if self.is(D::TakesAnyHistory) => {
                self.show(id, history.clone());
                return Ok(self.heard.lock().unwrap()[&id]);
            }
            (Ok(_), Some(history)) if self.is(D::AppendsInsteadOfOverwriting) => {
                let before = self.shown.lock().unwrap().get(&id).cloned().unwrap_or_default();
                let both = before.iter().chain(history.iter());
                self.show(id, both.map(|r| StepExecutionResult::clone(r)).collect());
            }
            _ => {}
        }
        if let Ok(heard) = answer {
            self.heard.lock().unwrap().insert(id, heard);
            self.writes.lock().unwrap().push(Write::Save(id, history.cloned(), change.clone()));
        }
        answer
    }

    fn show(&self, id: OrderId, history: StepHistory) {
        self.shown.lock().unwrap().insert(id, history);
    }

    async fn as_the_present_owner(&self, id: OrderId, change: &Change) -> Change {
        let present = self.inner.get(id).await.unwrap().map(|seen| seen.epoch);
        let heard = self.heard.lock().unwrap().get(&id).copied();
        match (change.guard(), heard) {
            (Guard::Owner { epoch, .. }, Some(heard)) if Some(epoch) != present => {
                let mut forged = Change::after(heard);
                for said in change.recorded() {
                    forged.record(said.kind.clone(), said.at, said.patch.clone());
                }
                forged
            }
            _ => change.clone(),
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl StateRepository for Forgetful {
    async fn create(&self, order: AgentWorkOrder) -> Result<Committed> {
        let mut stored = order.clone();
        if self.is(D::KnowsNoKeys) {
            Arc::make_mut(&mut stored.spec).idempotency = None;
        }
        stored.state.held &= !self.is(D::StartsWhatIsHeld);
        let answer = self.inner.create(stored).await;
        if answer.is_ok() {
            self.writes.lock().unwrap().push(Write::Create(order.into()));
        }
        answer
    }

    async fn get(&self, id: OrderId) -> Result<Option<OrderSnapshot>> {
        let mut seen = self.inner.get(id).await?;
        if self.is(D::InventsUnknownOrders) && seen.is_none() {
            let page = self.inner.list(&OrderQuery::default()).await?;
            if let Some(row) = page.items.first() {
                seen = self.inner.get(row.order.agent_work_order_id).await?;
            }
        }
        if let Some(seen) = &mut seen {
            if let Some(shown) = self.shown.lock().unwrap().get(&id) {
                seen.history = shown.clone();
            }
            if self.is(D::CutsTextsAtNul) {
                let cut = |result: &Arc<StepExecutionResult>| StepExecutionResult {
                    output: result.output.as_ref().map(|o| o.split('\0').next().unwrap_or("").into()),
                    ..StepExecutionResult::clone(result)
                };
                seen.history = seen.history.iter().map(cut).collect();
            }
        }
        self.looks.fetch_add(1, Ordering::Relaxed);
        Ok(seen)
    }

    async fn list(&self, query: &OrderQuery) -> Result<Page> {
        let mut page = self.inner.list(query).await?;
        if self.is(D::ListsOldestFirst) {
            page.items.reverse();
        }
        Ok(page)
    }

    async fn update(&self, id: OrderId, change: &Change) -> Result<Committed> {
        self.write(id, None, change).await
    }

    async fn save_step_history(&self, id: OrderId, history: &StepHistory, change: &Change) -> Result<Committed> {
        self.write(id, Some(history), change).await
    }

    async fn events(&self, id: OrderId, after: EventSeq, limit: usize) -> Result<Vec<Arc<Event>>> {
        let from = if self.is(D::CountsEventsFromZero) { after.0.saturating_sub(1) } else { after.0 };
        let mut events = self.inner.events(id, EventSeq(from), limit).await?;
        if self.is(D::LosesEventsOfSteps) {
            events.retain(|event| !matches!(event.kind, EventKind::StepFinished { index, .. } if index > 0));
        }
        Ok(events)
    }

    async fn delete(&self, id: OrderId, at: EventSeq) -> Result<()> {
        self.inner.delete(id, at).await?;
        self.writes.lock().unwrap().push(Write::Delete(id, at));
        Ok(())
    }
}

struct ForgetfulFixture(Mutex<Forgetful>);

#[async_trait]
impl Fixture for ForgetfulFixture {
    async fn repository(&self) -> Arc<dyn StateRepository> {
        let repository = self.0.lock().unwrap().clone();
        if repository.is(D::SharesNothingBetweenHandles) {
            return Arc::new(Forgetful::new(repository.defect));
        }
        Arc::new(repository)
    }
    async fn reopen(&self) -> Option<Arc<dyn StateRepository>> {
        let before = self.0.lock().unwrap().clone();
        if before.is(D::SharesNothingBetweenHandles) {
            return None;
        }
        let again = before.restarted().await;
        *self.0.lock().unwrap() = again.clone();
        Some(Arc::new(again))
    }
    async fn reopen_with_damage(&self, _: OrderId) -> Option<Arc<dyn StateRepository>> {
        None
    }
    async fn reopen_with_newer_format(&self, _: OrderId) -> Option<Arc<dyn StateRepository>> {
        None
    }
    async fn stored_bytes(&self, _: OrderId) -> Vec<u8> {
        Vec::new()
    }
}

/// Clauses that do not hold for a backend with this defect.
fn broken_by(defect: Defect) -> Vec<&'static str> {
    let fails = |clause: fn(&dyn Fixture)| {
        let attempt = move || clause(&ForgetfulFixture(Mutex::new(Forgetful::new(defect))));
        std::thread::spawn(attempt).join().is_err()
    };
    // 64 MB a run, and it breaks with `save_replaces_by_extension`.
    let clauses = CLAUSES.iter().filter(|(name, _)| *name != "large_history_round_trips");
    clauses.filter(|(_, clause)| fails(*clause)).map(|(name, _)| *name).collect()
}

#[test]
fn each_defect_breaks_the_clauses_that_forbid_it() {
    let defects = [
        D::None,
        D::ForgetsEverythingOnRestart,
        D::ForgetsTheLastWriteOnRestart,
        D::BringsDeletedOrdersBack,
        D::AppendsInsteadOfOverwriting,
        D::TakesAnyHistory,
        D::IgnoresTheFence,
        D::LosesEventsOfSteps,
        D::CountsEventsFromZero,
        D::ShowsResultsBeforeTheirWrite,
        D::KnowsNoKeys,
        D::ListsOldestFirst,
        D::CutsTextsAtNul,
        D::InventsUnknownOrders,
        D::SharesNothingBetweenHandles,
        D::StartsWhatIsHeld,
    ];
    let mut table = String::new();
    for defect in defects {
        writeln!(table, "{defect:?}").unwrap();
        for clause in broken_by(defect) {
            writeln!(table, "    {clause}").unwrap();
        }
    }
    insta::assert_snapshot!("defects", table);
}
