//! Word of changes over a server that goes away, and over a network that says nothing.

use std::time::Duration;

use awo_models::EventSeq;
use awo_state::conformance::kit::id;
use awo_state::{ChangeFeed as _, Changed, Heard, Postgres, PostgresChanges, PostgresOptions};
use awo_testkit::postgres::{Cluster, Proxy, TestSchema};

/// How long word may take, on whatever machine.
const LATEST: Duration = Duration::from_mins(1);

fn changed(n: u64) -> Changed {
    Changed { order: id(n), seq: EventSeq(n) }
}

async fn next(changes: &PostgresChanges) -> Heard {
    tokio::time::timeout(LATEST, changes.next()).await.expect("word comes")
}

#[tokio::test]
async fn a_lost_connection_is_made_anew_and_told_as_a_gap() {
    let Some(schema) = TestSchema::new() else { return };
    let database = Postgres::connect(schema.options()).await.unwrap();
    let (here, elsewhere) =
        (PostgresChanges::listen(&database).await.unwrap(), PostgresChanges::listen(&database).await.unwrap());
    elsewhere.publish(&[changed(1)]).await.unwrap();
    assert_eq!(next(&here).await, Heard::Changed(vec![changed(1)]));
    // Those of this test alone, which say by what they did last that they listen.
    let listening =
        format!("FROM pg_stat_activity WHERE application_name = '{}' AND query LIKE 'LISTEN%'", schema.name());
    let ended = schema.texts(&format!("SELECT pg_terminate_backend(pid)::text {listening}")).await;
    assert_eq!(ended, ["true", "true"]);
    assert_eq!([next(&here).await, next(&elsewhere).await], [Heard::Gap, Heard::Gap]);
    elsewhere.publish(&[changed(2)]).await.unwrap();
    assert_eq!(next(&here).await, Heard::Changed(vec![changed(2)]));
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_made_anew() {
    // Where the run has no server, there are no programs either; that is said there.
    if TestSchema::new().is_none() {
        return;
    }
    let cluster = Cluster::start(false).expect("a server can be started");
    let schema = TestSchema::at(cluster.url());
    let database = schema.open().await;
    let proxy = Proxy::to(cluster.socket()).await;
    let options = PostgresOptions {
        url: proxy.url(),
        acquire_timeout: Duration::from_millis(300),
        statement_timeout: Duration::from_millis(300),
        ..schema.options()
    };
    let behind = Postgres::connect(options).await.unwrap();
    let (here, elsewhere) =
        (PostgresChanges::listen(&behind).await.unwrap(), PostgresChanges::listen(&database).await.unwrap());
    elsewhere.publish(&[changed(1)]).await.unwrap();
    assert_eq!(next(&here).await, Heard::Changed(vec![changed(1)]));
    proxy.go_silent();
    elsewhere.publish(&[changed(2)]).await.unwrap();
    // Longer than silence is borne with: it is trying to connect again, in vain.
    assert!(tokio::time::timeout(Duration::from_secs(4), here.next()).await.is_err());
    proxy.clear();
    // The old connection may still tell what it kept back.
    let mut all = Vec::new();
    while all.last() != Some(&Heard::Gap) {
        all.push(next(&here).await);
    }
    elsewhere.publish(&[changed(3)]).await.unwrap();
    while next(&here).await != Heard::Changed(vec![changed(3)]) {}
}
