//! Several processes on one store: who follows an order in one hears of what another does to it, also where word is lost.

use std::sync::Arc;
use std::time::Duration;

use awo_engine::{LogQuery, Orchestrator, StatsQuery};
use awo_models::{AgentWorkOrderStatus, EventSeq, NoticeKind, OrderId};
use awo_state::{ChangeFeed as _, Changed, InMemoryChanges};
use awo_testkit::{LossyChanges, Play, World};
use rstest::rstest;
use tokio::time::{Instant, timeout};

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
        let desk: Arc<dyn awo_engine::ports::Recipient> = Arc::<Desk>::clone(desk);
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
