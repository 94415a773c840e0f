//! Who outside is told of orders: of what happened, once there is a place for it, and not beyond the end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use awo_engine::ports::Recipient;
use awo_engine::{Orchestrator, Told, ToldStore as _};
use awo_models::{AgentWorkOrderStatus, Failure, FailureCode, Notice, NoticeKind, OrderId, Timestamp};
use awo_state::InMemoryTold;
use awo_testkit::{Fault, World};
use futures::FutureExt as _;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::outages::{until, until_async};

/// Somebody who is told.
#[derive(Debug)]
pub(crate) struct Desk {
    /// Each permit lets one try come to its end.
    answers: Semaphore,
    takes: bool,
    tried: Mutex<Vec<(OrderId, NoticeKind)>>,
}

impl Desk {
    pub(crate) fn new(answers: usize, takes: bool) -> Arc<Self> {
        Arc::new(Self { answers: Semaphore::new(answers), takes, tried: Mutex::default() })
    }

    pub(crate) fn tried(&self) -> Vec<(OrderId, NoticeKind)> {
        self.tried.lock().unwrap().clone()
    }
}

#[async_trait]
impl Recipient for Desk {
    fn name(&self) -> &'static str {
        "desk"
    }

    fn wants(&self, _: NoticeKind) -> bool {
        true
    }

    async fn tell(&self, notice: &Notice, _: Timestamp) -> Result<(), Failure> {
        let order = notice.data.as_ref().unwrap().agent_work_order_id;
        self.tried.lock().unwrap().push((order, notice.kind));
        self.answers.acquire().await.unwrap().forget();
        if self.takes { Ok(()) } else { Err(Failure::new(FailureCode::Internal, "no")) }
    }
}

/// A process that tells somebody who was told before, when there were no orders.
fn telling(world: &World, desk: &Arc<Desk>) -> Orchestrator {
    let (told, desk) = (InMemoryTold::default(), Arc::clone(desk));
    told.replace(desk.name(), &Told::new()).now_or_never().unwrap().unwrap();
    world.builder().with_recipient(desk).with_told(Arc::new(told)).build()
}

/// An order that was run to its end.
async fn ended(world: &World, orchestrator: &Orchestrator) -> OrderId {
    let id = world.create(orchestrator).await;
    orchestrator.run_order(id).await.unwrap();
    assert_eq!(world.stored(id).await.order.state.status, AgentWorkOrderStatus::Completed);
    id
}

const COMPLETED: NoticeKind = NoticeKind::OrderCompleted;

#[tokio::test(start_paused = true)]
async fn an_end_that_the_last_process_could_not_store_is_told_by_the_one_that_stores_it() {
    let world = World::new();
    world.repository.fail_saves([Fault::None], Fault::Before);
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    until_async(async || orchestrator.work_orders().get(id).await.unwrap().persistence.finishing).await;
    assert!(orchestrator.drain(Duration::from_secs(1), Duration::from_secs(5)).await);
    let desk = Desk::new(9, true);
    let next = telling(&world, &desk);
    next.tell();
    next.start();
    // It has looked at all there is before the store takes anything.
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(desk.tried(), []);
    world.repository.fail_saves([], Fault::None);
    until(|| !desk.tried().is_empty()).await;
    assert_eq!(desk.tried(), [(id, COMPLETED)]);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_failed_as_it_was_stopped_twice_is_told() {
    let world = World::new();
    // Before the last one there is a pause, in which all that was hinted at is read.
    let faults = [Fault::None, Fault::Conflict, Fault::None, Fault::Conflict, Fault::Before];
    world.repository.fail_saves(faults, Fault::None);
    let desk = Desk::new(9, true);
    let orchestrator = telling(&world, &desk);
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
    until(|| !desk.tried().is_empty()).await;
    assert_eq!(desk.tried(), [(id, NoticeKind::OrderFailed)]);
}

#[tokio::test(start_paused = true)]
async fn forty_notices_to_one_who_never_answers_end_with_the_process() {
    let world = World::new();
    let desk = Desk::new(0, true);
    let orchestrator = telling(&world, &desk);
    orchestrator.tell();
    for _ in 0..40 {
        ended(&world, &orchestrator).await;
    }
    until(|| desk.tried().len() == 4).await;
    let begun = Instant::now();
    assert!(orchestrator.drain(Duration::from_mins(5), Duration::from_secs(1)).await);
    let took = begun.elapsed(); // of the paused clock
    assert!(took <= Duration::from_secs(4), "{took:?}");
    assert_eq!(desk.tried().len(), 4, "as many as there are places");
}

#[tokio::test(start_paused = true)]
async fn of_an_order_that_is_deleted_while_its_notice_waits_for_a_place_nobody_is_told() {
    let world = World::new();
    let desk = Desk::new(6, false);
    let orchestrator = telling(&world, &desk);
    orchestrator.tell();
    let mut orders = Vec::new();
    for _ in 0..6 {
        orders.push(ended(&world, &orchestrator).await);
    }
    // Each was tried once; then four have the places, and two wait for one.
    until(|| desk.tried().len() == 6 + 4).await;
    tokio::time::sleep(Duration::from_secs(9)).await;
    let tries = |id: OrderId| desk.tried().iter().filter(|(tried, _)| *tried == id).count();
    let waiting: Vec<OrderId> = orders.into_iter().filter(|id| tries(*id) == 1).collect();
    let [gone, stays] = waiting[..] else { panic!("{waiting:?}") };
    orchestrator.work_orders().delete(gone).await.unwrap();
    desk.answers.add_permits(100);
    until(|| tries(stays) == 2).await;
    assert_eq!(tries(gone), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_too_old_when_the_process_began_is_not_told_as_news() {
    for (hours, is_told) in [(25, false), (23, true)] {
        let world = World::new();
        let old = ended(&world, &world.orchestrator()).await;
        world.clock.advance(Duration::from_hours(hours));
        let desk = Desk::new(9, true);
        let orchestrator = telling(&world, &desk);
        orchestrator.tell();
        let new = ended(&world, &orchestrator).await;
        assert!(orchestrator.drain(Duration::from_mins(1), Duration::from_secs(1)).await);
        let told: HashMap<_, _> = desk.tried().into_iter().collect();
        let expected = if is_told { vec![old, new] } else { vec![new] };
        assert_eq!(told, expected.into_iter().map(|id| (id, COMPLETED)).collect(), "after {hours} h");
    }
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_tried_again_what_happens_is_tried_once() {
    let mut world = World::new();
    world.settings.give_up_notices_after = Duration::ZERO;
    let desk = Desk::new(9, false);
    let orchestrator = telling(&world, &desk);
    orchestrator.tell();
    let at_once = ended(&world, &orchestrator).await;
    world.clock.advance(Duration::from_secs(1));
    let later = ended(&world, &orchestrator).await;
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert!(orchestrator.drain(Duration::from_mins(1), Duration::from_secs(1)).await);
    assert_eq!(desk.tried(), [(at_once, COMPLETED), (later, COMPLETED)]);
}
