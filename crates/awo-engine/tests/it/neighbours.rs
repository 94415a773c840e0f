//! Several processes on one store: who follows an order in one hears of what another does to it, also where word is lost.

use std::sync::Arc;
use std::time::Duration;

use awo_engine::ports::{Progress, Recipient, SandboxProvider as _, SandboxRequest};
use awo_engine::{LeaseTerms, LogQuery, Orchestrator, StatsQuery, ToldStore as _};
use awo_models::{
    AgentWorkOrder, AgentWorkOrderStatus, EventSeq, FailureCode, Isolation, Network, NoticeKind, OrderId, SandboxType,
};
use awo_state::{ChangeFeed as _, Changed, InMemoryChanges, InMemoryTold};
use awo_testkit::{LossyChanges, Play, World};
use rstest::rstest;
use tokio::time::{Instant, timeout};

use crate::activity::working;
use crate::notices::Desk;
use crate::outages::{until, until_async};
use crate::waiting::timed;

/// What no word came of is found within this time.
const FOUND: Duration = Duration::from_secs(2);
/// Word itself is much faster.
const HEARD: Duration = Duration::from_millis(100);

/// Two processes on one store. The first one runs orders, the second one is asked about them.
struct Two {
    world: World,
    there: Orchestrator,
    here: Orchestrator,
    /// What the first one tells, and what the second one hears and tells.
    told: Arc<LossyChanges>,
    heard: Arc<LossyChanges>,
}

impl Two {
    async fn on(world: World) -> Self {
        let first = InMemoryChanges::of(&world.store);
        let (heard, told) = (LossyChanges::new(Arc::new(first.another())), LossyChanges::new(Arc::new(first)));
        let process =
            |changes: &Arc<LossyChanges>| world.builder().with_changes(Arc::<LossyChanges>::clone(changes)).build();
        let (there, here) = (process(&told), process(&heard));
        there.listen();
        here.listen();
        // Both have had their first look.
        tokio::time::sleep(Duration::from_millis(1)).await;
        Self { world, there, here, told, heard }
    }

    async fn create(&self) -> OrderId {
        self.world.create(&self.there).await
    }

    async fn run(&self, id: OrderId) {
        self.there.run_order(id).await.unwrap();
    }

    /// So many that older orders are asked for by themselves when they have ended.
    async fn create_newer_ones(&self) {
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(1)).await; // by which they get other ids
            self.create().await;
        }
    }

    /// The first process says that an order has changed.
    async fn word_of_another(&self, number: u64) -> OrderId {
        let order = OrderId::new(1_600_000_000_000 + number, [7; 10]);
        self.told.publish(&[Changed { order, seq: EventSeq(1) }]).await.unwrap();
        order
    }

    fn lose(&self, lost: bool) {
        self.told.lose(lost);
        self.heard.lose(lost);
    }
}

fn within(lost: bool) -> Duration {
    if lost { FOUND } else { HEARD }
}

#[rstest]
#[case::word_comes(false)]
#[case::word_is_lost(true)]
#[tokio::test(start_paused = true)]
async fn who_waits_here_is_woken_by_each_change_there(#[case] lost: bool) {
    let two = Two::on(World::gated()).await;
    two.lose(lost);
    let id = two.create().await;
    two.there.spawn_order(id);
    let orders = two.here.work_orders();
    let mut seen = orders.get(id).await.unwrap();
    while !seen.order.state.status.is_terminal() {
        if seen.order.state.current_step.is_some() {
            two.world.gate.as_ref().unwrap().add_permits(1);
        }
        let asked = Instant::now();
        let next = orders.wait_for_change(id, seen.seq, Duration::from_mins(5)).await.unwrap();
        assert!(asked.elapsed() <= within(lost), "{:?} after {}", asked.elapsed(), seen.seq);
        assert!(next.seq > seen.seq);
        seen = next;
    }
    assert_eq!(seen.order.state.status, AgentWorkOrderStatus::Completed);
}

#[rstest]
#[case::word_comes(false)]
#[case::word_is_lost(true)]
#[tokio::test(start_paused = true)]
async fn each_changed_order_is_named_here_once_with_its_newest_version(#[case] lost: bool) {
    let two = Two::on(World::new()).await;
    two.lose(lost);
    let mut hints = two.here.work_orders().hints();
    let cursor = two.here.work_orders().hint_cursor();
    let ids = [two.create().await, two.create().await, two.create().await];
    for id in &ids[..2] {
        two.run(*id).await;
    }
    tokio::time::sleep(FOUND * 3).await;
    let since = two.here.work_orders().hints_since(cursor, 10).unwrap();
    let mut told: Vec<_> = since.hints.iter().map(|(_, hint)| (hint.order, hint.seq)).collect();
    told.sort_unstable();
    let mut stored = Vec::new();
    for id in ids {
        stored.push((id, two.world.stored(id).await.seq));
    }
    stored.sort_unstable();
    assert_eq!(told, stored);
    let mut newest = std::collections::HashMap::new();
    while let Ok(hint) = hints.try_recv() {
        let before = newest.insert(hint.order, hint.seq).unwrap_or_default();
        assert!(before < hint.seq, "{} is told twice", hint.order);
    }
}

#[rstest]
#[case::word_comes(false)]
#[case::word_is_lost(true)]
#[tokio::test(start_paused = true)]
async fn a_cancel_and_a_prompt_from_here_are_heard_by_who_runs_the_order_there(#[case] lost: bool) {
    let two = Two::on(World::new()).await;
    two.lose(lost);
    two.world.agent.put("find_plan", Play { takes: Duration::from_secs(30), ..Play::default() });
    two.world.agent.put("implement", Play::hangs());
    let id = two.create().await;
    two.there.spawn_order(id);
    until_async(async || two.world.timeline.text().contains("agent: find_plan")).await;
    two.here.work_orders().prompt(id, "And in Finnish").await.unwrap();
    until_async(async || two.world.timeline.text().contains("agent: prompt-1")).await;
    until_async(async || two.world.timeline.text().contains("agent: implement")).await;
    let asked = Instant::now();
    two.here.work_orders().cancel(id).await.unwrap();
    until_async(async || two.world.stored(id).await.order.state.status.is_terminal()).await;
    assert!(asked.elapsed() <= within(lost) + HEARD, "{:?}", asked.elapsed());
    assert_eq!(two.world.stored(id).await.order.state.status, AgentWorkOrderStatus::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn after_a_gap_and_after_an_outage_all_is_looked_at() {
    let two = Two::on(World::new()).await;
    two.lose(true);
    two.heard.blind(true);
    let (id, mut hints) = (two.create().await, two.here.work_orders().hints());
    two.run(id).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(hints.try_recv().is_err(), "neither word nor sight");
    two.heard.blind(false);
    let begun = Instant::now();
    two.heard.say_gap();
    let hint = timeout(FOUND, hints.recv()).await.unwrap().unwrap();
    assert_eq!((hint.order, hint.seq), (id, two.world.stored(id).await.seq));
    assert_eq!(begun.elapsed(), Duration::ZERO, "at once");
}

#[rstest]
#[case::word_comes(false)]
#[case::word_is_lost(true)]
#[tokio::test(start_paused = true)]
async fn figures_here_are_of_what_ran_there_and_not_of_what_was_deleted_there(#[case] lost: bool) {
    let two = Two::on(World::new()).await;
    two.lose(lost);
    let attempts = async || {
        tokio::time::sleep(FOUND).await;
        two.here.work_orders().step_stats(&StatsQuery::default()).await.unwrap().summary.total.attempts
    };
    assert_eq!(attempts().await, 0);
    let ids = [two.create().await, two.create().await];
    for id in ids {
        two.run(id).await;
    }
    assert_eq!(attempts().await, 14);
    let mut hints = two.here.work_orders().hints();
    two.there.work_orders().delete(ids[0]).await.unwrap();
    assert_eq!(attempts().await, 7);
    let told = std::iter::from_fn(|| hints.try_recv().ok()).last().unwrap();
    assert_eq!(told.order, ids[0]);
    assert!(told.seq > EventSeq(1));
}

#[tokio::test(start_paused = true)]
async fn notices_are_told_by_the_process_that_did_what_they_tell() {
    let world = World::new();
    let changes = InMemoryChanges::of(&world.store);
    let desks = [Desk::new(99, true), Desk::new(99, true)];
    let process = |changes: InMemoryChanges, desk: &Arc<Desk>| {
        let desk: Arc<dyn Recipient> = Arc::<Desk>::clone(desk);
        assert!(desk.wants(NoticeKind::OrderCompleted));
        world.builder().with_changes(Arc::new(changes)).with_recipient(desk).build()
    };
    let processes = [process(changes.another(), &desks[0]), process(changes, &desks[1])];
    for process in &processes {
        process.listen();
        process.tell();
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    let mut ids = Vec::new();
    for process in &processes {
        let id = world.create(process).await;
        process.run_order(id).await.unwrap();
        ids.push((id, NoticeKind::OrderCompleted));
    }
    until(|| desks.iter().all(|desk| !desk.tried().is_empty())).await;
    tokio::time::sleep(FOUND * 3).await;
    assert_eq!([desks[0].tried(), desks[1].tried()], [vec![ids[0]], vec![ids[1]]]);
}

#[tokio::test(start_paused = true)]
async fn who_watches_an_order_here_sees_what_its_agent_does_there() {
    let world = World::new();
    world.agent.put("plan", working());
    let two = Two::on(world).await;
    let id = two.create().await;
    let orders = two.here.work_orders();
    let mut heard = orders.activity_hints();
    two.there.spawn_order(id);
    let planning = |order: &AgentWorkOrder| order.state.current_step.as_ref().is_some_and(|step| step.step == "plan");
    until_async(async || planning(&two.world.stored(id).await.order)).await;
    tokio::time::sleep(FOUND).await;
    assert!(heard.try_recv().is_err(), "nobody is told of what nobody watches");

    assert_eq!(orders.get(id).await.unwrap().activity, None, "it is asked for only now");
    assert_eq!(timeout(FOUND, heard.recv()).await.unwrap().unwrap().order, id);
    let there = two.there.work_orders().get(id).await.unwrap().activity.unwrap();
    let view = orders.get(id).await.unwrap();
    assert_eq!(view.activity, Some(there.clone()));
    assert_eq!(there.count, 4);
    let listed = orders.list(&awo_engine::OrderQuery::default()).await.unwrap();
    assert_eq!(listed.items[0].activity, Some(there));

    orders.cancel(id).await.unwrap();
    until_async(async || two.world.stored(id).await.order.state.status.is_terminal()).await;
    assert_eq!(orders.get(id).await.unwrap().activity, None);
}

/// Processes on the orders of a world that share what they know of who was told.
struct Tellers {
    world: World,
    changes: InMemoryChanges,
    told: InMemoryTold,
}

impl Tellers {
    fn new() -> Self {
        let world = World::new();
        let changes = InMemoryChanges::of(&world.store);
        Self { world, changes, told: InMemoryTold::default() }
    }

    /// One that tells a desk, as soon as it is its turn.
    fn process(&self, desk: &Arc<Desk>) -> Orchestrator {
        let (changes, told) = (Arc::new(self.changes.another()), Arc::new(self.told.another()));
        let desk: Arc<dyn Recipient> = Arc::<Desk>::clone(desk);
        let process = self.world.builder().with_changes(changes).with_told(told).with_recipient(desk).build();
        process.listen();
        process.tell();
        process
    }

    async fn ended(&self, process: &Orchestrator) -> (OrderId, NoticeKind) {
        let id = self.world.create(process).await;
        process.run_order(id).await.unwrap();
        (id, NoticeKind::OrderCompleted)
    }
}

#[tokio::test(start_paused = true)]
async fn of_those_who_share_what_was_told_one_tells_of_what_all_did() {
    let tellers = Tellers::new();
    let desks = [Desk::new(99, true), Desk::new(99, true)];
    let first = tellers.process(&desks[0]);
    tokio::time::sleep(FOUND).await;
    let second = tellers.process(&desks[1]);
    let orders = [tellers.ended(&first).await, tellers.ended(&second).await];
    until(|| desks[0].tried().len() == 2).await;
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!([desks[0].tried(), desks[1].tried()], [orders.to_vec(), vec![]], "also much later");
    // Who ends leaves it to the other, which knows what was told.
    assert!(first.drain(Duration::from_secs(5), Duration::from_secs(1)).await);
    let last = tellers.ended(&second).await;
    until(|| !desks[1].tried().is_empty()).await;
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(desks[1].tried(), [last]);
}

#[tokio::test(start_paused = true)]
async fn what_the_teller_did_not_tell_before_it_died_another_one_tells() {
    let tellers = Tellers::new();
    let (silent, desk) = (tellers.world.orchestrator(), Desk::new(99, true));
    let [(told, _), untold] = [tellers.ended(&silent).await, tellers.ended(&silent).await];
    // All that is left of the one that died.
    let dead = tellers.told.another();
    assert!(dead.take_turn(desk.name(), Duration::from_secs(30)).await.unwrap());
    dead.replace(desk.name(), &[(told, tellers.world.stored(told).await.seq)].into()).await.unwrap();
    let began = Instant::now();
    let _alive = tellers.process(&desk);
    until(|| !desk.tried().is_empty()).await;
    assert!(began.elapsed() >= Duration::from_secs(30), "of the paused clock: the turn was not over");
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(desk.tried(), [untold]);
}

#[tokio::test(start_paused = true)]
async fn word_comes_while_histories_are_read_and_counted() {
    let two = Two::on(World::new()).await;
    for _ in 0..10 {
        let id = two.create().await;
        two.run(id).await;
    }
    two.world.repository.delay_reads(Duration::from_secs(5));
    two.here.start();
    for number in 0..30 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut hints = two.here.work_orders().hints();
        let order = two.word_of_another(number).await;
        let hint = timeout(HEARD, hints.recv()).await.expect("nobody waits for figures").unwrap();
        assert_eq!(hint.order, order);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_in_the_middle_of_a_look_holds_nobody_up() {
    let two = Two::on(timed()).await;
    two.lose(true);
    let mut ended = Vec::new();
    for _ in 0..6 {
        ended.push(two.create().await);
    }
    two.create_newer_ones().await;
    tokio::time::sleep(FOUND).await;
    let mut hints = two.here.work_orders().hints();
    two.heard.blind(true);
    for id in &ended {
        two.there.run_order(*id).await.unwrap();
    }
    let mut missing = std::collections::BTreeMap::new();
    for id in &ended {
        missing.insert(*id, two.world.stored(*id).await.seq);
    }
    two.world.repository.delay_reads(Duration::from_hours(1));
    tokio::time::sleep(HEARD).await; // word of it is lost
    two.heard.blind(false);
    two.lose(false);
    tokio::time::sleep(FOUND).await;
    let (asked, word) = (Instant::now(), two.word_of_another(1).await);
    let mut next = async || {
        let hint = timeout(Duration::from_mins(1), hints.recv()).await.expect("all is looked at again").unwrap();
        missing.retain(|order, seq| *order != hint.order || *seq > hint.seq);
        (hint.order, missing.len())
    };
    while next().await.0 != word {}
    assert!(asked.elapsed() < Duration::from_secs(10), "one read is waited for, not each: {:?}", asked.elapsed());
    two.world.repository.delay_reads(Duration::ZERO);
    assert_eq!(next().await.1, ended.len() - 1);
    while next().await.1 > 0 {}
}

#[tokio::test(start_paused = true)]
async fn a_process_ends_in_the_middle_of_a_look() {
    let two = Two::on(timed()).await;
    two.lose(true);
    let id = two.create().await;
    two.create_newer_ones().await;
    tokio::time::sleep(FOUND).await;
    two.heard.blind(true);
    two.run(id).await;
    two.world.repository.delay_reads(Duration::from_hours(1));
    two.heard.blind(false);
    tokio::time::sleep(FOUND).await;
    let begun = Instant::now();
    assert!(two.here.drain(Duration::from_secs(5), Duration::from_secs(1)).await);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_reads_the_log_here_is_told_of_lines_from_there() {
    let two = Two::on(World::new()).await;
    let id = two.create().await;
    let mut words = two.here.work_orders().log_hints();
    two.run(id).await;
    assert_eq!(timeout(FOUND, words.recv()).await.unwrap().unwrap(), id);
    until_async(async || two.here.work_orders().log(id, &LogQuery::default()).await.unwrap().total > 10).await;
}

#[tokio::test(start_paused = true)]
async fn the_last_that_a_process_did_is_told_before_it_ends() {
    let two = Two::on(World::new()).await;
    two.heard.blind(true);
    let id = two.create().await;
    let mut hints = two.here.work_orders().hints();
    two.run(id).await;
    assert!(two.there.drain(Duration::from_secs(5), Duration::from_secs(1)).await);
    let seq = two.world.stored(id).await.seq;
    while timeout(FOUND, hints.recv()).await.unwrap().unwrap().seq < seq {}
    assert!(two.here.drain(Duration::from_secs(5), Duration::from_secs(1)).await);
}

/// What is left on a machine goes within this time after word came.
const CLEARED: Duration = Duration::from_secs(31);

fn request(order: OrderId) -> SandboxRequest {
    SandboxRequest {
        order,
        repository_url: "https://example.org/owner/repo.git".into(),
        sandbox_type: SandboxType::GitWorktree,
        base_branch: None,
        isolation: Isolation::None,
        network: Network::Host,
        progress: Progress::default(),
    }
}

#[tokio::test(start_paused = true)]
async fn the_checkout_of_an_order_that_is_delivered_elsewhere_goes() {
    let mut world = World::new();
    let first = InMemoryChanges::of(&world.store);
    let here = world.builder().with_changes(Arc::new(first.another()));
    let here =
        here.with_leases(Arc::new(world.store.clone()), LeaseTerms { runs_orders: false, ..LeaseTerms::default() });
    let here = here.build();
    here.start();
    world.settings.keep_workspaces = true;
    let there = world.builder().with_changes(Arc::new(first)).build();
    there.listen();
    let id = world.create(&there).await;
    there.run_order(id).await.unwrap();
    assert!(world.sandboxes.has(id));
    tokio::time::sleep(CLEARED).await;
    assert!(!world.sandboxes.has(id));
}

#[tokio::test(start_paused = true)]
async fn all_that_an_order_left_here_goes_when_it_is_deleted_elsewhere() {
    let mut world = World::new();
    world.agent.put("implement", Play::fails(FailureCode::AgentCrashed));
    let first = InMemoryChanges::of(&world.store);
    let here = world.builder().with_changes(Arc::new(first.another())).build();
    here.start();
    let id = world.create(&here).await;
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
    // One that nobody here has ever heard of may be another store's.
    let stranger = OrderId::new(1_700_000_000_000, [7; 10]);
    world.sandboxes.prepare(&request(stranger)).await.unwrap();
    let mine = std::mem::replace(&mut world.sandboxes, World::new().sandboxes);
    let there = world.builder().with_changes(Arc::new(first)).build();
    there.listen();
    tokio::time::sleep(FOUND).await;
    there.work_orders().delete(id).await.unwrap();
    assert!(mine.has(id), "the other one has it not");
    tokio::time::sleep(CLEARED).await;
    assert!(!mine.has(id) && mine.has(stranger));
}
