//! Clauses about workers that share orders.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use awo_models::{AgentWorkOrder, AgentWorkOrderStatus, OrderId};

use super::LeasesFixture;
use super::kit::{self, Owner, at, id, look, spec};
use crate::{Change, LeaseLimits, Leases, SeenWorker, StateError, StateRepository, Wants, Worker};

/// A lease that lives as long as the clause.
const LONG: Duration = Duration::from_hours(1);
/// A lease that is over at once, almost.
const SHORT: Duration = Duration::from_millis(1);
/// A lease between the two.
const SOME: Duration = Duration::from_secs(5);
/// Much longer than anything takes here.
const PATIENCE: Duration = Duration::from_mins(1);

/// The name that [`kit::claim`] claims by.
fn worker(number: u64) -> Worker {
    Worker::named(&format!("worker-{number}"))
}

fn up_to(at_most: usize) -> Wants {
    Wants { at_most, ..Wants::default() }
}

async fn take(leases: &Arc<dyn Leases>, by: u64, at_most: usize) -> Vec<OrderId> {
    leases.acquire(&worker(by), &up_to(at_most), LONG).await.unwrap()
}

/// Creates an order that differs from the others of the suite in this.
async fn create(repository: &Arc<dyn StateRepository>, n: u64, with: impl FnOnce(&mut awo_models::OrderSpec)) {
    let mut asked = spec("add a login page");
    with(&mut asked);
    repository.create(AgentWorkOrder::new(id(n), at(0), asked)).await.unwrap();
}

async fn create_all(repository: &Arc<dyn StateRepository>, numbers: std::ops::RangeInclusive<u64>) {
    for n in numbers {
        create(repository, n, |_| {}).await;
    }
}

/// Asks until the store gives something: leases expire by its clock, which nobody turns. One that was just started may give
/// nothing that others had for as long as a lease lives, so the lease is one that is soon over, and not before it is used.
async fn take_when_expired(leases: &Arc<dyn Leases>, by: u64) -> Vec<OrderId> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let given = leases.acquire(&worker(by), &up_to(1), SOME).await.unwrap();
        if !given.is_empty() {
            return given;
        }
        tokio::task::yield_now().await;
    }
    panic!("a lease of {SHORT:?} does not expire");
}

/// Claims the first order without a lease on it, which counts when the other one's has expired.
async fn claim_when_expired(repository: &Arc<dyn StateRepository>, by: u64) {
    for _ in 0..10_000 {
        let seen = look(repository, id(1)).await.version.0;
        match repository.update(id(1), &kit::claim(seen, by)).await {
            Err(StateError::Held) => tokio::task::yield_now().await,
            claimed => {
                claimed.unwrap();
                return;
            }
        }
    }
    panic!("a lease of {SHORT:?} does not expire");
}

/// An order is given once, until it is released, and is free again then.
pub async fn an_order_has_one_holder(fixture: &dyn LeasesFixture) {
    let (repository, leases) = (fixture.repository().await, fixture.leases().await);
    assert_eq!(take(&leases, 1, 9).await, []);
    create_all(&repository, 1..=2).await;
    assert_eq!(take(&leases, 1, 1).await, [id(1)]);
    assert_eq!(take(&fixture.leases().await, 2, 9).await, [id(2)]);
    assert_eq!(take(&leases, 1, 9).await, [], "also not to the one that has it");
    leases.release("worker-2", id(1)).await.unwrap();
    assert_eq!(take(&leases, 3, 9).await, [], "nobody releases what another one has");
    leases.release("worker-1", id(1)).await.unwrap();
    leases.release("worker-1", id(1)).await.unwrap();
    assert_eq!(take(&leases, 3, 9).await, [id(1)]);
}

/// A claim by anybody but the holder is held off as long as the lease lives. The holder claims as ever.
pub async fn a_claim_without_the_lease_is_held(fixture: &dyn LeasesFixture) {
    let (repository, leases) = (fixture.repository().await, fixture.leases().await);
    create_all(&repository, 1..=1).await;
    assert_eq!(take(&leases, 1, 1).await, [id(1)]);
    let before = look(&repository, id(1)).await;
    let held = repository.update(id(1), &kit::claim(before.version.0, 2)).await;
    assert!(matches!(held, Err(StateError::Held)), "{held:?}");
    assert_eq!(look(&repository, id(1)).await, before, "nothing is changed");
    let mut owner = Owner::claiming(&repository, 1, 1).await;
    owner.finish("classify", 1).await;
    let seen = look(&repository, id(1)).await.version.0;
    let held = repository.update(id(1), &kit::claim(seen, 2)).await;
    assert!(matches!(held, Err(StateError::Held)), "a running order, too: {held:?}");
    leases.release("worker-1", id(1)).await.unwrap();
    repository.update(id(1), &kit::claim(seen, 2)).await.unwrap();
    owner.add(kit::result("plan", 1, true));
    let fenced = owner.save().await;
    assert!(matches!(fenced, Err(StateError::Fenced { .. })), "the epoch fences who writes: {fenced:?}");
}

/// A lease that has expired can be taken by another worker, and is then lost to the first one. It is lost, too, when
/// nobody took it: whoever claimed meanwhile could do so.
pub async fn an_expired_lease_can_be_taken(fixture: &dyn LeasesFixture) {
    let (repository, leases) = (fixture.repository().await, fixture.leases().await);
    create_all(&repository, 1..=1).await;
    assert_eq!(leases.acquire(&worker(1), &up_to(1), SHORT).await.unwrap(), [id(1)]);
    Owner::claiming(&repository, 1, 1).await;
    assert_eq!(take_when_expired(&leases, 2).await, [id(1)], "a running order, too");
    let lost = leases.renew(&worker(1), &[id(1)], LONG).await.unwrap();
    assert_eq!(lost.iter().map(|renewal| (renewal.order, renewal.mine)).collect::<Vec<_>>(), [(id(1), None)]);
    assert!(leases.renew(&worker(2), &[id(1)], SHORT).await.unwrap()[0].mine.is_some());
    claim_when_expired(&repository, 3).await;
    assert_eq!(
        leases.renew(&worker(2), &[id(1)], LONG).await.unwrap()[0].mine,
        None,
        "somebody else owns the order now"
    );
}

/// Who does not want to take over gets only what nobody has, or what it had itself.
pub async fn who_does_not_take_over_leaves_expired_leases(fixture: &dyn LeasesFixture) {
    let (repository, leases) = (fixture.repository().await, fixture.leases().await);
    create_all(&repository, 1..=1).await;
    assert_eq!(leases.acquire(&worker(1), &up_to(1), SHORT).await.unwrap(), [id(1)]);
    claim_when_expired(&repository, 9).await;
    let modest = Wants { takes_over: false, ..up_to(9) };
    assert_eq!(leases.acquire(&worker(2), &modest, LONG).await.unwrap(), []);
    assert_eq!(leases.acquire(&worker(1), &modest, SHORT).await.unwrap(), [id(1)]);
    assert_eq!(take_when_expired(&leases, 2).await, [id(1)]);
}

/// A renewed lease lives on, and its holder hears what others asked for.
pub async fn a_renewal_tells_of_the_order(fixture: &dyn LeasesFixture) {
    let (repository, leases) = (fixture.repository().await, fixture.leases().await);
    create_all(&repository, 1..=2).await;
    assert_eq!(take(&leases, 1, 2).await, [id(1), id(2)]);
    let renewed = leases.renew(&worker(1), &[id(1), id(2), id(3)], LONG).await.unwrap();
    let told: BTreeMap<_, _> = renewed.iter().map(|renewal| (renewal.order, renewal.mine)).collect();
    assert_eq!(told.len(), 3);
    assert!(told[&id(3)].is_none(), "there is no such order");
    let mine = told[&id(1)].unwrap();
    assert_eq!((mine.seq.0, mine.cancel_requested, mine.prompt_waits), (1, false, false));
    let owner = Owner::claiming(&repository, 1, 1).await;
    let asked = kit::cancel_requested(Change::if_unchanged(owner.heard.seq));
    repository.update(id(1), &asked).await.unwrap();
    repository.update(id(2), &kit::prompted(Change::if_unchanged(awo_models::EventSeq(1)), 1, false)).await.unwrap();
    let renewed = leases.renew(&worker(1), &[id(1), id(2)], LONG).await.unwrap();
    let told: BTreeMap<_, _> = renewed.iter().map(|renewal| (renewal.order, renewal.mine.unwrap())).collect();
    assert_eq!((told[&id(1)].cancel_requested, told[&id(1)].prompt_waits), (true, false));
    assert_eq!((told[&id(2)].cancel_requested, told[&id(2)].prompt_waits), (false, true));
    assert_eq!(leases.renew(&worker(2), &[id(1)], LONG).await.unwrap()[0].mine, None);
    assert_eq!(take(&leases, 2, 9).await, []);
}

/// Orders of a higher priority come first, then those of the repository with the fewest leases, then the older ones.
pub async fn orders_are_given_in_line(fixture: &dyn LeasesFixture) {
    let (repository, leases) = (fixture.repository().await, fixture.leases().await);
    create_all(&repository, 1..=3).await;
    for n in 4..=5 {
        create(&repository, n, |spec| spec.repository_url = "https://example.com/octo/other.git".into()).await;
    }
    create(&repository, 6, |spec| spec.priority = 7).await;
    create(&repository, 7, |spec| spec.priority = -7).await;
    assert_eq!(take(&leases, 1, 1).await, [id(6)]);
    assert_eq!(take(&leases, 2, 9).await, [4, 1, 5, 2, 3, 7].map(id));
}

/// The rules of the line and the limits look at all of it: what is given next may stand behind hundreds of others.
pub async fn a_long_line_is_dealt_as_a_short_one(fixture: &dyn LeasesFixture) {
    let (repository, leases) = (fixture.repository().await, fixture.leases().await);
    create_all(&repository, 1..=120).await;
    for n in 121..=125 {
        create(&repository, n, |spec| spec.repository_url = "https://example.com/octo/other.git".into()).await;
    }
    for n in 126..=128 {
        create(&repository, n, |spec| spec.priority = 1).await;
    }
    create(&repository, 129, |spec| spec.labels = vec!["gpu".into()]).await;
    create(&repository, 130, |spec| spec.agent = "codex".into()).await;
    assert_eq!(take(&leases, 1, 9).await, [126, 127, 128, 121, 122, 123, 1, 124, 2].map(id));
    let limited = |limits| Wants { limits, ..up_to(9) };
    let busy = limited(LeaseLimits { per_repository: Some(5), per_agent: None });
    assert_eq!(
        leases.acquire(&worker(2), &busy, LONG).await.unwrap(),
        [id(125)],
        "the other repository has room for one"
    );
    let busy = limited(LeaseLimits { per_repository: None, per_agent: Some(1) });
    assert_eq!(leases.acquire(&worker(3), &busy, LONG).await.unwrap(), [id(130)], "another agent");
    let except = Wants { except: (3..=120).map(id).collect(), ..up_to(9) };
    assert_eq!(leases.acquire(&worker(4), &except, LONG).await.unwrap(), []);
    let labelled = Worker { labels: vec!["gpu".into()], ..worker(5) };
    assert_eq!(leases.acquire(&labelled, &except, LONG).await.unwrap(), [id(129)]);
}

/// What is held, has ended, is excepted or asks for other labels is not given.
pub async fn only_free_orders_with_labels_are_given(fixture: &dyn LeasesFixture) {
    let (repository, leases) = (fixture.repository().await, fixture.leases().await);
    repository.create(kit::held_order(1)).await.unwrap();
    Owner::of_new(&repository, 2).await.finish_all().await;
    create_all(&repository, 3..=3).await;
    create(&repository, 4, |spec| spec.labels = vec!["gpu".into(), "big".into()]).await;
    let except = Wants { except: vec![id(3)], ..up_to(9) };
    assert_eq!(leases.acquire(&worker(1), &except, LONG).await.unwrap(), []);
    assert_eq!(take(&leases, 1, 9).await, [id(3)]);
    let labelled = |labels: &[&str]| Worker { labels: labels.iter().map(|l| (*l).into()).collect(), ..worker(2) };
    assert_eq!(leases.acquire(&labelled(&["gpu"]), &up_to(9), LONG).await.unwrap(), []);
    assert_eq!(leases.acquire(&labelled(&["big", "x", "gpu"]), &up_to(9), LONG).await.unwrap(), [id(4)]);
}

/// An order that becomes pending is in line in the same moment: created, started, tried again, handed over.
pub async fn what_becomes_pending_is_in_line(fixture: &dyn LeasesFixture) {
    let (repository, leases) = (fixture.repository().await, fixture.leases().await);
    let heard = repository.create(kit::held_order(1)).await.unwrap();
    let heard = repository.update(id(1), &kit::start_requested(Change::if_unchanged(heard.seq))).await.unwrap();
    assert_eq!(take(&leases, 1, 9).await, [id(1)]);
    let claimed = repository.update(id(1), &kit::claim(heard.seq, 1)).await.unwrap();
    repository.update(id(1), &kit::handed_over(Change::after(claimed))).await.unwrap();
    leases.release("worker-1", id(1)).await.unwrap();
    assert_eq!(take(&leases, 2, 9).await, [id(1)]);
    let mut owner = Owner::claiming(&repository, 1, 2).await;
    let ended = owner.finish_all().await;
    leases.release("worker-2", id(1)).await.unwrap();
    assert_eq!(take(&leases, 1, 9).await, []);
    repository.update(id(1), &kit::retried(Change::if_unchanged(ended.seq), 7, 0)).await.unwrap();
    assert_eq!(take(&leases, 1, 9).await, [id(1)]);
}

/// An order that runs and that nobody has is given, whether it was given back, or was never given; one that has ended is not.
pub async fn what_runs_without_a_lease_is_given(fixture: &dyn LeasesFixture) {
    let (repository, leases) = (fixture.repository().await, fixture.leases().await);
    Owner::of_new(&repository, 1).await;
    create_all(&repository, 2..=2).await;
    assert_eq!(take(&leases, 2, 1).await, [id(1)], "claimed by somebody who asked for no lease");
    let mut owner = Owner::claiming(&repository, 1, 2).await;
    owner.finish("classify", 1).await;
    leases.release("worker-2", id(1)).await.unwrap();
    let modest = Wants { takes_over: false, ..up_to(1) };
    assert_eq!(leases.acquire(&worker(3), &modest, LONG).await.unwrap(), [id(1)], "given back, in its place in line");
    leases.leave("worker-3").await.unwrap();
    assert_eq!(leases.acquire(&worker(4), &modest, LONG).await.unwrap(), [id(1)], "of a worker that has left");
    let mut owner = Owner::claiming(&repository, 1, 4).await;
    let ended = owner.end(AgentWorkOrderStatus::Failed).await;
    leases.release("worker-4", id(1)).await.unwrap();
    assert_eq!(take(&leases, 5, 9).await, [id(2)]);
    repository.delete(id(1), ended.seq).await.unwrap();
    assert_eq!(take(&leases, 5, 9).await, []);
}

/// An order that ends, or goes, while it is in line is given to nobody.
pub async fn what_ends_in_line_is_given_to_nobody(fixture: &dyn LeasesFixture) {
    let (repository, leases) = (fixture.repository().await, fixture.leases().await);
    create_all(&repository, 1..=3).await;
    assert_eq!(take(&leases, 1, 2).await, [id(1), id(2)]);
    leases.leave("worker-1").await.unwrap();
    let cancelled = kit::ended(Change::if_unchanged(awo_models::EventSeq(1)), AgentWorkOrderStatus::Cancelled);
    let ended = repository.update(id(1), &cancelled).await.unwrap();
    repository.update(id(2), &cancelled).await.unwrap();
    repository.delete(id(1), ended.seq).await.unwrap();
    assert_eq!(take(&leases, 1, 9).await, [id(3)]);
}

/// Of workers that ask at the same time, each gets orders of its own.
pub async fn racing_workers_get_different_orders(fixture: &dyn LeasesFixture) {
    let (repository, leases) = (fixture.repository().await, fixture.leases().await);
    create_all(&repository, 1..=24).await;
    let racing = (1..=8).map(|by| {
        let leases = Arc::clone(&leases);
        tokio::spawn(async move {
            let mut given = Vec::new();
            for _ in 0..4 {
                given.extend(take(&leases, by, 1).await);
            }
            given
        })
    });
    let mut given = Vec::new();
    for one in racing.collect::<Vec<_>>() {
        given.extend(one.await.unwrap());
    }
    given.sort_unstable();
    assert_eq!(given, (1..=24).map(id).collect::<Vec<_>>(), "each once");
}

/// Limits hold over all workers, also over those who ask at the same time.
pub async fn limits_hold_over_all_workers(fixture: &dyn LeasesFixture) {
    let (repository, leases) = (fixture.repository().await, fixture.leases().await);
    create_all(&repository, 1..=12).await;
    for n in 13..=24 {
        create(&repository, n, |spec| {
            spec.repository_url = "https://example.com/octo/other.git".into();
            spec.agent = if n % 2 == 0 { "claude".into() } else { "codex".into() };
        })
        .await;
    }
    let limits = LeaseLimits { per_repository: Some(3), per_agent: Some(1) };
    for round in 1..=20 {
        let racing = (1..=6).map(|by| {
            // Each would begin with another order, so that they do not stand in each other's way.
            let wants = Wants { limits, except: (1..by).map(id).collect(), ..up_to(5) };
            let leases = Arc::clone(&leases);
            tokio::spawn(async move { leases.acquire(&worker(by), &wants, LONG).await.unwrap() })
        });
        let mut given = Vec::new();
        for one in racing.collect::<Vec<_>>() {
            given.extend(one.await.unwrap());
        }
        given.sort_unstable();
        assert_eq!(given[1..], [13, 14].map(id), "one of each agent, in round {round}: {given:?}");
        assert!(given[0] < id(13), "{given:?}");
        for by in (1..=6).filter(|_| round < 20) {
            leases.leave(&format!("worker-{by}")).await.unwrap();
        }
    }
    let limits = LeaseLimits { per_repository: Some(3), per_agent: None };
    let given = leases.acquire(&worker(9), &Wants { limits, ..up_to(9) }, LONG).await.unwrap();
    assert_eq!(given.iter().filter(|given| **given > id(12)).count(), 1, "two of three are given: {given:?}");
}

/// While the queue is paused no order is given, and leases are renewed as ever.
pub async fn a_paused_queue_gives_nothing(fixture: &dyn LeasesFixture) {
    let (repository, leases) = (fixture.repository().await, fixture.leases().await);
    create_all(&repository, 1..=2).await;
    assert_eq!(take(&leases, 1, 1).await, [id(1)]);
    leases.pause(true).await.unwrap();
    leases.pause(true).await.unwrap();
    assert!(fixture.leases().await.fleet().await.unwrap().paused);
    assert_eq!(take(&leases, 2, 9).await, []);
    assert!(leases.renew(&worker(1), &[id(1)], LONG).await.unwrap()[0].mine.is_some());
    leases.pause(false).await.unwrap();
    assert!(!leases.fleet().await.unwrap().paused);
    assert_eq!(take(&leases, 2, 9).await, [id(2)]);
}

/// Workers are known by what they said last, with the orders that they hold, until they leave.
pub async fn workers_are_known_until_they_leave(fixture: &dyn LeasesFixture) {
    let (repository, leases) = (fixture.repository().await, fixture.leases().await);
    create_all(&repository, 1..=3).await;
    let first = Worker {
        host: "host".into(),
        version: "1.0".into(),
        labels: vec!["big".into(), "gpu".into()],
        max_running: 4,
        ..worker(1)
    };
    assert_eq!(leases.acquire(&worker(2), &up_to(1), LONG).await.unwrap(), [id(1)]);
    leases.renew(&worker(2), &[], LONG).await.unwrap();
    leases.renew(&first, &[], LONG).await.unwrap();
    assert_eq!(leases.acquire(&first, &up_to(2), LONG).await.unwrap(), [id(2), id(3)]);
    let seen = leases.fleet().await.unwrap().workers;
    assert!(seen.iter().all(|seen| seen.unheard < LONG), "{seen:?}");
    let told: Vec<_> = seen.into_iter().map(|SeenWorker { worker, orders, .. }| (worker, orders)).collect();
    assert_eq!(told, [(first, vec![id(2), id(3)]), (worker(2), vec![id(1)])]);
    leases.leave("worker-1").await.unwrap();
    leases.leave("worker-1").await.unwrap();
    let names: Vec<_> = leases.fleet().await.unwrap().workers.into_iter().map(|seen| seen.worker.name).collect();
    assert_eq!(names, ["worker-2".into()]);
    assert_eq!(take(&leases, 2, 9).await, [id(2), id(3)], "what it held is free");
}
