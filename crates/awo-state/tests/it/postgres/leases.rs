//! Leases: what only a database can do wrong.

use std::time::Duration;

use awo_models::OrderId;
use awo_state::conformance::kit::{self, Owner, id, order};
use awo_state::{
    Leases as _, Postgres, PostgresArtifacts, PostgresLeases, PostgresOptions, StateRepository as _, Wants, Worker,
};

use super::fixtures::Server;

const LONG: Duration = Duration::from_hours(1);

async fn take(leases: &PostgresLeases, worker: &str) -> Vec<OrderId> {
    leases.acquire(&Worker::named(worker), &Wants::default(), LONG).await.unwrap()
}

#[tokio::test]
async fn a_lease_does_not_hinder_those_who_claim_nothing() {
    let Some(server) = Server::new() else { return };
    let (database, _) = server.again().await;
    let repository = server.repository_again().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    assert_eq!(take(&PostgresLeases::new(&database), "worker-9").await, [id(1)]);
    owner.finish("classify", 1).await;
    let seen = owner.heard.seq;
    let cancel = kit::cancel_requested(awo_state::Change::if_unchanged(seen));
    repository.update(id(1), &cancel).await.unwrap();
}

/// After an outage all leases look as if their holders were dead, whatever it was: also where the server was not started
/// anew, as after the crash of one of its sessions, or where another one, which runs for days, goes on in its place.
#[tokio::test]
async fn a_database_that_was_away_gives_nothing_away_before_holders_could_renew() {
    let Some(server) = Server::new() else { return };
    let (database, repository) = server.again().await;
    let leases = PostgresLeases::new(&database);
    repository.create(order(1)).await.unwrap();
    assert_eq!(take(&leases, "worker-1").await, [id(1)]);
    // Time passes while nobody is heard; a moment before it all was well.
    let later =
        "UPDATE leases SET until = clock_timestamp() - interval '1 minute'; UPDATE queue SET swept_at = '-infinity'";
    server.schema.run(&format!("{later}, heard_at = heard_at - interval '2 hours'")).await;
    for _ in 0..2 {
        assert_eq!(take(&leases, "worker-2").await, []);
    }
    leases.renew(&Worker::named("worker-2"), &[], LONG).await.unwrap();
    assert_eq!(take(&leases, "worker-2").await, [], "not when it was heard, either");
    assert_eq!(take(&leases, "worker-1").await, [id(1)], "its holder gets it again");
    // The life of a lease later.
    let waited = "heard_since = heard_since - interval '2 hours'";
    server.schema.run(&format!("{later}, {waited}, heard_at = clock_timestamp()")).await;
    assert_eq!(take(&leases, "worker-2").await, [id(1)]);
}

/// A renewal is the first that is heard after an outage: it is seen by whoever asks then.
#[tokio::test]
async fn a_gap_that_a_renewal_ends_counts_too() {
    let Some(server) = Server::new() else { return };
    let (database, repository) = server.again().await;
    let leases = PostgresLeases::new(&database);
    repository.create(order(1)).await.unwrap();
    assert_eq!(take(&leases, "worker-1").await, [id(1)]);
    let away = "UPDATE leases SET until = clock_timestamp();
        UPDATE queue SET swept_at = '-infinity', heard_at = heard_at - interval '2 hours'";
    server.schema.run(away).await;
    leases.renew(&Worker::named("worker-2"), &[], LONG).await.unwrap();
    assert_eq!(take(&leases, "worker-2").await, []);
    // Who is about to note it keeps nobody from renewing, and nobody is given anything meanwhile.
    server.schema.run(&format!("{away}; UPDATE queue SET heard_since = '-infinity'")).await;
    let noting = server.schema.hold("SELECT FROM queue FOR UPDATE").await;
    leases.renew(&Worker::named("worker-2"), &[], LONG).await.unwrap();
    assert_eq!(take(&leases, "worker-2").await, []);
    noting.commit().await;
}

/// Whatever takes its time on the connections of the pool: large artifacts, and whoever waits for them.
#[tokio::test]
async fn a_renewal_waits_for_no_other_call() {
    let Some(server) = Server::new() else { return };
    server.again().await;
    let options =
        PostgresOptions { pool_size: 1, acquire_timeout: Duration::from_millis(300), ..server.schema.options() };
    let database = Postgres::connect(options).await.unwrap();
    let (leases, artifacts) = (PostgresLeases::new(&database), PostgresArtifacts::new(&database));
    let locked = server.schema.hold("LOCK TABLE artifacts").await;
    let putting = tokio::spawn(async move { awo_state::ArtifactStore::orders(&artifacts).await });
    server.schema.until_waiting(1, "artifacts").await;
    leases.renew(&Worker::named("worker-1"), &[], LONG).await.unwrap();
    locked.commit().await;
    putting.await.unwrap().unwrap();
}

/// One that takes its turn with those who are given orders does not lock against them.
#[tokio::test]
async fn who_leaves_takes_its_turn() {
    let Some(server) = Server::new() else { return };
    let (database, repository) = server.again().await;
    let leases = PostgresLeases::new(&database);
    repository.create(order(1)).await.unwrap();
    assert_eq!(take(&leases, "worker-1").await, [id(1)]);
    let turn = "SELECT pg_advisory_xact_lock(hashtextextended('awo leases ' || current_schema(), 0))";
    let given = server.schema.hold(turn).await;
    let leaving = {
        let leases = leases.clone();
        tokio::spawn(async move { leases.leave("worker-1").await })
    };
    server.schema.until_waiting(1, "leave").await;
    given.commit().await;
    leaving.await.unwrap().unwrap();
    assert_eq!(take(&leases, "worker-2").await, [id(1)]);
}

#[tokio::test]
async fn a_lease_without_an_order_is_none_and_goes() {
    let Some(server) = Server::new() else { return };
    let (database, repository) = server.again().await;
    let leases = PostgresLeases::new(&database);
    repository.create(order(1)).await.unwrap();
    assert_eq!(take(&leases, "worker-1").await, [id(1)]);
    // As if the order had gone while it was given, and another one had ended when its worker was killed.
    let until = "clock_timestamp() - interval '1 minute'";
    let ended = format!("INSERT INTO leases VALUES ('{}', 'worker-3', {until}, 'repository', 'agent')", id(2));
    server.schema.run(&format!("DELETE FROM orders; {ended}")).await;
    let renewed = leases.renew(&Worker::named("worker-1"), &[id(1)], LONG).await.unwrap();
    assert_eq!(renewed.iter().map(|renewal| (renewal.order, renewal.mine)).collect::<Vec<_>>(), [(id(1), None)]);
    let left = "SELECT order_id FROM leases ORDER BY order_id";
    leases.leave("worker-2").await.unwrap();
    assert_eq!(server.schema.texts(left).await, [id(1).to_string()], "one that lives is left");
    server.schema.run("UPDATE leases SET until = clock_timestamp()").await;
    leases.leave("worker-2").await.unwrap();
    assert_eq!(server.schema.texts(left).await, [""; 0]);
}
