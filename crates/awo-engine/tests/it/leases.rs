//! Several workers that share the orders of one store by leases.

use std::sync::Arc;
use std::time::Duration;

use awo_engine::{EngineError, LeaseTerms, Orchestrator, Settings};
use awo_models::{AgentWorkOrderStatus, EventKind, EventSeq, FailureCode, OrderId};
use awo_state::{ChangeFeed as _, Changed, InMemoryChanges, Leases as _, StateError, Wants, Worker};
use awo_testkit::{FailingLeases, Fault, Play, World};
use tokio::time::Instant;

use crate::outages::{until, until_async};
use crate::recovery::{agents, die_after};
use crate::waiting::{timed, waits};

const LEASE: Duration = Duration::from_secs(15);
const SECOND: Duration = Duration::from_secs(1);

/// A worker of a world, with what stands between it and the leases.
struct Member {
    orchestrator: Orchestrator,
    leases: Arc<FailingLeases>,
}

/// A process of this name; started, if it runs orders.
fn member(world: &World, name: &str, terms: LeaseTerms) -> Member {
    let leases = Arc::new(FailingLeases::new(Arc::new(world.store.clone())));
    let settings = Settings { worker: name.into(), ..world.settings.clone() };
    let shared = Arc::<FailingLeases>::clone(&leases);
    let orchestrator = world.builder().with_settings(settings).with_leases(shared, terms).build();
    orchestrator.start();
    Member { orchestrator, leases }
}

fn worker(world: &World, name: &str) -> Member {
    member(world, name, LeaseTerms::default())
}

/// One that takes requests and runs nothing.
fn front_end(world: &World) -> Orchestrator {
    member(world, "front-end", LeaseTerms { runs_orders: false, ..LeaseTerms::default() }).orchestrator
}

async fn status(world: &World, id: OrderId) -> AgentWorkOrderStatus {
    world.stored(id).await.order.state.status
}

async fn ended(world: &World, id: OrderId) -> AgentWorkOrderStatus {
    until_async(async || status(world, id).await.is_terminal()).await;
    status(world, id).await
}

/// Who claimed an order, in turn.
async fn claimants(world: &World, id: OrderId) -> Vec<String> {
    let events = world.events(id).await;
    let claims = events.iter().filter_map(|event| match &event.kind {
        EventKind::Claimed { worker } => Some(worker.to_string()),
        _ => None,
    });
    claims.collect()
}

/// The store as a worker of this name holds an order in it that somebody ran without leases.
async fn hold(world: &World, name: &str) -> OrderId {
    let given = world.store.acquire(&Worker::named(name), &Wants::default(), LEASE).await.unwrap();
    given[0]
}

#[tokio::test(start_paused = true)]
async fn each_order_is_run_by_one_of_the_workers() {
    let mut world = World::new();
    world.settings.max_running = 2;
    let (front_end, workers) = (front_end(&world), [worker(&world, "a"), worker(&world, "b")]);
    let mut created = Vec::new();
    for _ in 0..6 {
        world.agent.put("plan", Play { takes: 60 * SECOND, ..Play::default() });
        created.push(world.create(&front_end).await);
    }
    until_async(async || workers.iter().all(|one| one.orchestrator.work_orders().health().running == 2)).await;
    for id in &created {
        assert_eq!(ended(&world, *id).await, AgentWorkOrderStatus::Completed);
        assert_eq!(claimants(&world, *id).await.len(), 1);
    }
    until_async(async || world.store.fleet().await.unwrap().workers.iter().all(|seen| seen.orders.is_empty())).await;
    let fleet = front_end.work_orders().fleet().await.unwrap().unwrap();
    let names: Vec<_> = fleet.fleet.workers.iter().map(|seen| &*seen.worker.name).collect();
    assert_eq!(names, ["a", "b"], "who runs nothing is no worker");
}

#[tokio::test(start_paused = true)]
async fn an_order_begins_at_once_where_a_worker_is_free_and_created_it() {
    let world = World::new();
    let here = worker(&world, "a");
    tokio::time::sleep(10 * SECOND).await; // it has long found nothing
    let (begun, id) = (Instant::now(), world.create(&here.orchestrator).await);
    until(|| agents(&world) > 0).await;
    assert!(begun.elapsed() < SECOND / 4, "{:?}", begun.elapsed());
    ended(&world, id).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_worker_held_is_taken_over_after_its_lease_at_the_step_boundary() {
    let world = World::gated();
    let (_dead, id) = die_after(&world, 3).await;
    let died = Instant::now();
    assert_eq!(hold(&world, "awo").await, id);
    let _next = worker(&world, "next");
    world.gate.as_ref().unwrap().add_permits(9);
    until_async(async || claimants(&world, id).await.len() == 2).await;
    assert!((LEASE..LEASE + 2 * SECOND).contains(&died.elapsed()), "{:?}", died.elapsed());
    assert_eq!(ended(&world, id).await, AgentWorkOrderStatus::Completed);
    let view = world.stored(id).await;
    assert_eq!((claimants(&world, id).await, view.epoch.0), (vec!["awo".into(), "next".into()], 2));
    assert_eq!(view.history.get(3).unwrap().error_code, Some(FailureCode::Interrupted));
    assert_eq!((view.history.len(), agents(&world)), (8, 8), "no finished step runs again");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_ends_its_workers_again_and_again_fails() {
    let mut world = World::gated();
    world.settings.max_interruptions = 2;
    let (_dead, id) = die_after(&world, 1).await;
    hold(&world, "awo").await;
    let next = worker(&world, "next");
    until_async(async || claimants(&world, id).await.len() == 2).await;
    until(|| agents(&world) == 3).await;
    // It cannot be killed here: another one takes its place as if it were gone.
    next.leases.fail(Fault::Hang);
    let _last = worker(&world, "last");
    assert_eq!(ended(&world, id).await, AgentWorkOrderStatus::Failed);
    assert_eq!(world.stored(id).await.order.state.error_code, Some(FailureCode::WorkerLost));
}

#[tokio::test(start_paused = true)]
async fn an_order_is_not_blamed_for_outages_of_the_store() {
    let mut world = World::gated();
    world.settings.max_interruptions = 2;
    let only = worker(&world, "only");
    let id = world.create(&only.orchestrator).await;
    until(|| agents(&world) == 1).await;
    for outage in 1..=3 {
        only.leases.fail(Fault::Hang);
        until(|| only.orchestrator.work_orders().health().running == 0).await;
        tokio::time::sleep(60 * SECOND).await;
        only.leases.fail(Fault::None);
        until_async(async || claimants(&world, id).await.len() == 1 + outage).await;
    }
    world.gate.as_ref().unwrap().add_permits(9);
    assert_eq!(ended(&world, id).await, AgentWorkOrderStatus::Completed);
    let view = world.stored(id).await;
    assert_eq!((view.history.len(), view.order.state.interruptions), (3 + 7, 0));
    assert_eq!(view.history.get(0).unwrap().error_code, Some(FailureCode::Interrupted));
}

#[tokio::test(start_paused = true)]
async fn an_order_is_not_blamed_for_a_lease_that_a_living_worker_lost() {
    let world = World::gated();
    let _first = worker(&world, "first");
    let id = world.create(&front_end(&world)).await;
    until(|| agents(&world) == 1).await;
    let _second = worker(&world, "second");
    world.store.leave("first").await.unwrap(); // as a store that loses a lease
    until_async(async || claimants(&world, id).await == ["first", "second"]).await;
    assert_eq!(world.stored(id).await.order.state.interruptions, 1, "it is not known to live");
    tokio::time::sleep(LEASE).await; // the first one is heard of again
    world.store.release("second", id).await.unwrap();
    until_async(async || claimants(&world, id).await.len() == 3).await;
    assert_eq!(claimants(&world, id).await[2], "first", "the second one leaves it alone for a while");
    assert_eq!(world.stored(id).await.order.state.interruptions, 1, "the second one lives");
    world.gate.as_ref().unwrap().add_permits(9);
    assert_eq!(ended(&world, id).await, AgentWorkOrderStatus::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_cut_off_stops_its_agents_before_anybody_can_take_the_order() {
    for fault in [Fault::Before, Fault::After, Fault::Hang] {
        let world = World::new();
        world.agent.put("implement", Play::hangs());
        let cut_off = worker(&world, "cut-off");
        let id = world.create(&cut_off.orchestrator).await;
        until(|| world.timeline.text().contains("agent: implement")).await;
        tokio::time::sleep(60 * SECOND).await;
        assert_eq!(claimants(&world, id).await, ["cut-off"], "a lease is renewed as long as the store answers");
        let (since, before) = (Instant::now(), world.stored(id).await);
        cut_off.leases.fail(fault);
        let _other = worker(&world, "other");
        let health = cut_off.orchestrator.work_orders();
        until(|| health.health().running == 0).await;
        assert!(since.elapsed() <= LEASE * 2 / 3 + SECOND / 10, "{fault:?}: {:?}", since.elapsed());
        assert_eq!(world.stored(id).await.seq, before.seq, "{fault:?}: nothing is stored by who was cut off");
        let last = world.timeline.lines().last().cloned().unwrap();
        assert_eq!(last, "agent: implement", "{fault:?}: nor is anything done in git");
        until_async(async || claimants(&world, id).await.len() == 2).await;
        if fault == Fault::Before {
            assert!(since.elapsed() >= LEASE * 2 / 3, "the lease was good until then: {:?}", since.elapsed());
        }
        assert_eq!(ended(&world, id).await, AgentWorkOrderStatus::Completed);
        let told = world.events(id).await;
        let of_first: Vec<_> = told.iter().filter(|event| event.epoch.0 == 1 && event.seq > before.seq).collect();
        assert!(of_first.is_empty(), "{fault:?}: {of_first:?}");
        assert_eq!(claimants(&world, id).await, ["cut-off", "other"], "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_ends_the_run_and_leaves_the_order_to_its_holder() {
    let world = World::new();
    world.agent.put("implement", Play { answers_when_stopped: true, ..Play::default() });
    let first = worker(&world, "first");
    let id = world.create(&first.orchestrator).await;
    until(|| world.timeline.text().contains("agent: implement")).await;
    let before = world.stored(id).await;
    // As a store does that lost the first one's lease, in a way that nobody foresaw.
    world.store.leave("first").await.unwrap();
    assert_eq!(hold(&world, "somebody").await, id);
    let work_orders = first.orchestrator.work_orders();
    until(|| work_orders.health().running == 0).await;
    let after = world.stored(id).await;
    assert_eq!((after.seq, after.history.len()), (before.seq, 4), "its agent had an answer, which counts for nothing");
    assert_eq!(world.timeline.lines().last().unwrap(), "agent: implement");
    let held = world.orchestrator().run_order(id).await;
    assert!(matches!(held, Err(StateError::Held)), "{held:?}");
    assert_eq!(world.stored(id).await.seq, before.seq, "who has no lease claims nothing");
    assert_eq!(ended(&world, id).await, AgentWorkOrderStatus::Completed, "when that lease has expired it goes on");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_was_not_given_to_this_worker_is_not_run() {
    let world = World::new();
    let front_end = front_end(&world);
    let id = world.create(&front_end).await;
    let refused = front_end.run_order(id).await;
    assert!(matches!(refused, Err(StateError::LeaseLost)), "{refused:?}");
    assert_eq!((status(&world, id).await, agents(&world)), (AgentWorkOrderStatus::Pending, 0));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_and_a_prompt_reach_the_worker_from_elsewhere() {
    let world = World::new();
    let (front_end, _worker) = (front_end(&world), worker(&world, "a"));
    world.agent.put("implement", Play::hangs());
    let cancelled = world.create(&front_end).await;
    until(|| world.timeline.text().contains("agent: implement")).await;
    let asked = Instant::now();
    front_end.work_orders().cancel(cancelled).await.unwrap();
    assert_eq!(ended(&world, cancelled).await, AgentWorkOrderStatus::Cancelled);
    assert!(asked.elapsed() <= LEASE / 3 + SECOND, "{:?}", asked.elapsed());
    world.agent.put("implement", Play { takes: 60 * SECOND, ..Play::default() });
    let prompted = world.create(&front_end).await;
    until(|| agents(&world) == 10).await;
    front_end.work_orders().prompt(prompted, "Greet in French, too").await.unwrap();
    assert_eq!(ended(&world, prompted).await, AgentWorkOrderStatus::Completed);
    let view = world.stored(prompted).await;
    let steps: Vec<_> = view.history.iter().map(|result| result.step.as_str()).collect();
    assert_eq!(steps[4..6], ["implement", "prompt-1"], "it comes after the step that was at work: {steps:?}");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_waits_keeps_its_lease() {
    let world = timed();
    let until_then = awo_engine::ports::Clock::now(&*world.clock) + Duration::from_mins(10);
    world.agent.put("plan", Play::is_limited(Some(until_then)));
    let waiting = worker(&world, "waiting");
    let id = world.create(&waiting.orchestrator).await;
    until_async(async || waits(&world, id).await).await;
    let _other = worker(&world, "other");
    assert_eq!(ended(&world, id).await, AgentWorkOrderStatus::Completed);
    assert_eq!(claimants(&world, id).await, ["waiting"]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_ends_hands_its_orders_over_at_once() {
    let world = World::new();
    world.agent.put("implement", Play::hangs());
    let ends = worker(&world, "ends");
    let id = world.create(&ends.orchestrator).await;
    until(|| world.timeline.text().contains("agent: implement")).await;
    let _other = worker(&world, "other");
    let since = Instant::now();
    assert!(ends.orchestrator.drain(SECOND, 10 * SECOND).await, "nothing is left behind");
    until_async(async || claimants(&world, id).await.len() == 2).await;
    assert!(since.elapsed() < 4 * SECOND, "it waits for no lease to expire: {:?}", since.elapsed());
    assert_eq!(ended(&world, id).await, AgentWorkOrderStatus::Completed);
    let words: Vec<_> = world.events(id).await.iter().map(|event| event.kind.as_str().to_owned()).collect();
    assert!(words.contains(&"handed_over".to_owned()), "{words:?}");
    assert_eq!(world.stored(id).await.order.state.interruptions, 0);
    let fleet = world.store.fleet().await.unwrap();
    assert_eq!(fleet.workers.iter().map(|seen| &*seen.worker.name).collect::<Vec<_>>(), ["other"], "it took its leave");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_ends_hands_over_no_result_whose_state_it_did_not_keep() {
    let world = World::new();
    let ends = worker(&world, "ends");
    world.agent.put("implement", Play { takes: SECOND, ..Play::default() });
    let id = world.create(&ends.orchestrator).await;
    until(|| world.timeline.text().contains("agent: implement")).await;
    world.sandboxes.hang_on_checkpoint(true);
    until(|| world.timeline.text().contains("checkpoint hangs")).await;
    assert!(ends.orchestrator.drain(SECOND, 10 * SECOND).await, "nothing is left behind");
    world.sandboxes.hang_on_checkpoint(false);
    world.sandboxes.lose(id); // it is on another machine
    let _other = worker(&world, "other");
    assert_eq!(ended(&world, id).await, AgentWorkOrderStatus::Completed);
    let history = world.stored(id).await.history;
    let of_step: Vec<_> = history.iter().filter(|result| result.step.as_str() == "implement").collect();
    let told: Vec<_> = of_step.iter().map(|result| (result.success, result.error_code)).collect();
    assert_eq!(told, [(false, Some(FailureCode::Interrupted)), (true, None)], "the step ran again");
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_of_the_store_the_others_get_time_to_renew() {
    let world = World::gated();
    let (_dead, id) = die_after(&world, 1).await;
    assert_eq!(hold(&world, "awo").await, id);
    let next = worker(&world, "next");
    tokio::time::sleep(LEASE.saturating_sub(SECOND)).await;
    next.leases.fail(Fault::Before);
    tokio::time::sleep(LEASE).await; // the lease has long expired
    next.leases.fail(Fault::None);
    let back = Instant::now();
    until_async(async || claimants(&world, id).await.len() == 2).await;
    assert!((LEASE..LEASE + 3 * SECOND).contains(&back.elapsed()), "{:?}", back.elapsed());
    world.gate.as_ref().unwrap().add_permits(9);
    ended(&world, id).await;
}

#[tokio::test(start_paused = true)]
async fn while_the_queue_is_paused_nothing_begins() {
    let world = World::new();
    let (front_end, _worker) = (front_end(&world), worker(&world, "a"));
    assert!(front_end.work_orders().pause_queue(true).await.unwrap().fleet.paused);
    let id = world.create(&front_end).await;
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(status(&world, id).await, AgentWorkOrderStatus::Pending);
    assert!(!front_end.work_orders().pause_queue(false).await.unwrap().fleet.paused);
    assert_eq!(ended(&world, id).await, AgentWorkOrderStatus::Completed);
    let alone = world.orchestrator();
    let refused = alone.work_orders().pause_queue(true).await;
    assert!(matches!(refused, Err(EngineError::QueueNotShared)), "there is no queue but its own: {refused:?}");
    assert_eq!(alone.work_orders().fleet().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_asks_for_labels_waits_for_a_worker_that_has_them() {
    let world = World::new();
    let (front_end, _plain) = (front_end(&world), worker(&world, "plain"));
    let mut request = awo_engine::NewOrder::new("https://example.org/owner/repo.git", "Add a greeting");
    request.labels = vec!["gpu".into(), "gpu".into()];
    let id = front_end.work_orders().create(request.clone()).await.unwrap().view.order.agent_work_order_id;
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(status(&world, id).await, AgentWorkOrderStatus::Pending);
    let _gpu = member(&world, "gpu", LeaseTerms { labels: vec!["gpu".into()], ..LeaseTerms::default() });
    assert_eq!(ended(&world, id).await, AgentWorkOrderStatus::Completed);
    assert_eq!(claimants(&world, id).await, ["gpu"]);
    (request.labels, request.priority) = (vec!["no label".into()], 101);
    let refused = front_end.work_orders().create(request).await;
    let Err(EngineError::Invalid(problems)) = refused else { panic!("{refused:?}") };
    assert_eq!(problems.iter().map(|problem| problem.field).collect::<Vec<_>>(), ["labels", "priority"]);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_nobody_can_read_is_not_asked_for_all_the_time() {
    let world = World::new();
    let here = worker(&world, "a");
    world.repository.fail_updates([], Fault::Fenced); // no claim of it is stored
    let id = world.create(&here.orchestrator).await;
    tokio::time::sleep(10 * LEASE).await;
    let tries = world.timeline.lines().iter().filter(|line| line.contains("claimed")).count();
    assert!((5..=11).contains(&tries), "once in the life of a lease: {tries}");
    world.repository.fail_updates([], Fault::None);
    assert_eq!(ended(&world, id).await, AgentWorkOrderStatus::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_the_only_one_works_through_a_longer_outage() {
    for (outage, alone, whole) in [(110, true, true), (180, true, false), (110, false, false)] {
        let world = World::gated();
        let other = (!alone).then(|| worker(&world, "other"));
        let only = member(&world, "only", LeaseTerms { lease_alone: 12 * LEASE, ..LeaseTerms::default() });
        tokio::time::sleep(60 * SECOND).await;
        if let Some(other) = &other {
            other.leases.fail(Fault::Before); // it is heard of no more, but was
        }
        let id = world.create(&only.orchestrator).await;
        until(|| agents(&world) == 1).await;
        tokio::time::sleep(60 * SECOND).await;
        only.leases.fail(Fault::Hang);
        tokio::time::sleep(outage * SECOND).await;
        only.leases.fail(Fault::None);
        world.gate.as_ref().unwrap().add_permits(9);
        assert_eq!(ended(&world, id).await, AgentWorkOrderStatus::Completed);
        let case = format!("{outage} s, {}", if alone { "alone" } else { "with another one" });
        assert_eq!(claimants(&world, id).await.len() == 1, whole, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn orders_whose_lease_is_nearly_over_when_it_is_given_are_not_begun() {
    let world = World::new();
    let here = worker(&world, "a");
    // Leases are renewed each five seconds: last right before the answer comes.
    tokio::time::sleep(Duration::from_millis(14_100)).await;
    here.leases.slow_down(6 * SECOND);
    world.agent.put("implement", Play { takes: 60 * SECOND, ..Play::default() });
    let id = world.create(&here.orchestrator).await;
    tokio::time::sleep(7 * SECOND).await;
    here.leases.slow_down(Duration::ZERO);
    assert_eq!(ended(&world, id).await, AgentWorkOrderStatus::Completed);
    assert_eq!((claimants(&world, id).await.len(), world.stored(id).await.history.len()), (1, 7));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_long_asked_for_is_renewed_at_once() {
    let world = World::new();
    let here = worker(&world, "a");
    tokio::time::sleep(Duration::from_millis(14_100)).await;
    here.leases.slow_down(Duration::from_millis(4_500));
    world.agent.put("classify", Play { takes: 60 * SECOND, ..Play::default() });
    let (asked, id) = (Instant::now(), world.create(&here.orchestrator).await);
    until(|| agents(&world) == 1).await;
    here.leases.slow_down(Duration::ZERO);
    // Regularly it would be renewed after 5.9 s.
    tokio::time::sleep_until(asked + Duration::from_millis(5_200)).await;
    here.leases.fail(Fault::Before);
    tokio::time::sleep_until(asked + Duration::from_millis(10_200)).await;
    here.leases.fail(Fault::None);
    assert_eq!(ended(&world, id).await, AgentWorkOrderStatus::Completed);
    assert_eq!((claimants(&world, id).await.len(), world.stored(id).await.history.len()), (1, 7));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_stands_in_line_is_given_back_when_its_worker_ends() {
    let mut world = timed();
    world.settings.max_running = 2;
    let ends = worker(&world, "ends");
    let until_then = awo_engine::ports::Clock::now(&*world.clock) + Duration::from_mins(10);
    world.agent.put("plan", Play::is_limited(Some(until_then)));
    world.agent.put("implement", Play { takes: 60 * SECOND, ..Play::default() });
    let waited = world.create(&ends.orchestrator).await;
    until_async(async || waits(&world, waited).await).await;
    ends.orchestrator.work_orders().pause_queue(true).await.unwrap();
    world.agent.put("classify", Play { takes: 60 * SECOND, ..Play::default() });
    let others = [world.create(&ends.orchestrator).await, world.create(&ends.orchestrator).await];
    // Two places are free when two orders are asked for; when they are given, the one that has waited has one of them.
    let due = world.stored(waited).await.order.state.waiting_until.unwrap();
    let due = Duration::try_from(due.duration_since(awo_engine::ports::Clock::now(&*world.clock))).unwrap();
    tokio::time::sleep(due.saturating_sub(SECOND / 10)).await;
    ends.leases.slow_down(4 * SECOND);
    ends.orchestrator.work_orders().pause_queue(false).await.unwrap();
    until_async(async || ends.orchestrator.work_orders().health().running == 2).await;
    until_async(async || held_by(&world, "ends").await.len() == 3).await;
    let in_line = if status(&world, others[0]).await == AgentWorkOrderStatus::Pending { others[0] } else { others[1] };
    let begun = Instant::now();
    let (drained, ()) = tokio::join!(ends.orchestrator.drain(30 * SECOND, SECOND), async {
        until_async(async || held_by(&world, "ends").await.len() == 2).await;
        assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
        assert!(!held_by(&world, "ends").await.contains(&in_line));
    });
    assert!(drained);
}

/// Orders that a worker of this name has a lease on.
async fn held_by(world: &World, name: &str) -> Vec<OrderId> {
    let workers = world.store.fleet().await.unwrap().workers;
    workers.into_iter().find(|seen| &*seen.worker.name == name).map(|seen| seen.orders).unwrap_or_default()
}

/// A process of this name that hears of others; started.
fn hearing(world: &World, name: &str, terms: LeaseTerms, changes: InMemoryChanges) -> Member {
    let leases = Arc::new(FailingLeases::new(Arc::new(world.store.clone())));
    let settings = Settings { worker: name.into(), ..world.settings.clone() };
    let shared = Arc::<FailingLeases>::clone(&leases);
    let builder = world.builder().with_settings(settings).with_leases(shared, terms);
    let orchestrator = builder.with_changes(Arc::new(changes)).build();
    orchestrator.start();
    Member { orchestrator, leases }
}

#[tokio::test(start_paused = true)]
async fn an_idle_worker_asks_little_more_often_where_much_is_going_on() {
    for (seq, most) in [(7, 82), (1, 82 + 60 + 5)] {
        let world = World::new();
        let others = InMemoryChanges::of(&world.store);
        let idle = hearing(&world, "idle", LeaseTerms::default(), others.another());
        tokio::time::sleep(10 * SECOND).await;
        let before = idle.leases.asked();
        for number in 0..60 * 50 {
            let order = OrderId::new(1_700_000_000_000 + number, [7; 10]);
            others.publish(&[Changed { order, seq: EventSeq(seq) }]).await.unwrap();
            tokio::time::sleep(SECOND / 50).await;
        }
        let asked = idle.leases.asked() - before;
        assert!((48..=most).contains(&asked), "version {seq}: {asked}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_begins_at_once_where_a_worker_is_free_and_hears_of_it() {
    let world = World::new();
    let changes = InMemoryChanges::of(&world.store);
    let no_run = LeaseTerms { runs_orders: false, ..LeaseTerms::default() };
    let front_end = hearing(&world, "front-end", no_run, changes.another());
    let _worker = hearing(&world, "a", LeaseTerms::default(), changes);
    tokio::time::sleep(10 * SECOND).await; // it has long found nothing
    let (begun, id) = (Instant::now(), world.create(&front_end.orchestrator).await);
    until(|| agents(&world) > 0).await;
    assert!(begun.elapsed() < SECOND / 4, "{:?}", begun.elapsed());
    ended(&world, id).await;
}
