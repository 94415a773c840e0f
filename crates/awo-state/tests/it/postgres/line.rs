//! The line of orders that may be given: kept in step with orders and leases by the database, whoever writes what at once.

use std::sync::Arc;
use std::time::Duration;

use awo_models::{AgentWorkOrderStatus, EventSeq, OrderId};
use awo_state::conformance::kit::{self, Owner, id, order};
use awo_state::{
    Change, Leases as _, PostgresLeases, PostgresRepository, StateError, StateRepository, StateTransfer as _, Wants,
    Worker,
};

use super::fixtures::Server;

const LONG: Duration = Duration::from_hours(1);

/// As long as all is well: each order that may be given, or is, is in one place, and each lease is counted once.
const NOTHING_AMISS: &str = "
    SELECT id || ' is ' || status || ', and in line or leased ' || places || ' times' FROM orders, LATERAL (
        SELECT (SELECT count(*) FROM in_line WHERE order_id = id) + (SELECT count(*) FROM leases WHERE order_id = id) AS places
    ) AS places
    WHERE status IN ('pending', 'running') AND NOT held AND places <> 1
    UNION ALL
    SELECT order_id || ' is in line' FROM in_line
    WHERE NOT EXISTS (SELECT FROM orders WHERE id = order_id AND status IN ('pending', 'running') AND NOT held)
    UNION ALL
    SELECT 'leases are not ' || sum(leases) FROM (
        SELECT repository, agent, leases FROM leases_counted
        UNION ALL SELECT repository, agent, -1 FROM leases_ended
        UNION ALL SELECT repository, agent, -1 FROM leases
    ) AS counts
    GROUP BY repository, agent HAVING sum(leases) <> 0";

struct Stores {
    server: Server,
    leases: PostgresLeases,
    repository: Arc<dyn StateRepository>,
    transfer: PostgresRepository,
}

impl Stores {
    async fn new() -> Option<Self> {
        let server = Server::new()?;
        let (database, transfer) = server.again().await;
        let repository = Arc::new(transfer.clone());
        Some(Self { leases: PostgresLeases::new(&database), server, repository, transfer })
    }

    async fn create(&self, numbers: std::ops::RangeInclusive<u64>) {
        for n in numbers {
            self.repository.create(order(n)).await.unwrap();
        }
    }

    async fn take(&self, by: u64, at_most: usize) -> Vec<OrderId> {
        let wants = Wants { at_most, ..Wants::default() };
        self.leases.acquire(&Worker::named(&format!("worker-{by}")), &wants, LONG).await.unwrap()
    }

    /// What is in line, when nothing is amiss.
    async fn in_line(&self) -> Vec<String> {
        assert_eq!(self.server.schema.texts(NOTHING_AMISS).await, [""; 0]);
        self.server.schema.texts("SELECT order_id FROM in_line ORDER BY order_id").await
    }
}

fn names<const N: usize>(numbers: [u64; N]) -> [String; N] {
    numbers.map(|n| id(n).to_string())
}

#[tokio::test]
async fn an_order_that_may_be_given_is_in_line_or_leased() {
    let Some(stores) = Stores::new().await else { return };
    let Stores { server, leases, repository, .. } = &stores;
    stores.create(1..=4).await;
    let held = repository.create(kit::held_order(5)).await.unwrap();
    assert_eq!(stores.in_line().await, names([1, 2, 3, 4]));
    repository.update(id(5), &kit::start_requested(Change::if_unchanged(held.seq))).await.unwrap();
    assert_eq!(stores.take(1, 3).await, [1, 2, 3].map(id));
    assert_eq!(stores.in_line().await, names([4, 5]));

    let mut owner = Owner::claiming(repository, 1, 1).await;
    let failed = owner.end(AgentWorkOrderStatus::Failed).await;
    leases.release("worker-1", id(1)).await.unwrap();
    Owner::claiming(repository, 2, 1).await;
    leases.release("worker-1", id(2)).await.unwrap();
    assert_eq!(stores.in_line().await, names([2, 4, 5]));
    repository.update(id(1), &kit::prompted(Change::if_unchanged(failed.seq), 1, true)).await.unwrap();
    let cancelled = kit::ended(Change::if_unchanged(EventSeq(1)), AgentWorkOrderStatus::Cancelled);
    repository.update(id(4), &cancelled).await.unwrap();
    server.schema.run(&format!("DELETE FROM orders WHERE id = '{}'", id(5))).await;
    assert_eq!(stores.in_line().await, names([1, 2]));

    // Of those that expire, whose order has ended is nobody's any more.
    repository.update(id(3), &cancelled).await.unwrap();
    assert_eq!(stores.take(2, 1).await, [id(1)]);
    assert_eq!(stores.take(3, 1).await, [id(2)]);
    let expired = "UPDATE leases SET until = clock_timestamp(); UPDATE queue SET swept_at = '-infinity', paused = true";
    server.schema.run(expired).await;
    assert_eq!(stores.take(3, 9).await, [], "the queue is paused");
    assert_eq!(stores.in_line().await, names([1, 2]));
    assert_eq!(server.schema.texts("SELECT order_id FROM leases").await, [""; 0]);
    let whose = "SELECT coalesce(worker, '') FROM in_line ORDER BY order_id";
    assert_eq!(server.schema.texts(whose).await, ["worker-2", "worker-3"]);
    leases.release("worker-2", id(1)).await.unwrap();
    assert_eq!(server.schema.texts(whose).await, ["", "worker-3"]);
    leases.leave("worker-3").await.unwrap();
    assert_eq!(server.schema.texts(whose).await, ["", ""]);
    assert_eq!(server.schema.texts("SELECT leases::text FROM leases_counted").await, [""; 0], "nor counted");
}

#[tokio::test]
async fn an_order_that_is_imported_as_it_runs_is_in_line() {
    let (Some(one), Some(other)) = (Stores::new().await, Stores::new().await) else { return };
    Owner::of_new(&one.repository, 1).await;
    Owner::of_new(&one.repository, 2).await.finish_all().await;
    for n in 1..=2 {
        other.transfer.import(one.transfer.export(id(n)).await.unwrap().unwrap()).await.unwrap();
    }
    assert_eq!(other.in_line().await, names([1]));
    assert_eq!(other.take(1, 9).await, [id(1)]);
}

/// Whoever is second waits, and sees what the first one did: none of the two leaves the order to the other one.
#[tokio::test]
async fn an_order_that_is_tried_again_while_its_lease_ends_is_in_line() {
    let Some(stores) = Stores::new().await else { return };
    let Stores { server, leases, repository, .. } = &stores;
    for ended_first in [true, false] {
        let n = if ended_first { 1 } else { 2 };
        stores.create(n..=n).await;
        assert_eq!(stores.take(1, 9).await, [id(n)]);
        let mut owner = Owner::claiming(repository, n, 1).await;
        let failed = owner.end(AgentWorkOrderStatus::Failed).await;
        let release = format!("DELETE FROM leases WHERE order_id = '{}'", id(n));
        let again = format!("UPDATE orders SET status = 'pending' WHERE id = '{}'", id(n));
        let (first, statement) = if ended_first { (&release, "UPDATE orders") } else { (&again, "DELETE FROM leases") };
        let first = server.schema.hold(first).await;
        let mut second = if ended_first {
            let retried = kit::prompted(Change::if_unchanged(failed.seq), 1, true);
            let repository = Arc::clone(repository);
            tokio::spawn(async move { repository.update(id(n), &retried).await.map(drop) })
        } else {
            let leases = leases.clone();
            tokio::spawn(async move { leases.release("worker-1", id(n)).await })
        };
        tokio::select! {
            () = server.schema.until_waiting(1, statement) => {}
            _ = &mut second => panic!("the second one does not wait"),
        }
        first.commit().await;
        second.await.unwrap().unwrap();
        assert_eq!(stores.in_line().await, names([n]));
        server.schema.run("DELETE FROM orders").await;
    }
}

#[tokio::test]
async fn an_order_that_somebody_ends_in_this_instant_holds_up_nobody() {
    let Some(stores) = Stores::new().await else { return };
    stores.create(1..=3).await;
    let ending = format!("UPDATE orders SET status = 'cancelled' WHERE id = '{}'", id(1));
    let ending = stores.server.schema.hold(&ending).await;
    assert_eq!(stores.take(1, 1).await, [id(2)]);
    ending.commit().await;
    assert_eq!(stores.take(1, 9).await, [id(3)]);
    assert_eq!(stores.in_line().await, [""; 0]);
}

#[tokio::test]
async fn who_asks_where_there_is_nothing_to_give_waits_for_no_turn() {
    let Some(stores) = Stores::new().await else { return };
    let turn = "SELECT pg_advisory_xact_lock(hashtextextended('awo leases ' || current_schema(), 0))";
    let given = stores.server.schema.hold(turn).await;
    stores.server.schema.run("UPDATE queue SET heard_at = '-infinity'").await;
    assert_eq!(stores.take(1, 9).await, []);
    let heard = "SELECT 'heard' FROM queue WHERE heard_at > '-infinity'";
    assert_eq!(stores.server.schema.texts(heard).await, ["heard"], "it was, all the same");
    stores.create(1..=1).await;
    stores.leases.pause(true).await.unwrap();
    assert_eq!(stores.take(1, 9).await, []);
    given.commit().await;
}

/// Workers are given orders, claim them, end them or hand them over, and give them back, while users cancel and try again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_amiss_after_all_did_everything_at_once() {
    let Some(stores) = Stores::new().await else { return };
    stores.create(1..=8).await;
    let stores = Arc::new(stores);
    let workers = (1..=4).map(|by| {
        let stores = Arc::clone(&stores);
        tokio::spawn(async move {
            for round in 0..25 {
                for given in stores.take(by, 2).await {
                    let seen = stores.repository.get(given).await.unwrap().unwrap();
                    let claimed = stores.repository.update(given, &kit::claim(seen.seq, by)).await;
                    if let Some(claimed) = if_allowed(claimed) {
                        let end = match round % 3 {
                            0 => kit::handed_over(Change::after(claimed)),
                            1 => kit::ended(Change::after(claimed), AgentWorkOrderStatus::Failed),
                            _ => Change::after(claimed), // left as it runs
                        };
                        if_allowed(stores.repository.update(given, &end).await);
                    }
                    stores.leases.release(&format!("worker-{by}"), given).await.unwrap();
                }
            }
            stores.leases.leave(&format!("worker-{by}")).await.unwrap();
        })
    });
    let users = (0..2).map(|by| {
        let stores = Arc::clone(&stores);
        tokio::spawn(async move {
            for n in (1..=8).cycle().skip(by * 4).take(120) {
                let seen = stores.repository.get(id(n)).await.unwrap().unwrap();
                let change = Change::if_unchanged(seen.seq);
                let change = if seen.order.state.status.is_terminal() {
                    kit::retried(change, 0, 0)
                } else {
                    kit::ended(change, AgentWorkOrderStatus::Cancelled)
                };
                if_allowed(stores.repository.update(id(n), &change).await);
            }
        })
    });
    for one in workers.chain(users).collect::<Vec<_>>() {
        one.await.unwrap();
    }
    let unended = "SELECT id FROM orders WHERE status IN ('pending', 'running') ORDER BY id";
    assert_eq!(stores.in_line().await, stores.server.schema.texts(unended).await);
}

/// What a change did, unless others were there first. No more may come of it, such as two that wait for each other.
fn if_allowed<T>(done: Result<T, StateError>) -> Option<T> {
    done.inspect_err(|error| assert!(!error.is_outage(), "{error:?}")).ok()
}

/// Neither those that run nor those that wait are looked at all.
#[tokio::test]
async fn giving_an_order_reads_a_few_rows_however_many_there_are() {
    let Some(stores) = Stores::new().await else { return };
    stores.create(1..=2).await;
    assert_eq!(stores.take(1, 1).await, [id(1)]);
    let read = "SELECT (sum(seq_tup_read) + sum(idx_tup_fetch))::text FROM pg_stat_xact_user_tables
        WHERE schemaname = current_schema()";
    let given = format!(
        "WITH given AS MATERIALIZED (SELECT FROM acquire('worker-1', '{{}}', 1, interval '1 hour', true, '{{}}', 9999, 9999))
        SELECT count(*)::text FROM given UNION ALL {read}"
    );
    let few = stores.server.schema.texts(&given).await;
    let many = |status: &str, first: usize, last: usize| {
        format!(
            "INSERT INTO orders SELECT 'wo-' || n, format, seq, epoch, head, spec, created_at, state, '{status}', held,
                convert_to('r' || n % 30, 'utf8'), agent, priority, labels, NULL, searched, branch, bytes
            FROM orders, generate_series({first}, {last}) AS n WHERE id = '{}';",
            id(1)
        )
    };
    let lease = "WITH running AS (DELETE FROM in_line USING orders WHERE id = order_id AND status = 'running' RETURNING in_line.*)
        INSERT INTO leases SELECT order_id, 'worker-2', clock_timestamp() + interval '1 hour', repository, agent FROM running;
        INSERT INTO leases_counted SELECT repository, agent, count(*) FROM leases WHERE worker = 'worker-2' GROUP BY 1, 2;";
    let (run, wait) = (many("running", 10_000, 14_999), many("pending", 15_000, 19_999));
    stores.server.schema.run(&format!("{run} {lease} {wait} UPDATE queue SET swept_at = clock_timestamp()")).await;
    let beside = stores.server.schema.texts(&given).await;
    let rows = |told: &[String]| told[1].parse::<u32>().unwrap();
    assert_eq!((&*few[0], &*beside[0]), ("1", "1"));
    assert!(rows(&beside) < 1_500 && rows(&few) < 50, "{few:?}, {beside:?}");
    // Nor does one who asks put all of them back into the line that lapse at once.
    let lapsed = "UPDATE leases SET until = clock_timestamp(); UPDATE queue SET swept_at = '-infinity'";
    stores.server.schema.run(lapsed).await;
    stores.server.schema.texts(&given).await;
    let left = "SELECT count(*)::text FROM leases WHERE until < clock_timestamp()";
    assert_eq!(stores.server.schema.texts(left).await, ["4003"]);
}
