//! What an order's own log says.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use awo_models::{FailureCode, OrderId};
use awo_state::{LogEntry, LogLevel, LogPage, LogQuery, OrderLog, StateError};
use awo_testkit::{Fault, Play, World};

use crate::lines::Lines;
use crate::outages::until_async;

/// Runs an order on a process that ends in order; its log, a line each.
async fn logged(world: &World) -> (OrderId, String) {
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.run_order(id).await.unwrap();
    orchestrator.drain(Duration::from_secs(1), Duration::from_secs(1)).await;
    let page = world.log.read(id, &LogQuery { limit: 1_000, ..LogQuery::default() }).await.unwrap();
    let mut text = String::new();
    for line in page.lines {
        let entry = &line.entry;
        let step = entry.step.as_ref().map(|step| format!(" {step}")).unwrap_or_default();
        let pick = |name: &str| entry.fields.get(name).map(|value| format!(" {name}={value}")).unwrap_or_default();
        let fields: String =
            ["progress", "progress_pct", "attempt", "success", "step_count", "error_code"].map(pick).concat();
        let message = entry.message.as_ref().map(|message| format!(" ({message})")).unwrap_or_default();
        writeln!(text, "{} {}{step}{fields}{message}", entry.level, entry.event).unwrap();
    }
    (id, text)
}

#[tokio::test(start_paused = true)]
async fn a_run_is_told_from_its_beginning_to_its_end() {
    insta::assert_snapshot!(logged(&World::new()).await.1);
}

#[tokio::test(start_paused = true)]
async fn only_the_end_of_a_failed_order_is_an_error() {
    let world = World::new();
    world.agent.put("plan", Play::fails(FailureCode::AgentAuth));
    insta::assert_snapshot!(logged(&world).await.1);
}

#[tokio::test(start_paused = true)]
async fn a_long_transfer_is_told_while_the_checkout_is_made() {
    let world = World::new();
    *world.sandboxes.tells.lock().unwrap() = vec!["Receiving objects:  40% (4/10)", "Receiving objects:  90% (9/10)"];
    let (_, text) = logged(&world).await;
    let told: Vec<&str> = text.lines().filter(|line| line.contains("repository_transfer")).collect();
    assert_eq!(told.len(), 2, "{text}");
    assert!(told[0].ends_with("repository_transfer (Receiving objects:  40% (4/10))"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_order_is_told_to_be_cancelled() {
    let world = World::new();
    world.agent.put("plan", Play::hangs());
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    until_async(async || world.timeline.text().contains("agent: plan")).await;
    orchestrator.work_orders().cancel(id).await.unwrap();
    assert!(orchestrator.drain(Duration::from_secs(1), Duration::from_secs(1)).await);
    let page = world.log.read(id, &LogQuery { limit: 1_000, ..LogQuery::default() }).await.unwrap();
    let last = &page.lines.last().unwrap().entry;
    assert_eq!((last.level, &*last.event), (LogLevel::Info, "workflow_cancelled"));
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_store_is_told_once_each_way() {
    let lines = Lines::new();
    let world = World::new();
    world.repository.fail_saves(std::iter::repeat_n(Fault::Before, 40), Fault::None);
    let (_, text) = logged(&world).await;
    let count = |event: &str| text.lines().filter(|line| line.contains(event)).count();
    assert_eq!((count("step_history_save_failed"), count("step_history_saved_again")), (1, 1), "{text}");
    assert!(text.contains(": the test says so)"), "with the cause of the cause: {text}");
    let count = |event: &str| lines.count(event);
    assert_eq!((count("step_history_save_failed"), count("step_history_saved_again")), (1, 1));
}

/// Takes no line: it says so, or never answers.
#[derive(Debug)]
struct Broken {
    hangs: bool,
}

#[async_trait::async_trait]
impl OrderLog for Broken {
    async fn append(&self, _: OrderId, _: &[LogEntry]) -> Result<(), StateError> {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Err(StateError::Backend("the test says so".into()))
    }

    async fn read(&self, _: OrderId, _: &LogQuery) -> Result<LogPage, StateError> {
        Ok(LogPage::default())
    }

    async fn delete(&self, _: OrderId) -> Result<(), StateError> {
        Ok(())
    }

    async fn orders(&self) -> Result<Vec<OrderId>, StateError> {
        Ok(Vec::new())
    }

    async fn size(&self, _: OrderId) -> Result<u64, StateError> {
        Ok(0)
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_fails_or_hangs_holds_nobody_up() {
    for hangs in [false, true] {
        let world = World::new();
        let orchestrator = world.builder().with_log(Arc::new(Broken { hangs })).build();
        let id = world.create(&orchestrator).await;
        let begun = tokio::time::Instant::now();
        orchestrator.run_order(id).await.unwrap();
        assert_eq!(world.stored(id).await.history.len(), 7);
        assert!(begun.elapsed() < Duration::from_secs(1), "virtual time: {:?}", begun.elapsed());
        assert!(orchestrator.drain(Duration::from_secs(1), Duration::from_secs(1)).await);
        assert!(begun.elapsed() < Duration::from_secs(4), "virtual time: {:?}", begun.elapsed());
    }
}

/// Takes no line until it is told to.
#[derive(Debug, Default)]
struct Mended(std::sync::atomic::AtomicBool);

#[async_trait::async_trait]
impl OrderLog for Mended {
    async fn append(&self, _: OrderId, _: &[LogEntry]) -> Result<(), StateError> {
        let works = self.0.load(std::sync::atomic::Ordering::Relaxed);
        if works { Ok(()) } else { Err(StateError::Backend("the test says so".into())) }
    }

    async fn read(&self, _: OrderId, _: &LogQuery) -> Result<LogPage, StateError> {
        Ok(LogPage::default())
    }

    async fn delete(&self, _: OrderId) -> Result<(), StateError> {
        Ok(())
    }

    async fn orders(&self) -> Result<Vec<OrderId>, StateError> {
        Ok(Vec::new())
    }

    async fn size(&self, _: OrderId) -> Result<u64, StateError> {
        Ok(0)
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_fails_and_works_again_is_told_once_each_way() {
    let lines = Lines::new();
    let told = || (lines.count("order_log_failed"), lines.count("order_log_works_again"));
    let log = Arc::new(Mended::default());
    let world = World::gated();
    let orchestrator = world.builder().with_log(Arc::clone(&log) as Arc<dyn OrderLog>).build();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    for steps in 1..=3 {
        world.gate.as_ref().unwrap().add_permits(1);
        until_async(async || world.stored(id).await.history.len() == steps).await;
        assert_eq!(told(), (1, 0), "after {steps}");
    }
    log.0.store(true, std::sync::atomic::Ordering::Relaxed);
    world.gate.as_ref().unwrap().add_permits(4);
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
    assert!(orchestrator.drain(Duration::from_secs(1), Duration::from_secs(1)).await);
    assert_eq!(told(), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_log_is_read_through_the_handle() {
    let world = World::new();
    let (id, _) = logged(&world).await;
    let work_orders = world.orchestrator().work_orders();
    let query = LogQuery { levels: LogLevel::Info.and_above(), text: Some("WORKFLOW_".into()), ..LogQuery::default() };
    let page = work_orders.log(id, &query).await.unwrap();
    let events: Vec<_> = page.lines.iter().map(|line| line.entry.event.to_string()).collect();
    assert_eq!(events, ["workflow_started", "workflow_completed"]);
    let unknown = OrderId::new(1, [9; 10]);
    assert!(matches!(work_orders.log(unknown, &query).await, Err(awo_engine::EngineError::NotFound(_))));
}
