//! A server that goes away, and a network that says nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use awo_state::conformance::kit::{Owner, id, look, result};
use awo_state::{Postgres, PostgresOptions, PostgresRepository, StateError, StateRepository};
use awo_testkit::postgres::{Cluster, Proxy, Signal, TestSchema};

/// A server of one's own, where there is PostgreSQL.
fn cluster() -> Option<Cluster> {
    // Where the run has no server, there are no programs either; that is said there.
    TestSchema::new()?;
    Some(Cluster::start(true).expect("a server can be started"))
}

async fn open(options: PostgresOptions) -> Arc<dyn StateRepository> {
    let database = Postgres::connect(options).await.unwrap();
    database.migrate().await.unwrap();
    Arc::new(PostgresRepository::new(&database))
}

fn is_unavailable(answer: &Result<impl Sized, StateError>) -> bool {
    matches!(answer, Err(error @ StateError::Unavailable(_)) if error.is_outage())
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_given_up() {
    let Some(cluster) = cluster() else { return };
    let schema = TestSchema::at(cluster.url());
    let proxy = Proxy::to(cluster.socket()).await;
    let options = PostgresOptions {
        url: proxy.url(),
        acquire_timeout: Duration::from_millis(300),
        statement_timeout: Duration::from_millis(500),
        pool_size: 2,
        ..schema.options()
    };
    let repository = open(options).await;
    let mut owner = Owner::of_new(&repository, 1).await;
    owner.finish("classify", 1).await;

    proxy.go_silent();
    owner.add(result("plan", 1, true));
    // More than there are connections: none of them stays taken by a call that was given up.
    for _ in 0..5 {
        let answer = owner.save().await;
        assert!(is_unavailable(&answer), "{answer:?}");
    }
    assert!(is_unavailable(&repository.get(id(1)).await));
    proxy.clear();
    while owner.save().await.is_err() {} // the first may still find a connection that is dead

    // All connections of the pool at once.
    let both = async || tokio::join!(repository.get(id(1)), repository.get(id(1)));
    let (one, other) = both().await;
    assert!(one.is_ok() && other.is_ok());
    proxy.lose_connections();
    let (one, other) = both().await;
    assert!(is_unavailable(&one) && is_unavailable(&other));
    owner.add(result("generate_branch", 1, true));
    let mut failed = 0;
    while owner.save().await.is_err() {
        failed += 1;
        assert!(failed < 5, "connections that are dead for ever are given up, not waited for");
    }
    owner.finish("implement", 1).await;
    let seen = look(&repository, id(1)).await;
    assert_eq!(seen.history, owner.history, "each result once");
    seen.check();
}

#[tokio::test]
async fn a_server_that_crashes_in_the_middle_of_saves_loses_nothing_that_it_told() {
    let Some(cluster) = cluster() else { return };
    let schema = TestSchema::at(cluster.url());
    let options = PostgresOptions { acquire_timeout: Duration::from_millis(300), ..schema.options() };
    let repository = open(options).await;
    let (over, under_way) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let owners: Vec<_> = (1..=4)
        .map(|n| {
            let (repository, over, under_way) = (Arc::clone(&repository), Arc::clone(&over), Arc::clone(&under_way));
            tokio::spawn(async move {
                let mut owner = Owner::of_new(&repository, n).await;
                // To the last crash and beyond it.
                for attempt in (1..).take_while(|_| !over.load(Ordering::Relaxed)) {
                    owner.add(result("implement", attempt, true));
                    under_way.fetch_add(1, Ordering::Relaxed);
                    while let Err(error) = owner.save().await {
                        assert!(error.is_outage(), "{error:?}");
                        tokio::task::yield_now().await;
                    }
                    under_way.fetch_sub(1, Ordering::Relaxed);
                }
                owner
            })
        })
        .collect();
    // In the middle, as it can be seen from outside; more than once.
    for results in [40, 160] {
        loop {
            let rows = repository.list(&awo_state::OrderQuery::default()).await;
            let done = rows.map_or(0, |page| page.items.iter().map(|row| row.order.state.steps_completed).sum());
            if done >= results {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert!(under_way.load(Ordering::Relaxed) > 0, "a crash is in the middle of saves");
        cluster.crash().unwrap();
        cluster.start_again().unwrap();
    }
    over.store(true, Ordering::Relaxed);
    let mut written = Vec::new();
    for owner in owners {
        written.push(owner.await.unwrap());
    }
    // Whoever comes first may find a connection of before the crash; nobody after it does.
    let _ = repository.get(id(1)).await;
    for owner in written {
        let stored = look(&repository, owner.id).await;
        assert_eq!(stored.history, owner.history, "what was told is there, once");
        stored.check();
    }
}

#[tokio::test]
async fn a_backend_that_is_ended_by_an_operator_is_an_outage() {
    let Some(schema) = TestSchema::new() else { return };
    let repository = open(schema.options()).await;
    let mut owner = Owner::of_new(&repository, 1).await;
    let all =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{}'", schema.name());
    schema.run(&all).await;
    owner.add(result("classify", 1, true));
    let answer = owner.save().await;
    assert!(answer.is_ok() || is_unavailable(&answer), "{answer:?}");
    while owner.save().await.is_err() {}
    look(&repository, id(1)).await.check();
}

/// Nobody's guess: who is told that the server ended a statement knows that nothing of it is stored.
#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended_by_the_server() {
    let Some(schema) = TestSchema::new() else { return };
    let options = PostgresOptions { statement_timeout: Duration::from_millis(300), pool_size: 1, ..schema.options() };
    let repository = open(options).await;
    let mut owner = Owner::of_new(&repository, 1).await;
    let sessions = format!("SELECT pid::text FROM pg_stat_activity WHERE application_name = '{}'", schema.name());
    let before = schema.texts(&sessions).await;
    let locked = schema.hold("LOCK TABLE steps").await;
    owner.add(result("classify", 1, true));
    for _ in 0..3 {
        let answer = owner.save().await;
        assert!(matches!(answer, Err(StateError::Backend(_))), "{answer:?}");
    }
    locked.commit().await;
    owner.save().await.unwrap();
    assert_eq!(schema.texts(&sessions).await, before, "and its connection is as good as before");
}

/// After a switch, a session of before may be one of a server that follows another by now.
#[tokio::test]
async fn a_session_that_takes_no_writes_is_given_up() {
    let Some(cluster) = cluster() else { return };
    let schema = TestSchema::at(cluster.url());
    let repository = open(PostgresOptions { pool_size: 1, ..schema.options() }).await;
    let mut owner = Owner::of_new(&repository, 1).await;
    let all = format!("pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{}'", schema.name());
    schema.run(&format!("ALTER ROLE awo SET default_transaction_read_only = on; SELECT {all}")).await;
    owner.add(result("classify", 1, true));
    // Until the session is one that was begun since.
    while !matches!(owner.save().await, Err(StateError::Backend(_))) {
        assert!(owner.change.recorded().len() == 1, "it is not stored");
    }
    schema.run("SET TRANSACTION READ WRITE; ALTER ROLE awo RESET default_transaction_read_only").await;
    owner.save().await.unwrap();
}

/// The place that a call leaves when nobody waits for it any more is taken by the next one; the server must not go on with both.
#[tokio::test]
async fn a_statement_that_nobody_waits_for_is_ended_by_the_server() {
    let Some(schema) = TestSchema::new() else { return };
    let options = PostgresOptions { statement_timeout: Duration::from_mins(30), ..schema.options() };
    let repository = open(options).await;
    let locked = schema.hold("LOCK TABLE orders").await;
    let waiting = tokio::spawn(async move { repository.get(id(1)).await });
    schema.until_waiting(1, "FROM orders").await;
    waiting.abort();
    let sessions = format!("SELECT pid::text FROM pg_stat_activity WHERE application_name = '{}'", schema.name());
    while !schema.texts(&sessions).await.is_empty() {
        tokio::task::yield_now().await;
    }
    locked.commit().await;
}

#[tokio::test]
async fn a_server_that_stands_still_is_an_outage_and_ends_all_the_same() {
    let Some(cluster) = cluster() else { return };
    let schema = TestSchema::at(cluster.url());
    let time = Duration::from_secs(1);
    let options = PostgresOptions { acquire_timeout: time, statement_timeout: time, ..schema.options() };
    let repository = open(options.clone()).await;
    cluster.signal(Signal::STOP).unwrap();
    assert!(is_unavailable(&repository.get(id(1)).await));
    assert!(Postgres::connect(options.clone()).await.is_err(), "nobody answers who comes anew");
    cluster.signal(Signal::CONT).unwrap();
    while repository.get(id(1)).await.is_err() {}
    cluster.signal(Signal::STOP).unwrap();
    let number = std::fs::read_to_string(cluster.socket().with_file_name("data/postmaster.pid")).unwrap();
    // Nothing, when it has ended, also where nobody asked how.
    let command = format!("/proc/{}/cmdline", number.lines().next().unwrap());
    let runs = || std::fs::read(&command).is_ok_and(|words| !words.is_empty());
    assert!(runs());
    drop(cluster);
    assert!(!runs());
}
