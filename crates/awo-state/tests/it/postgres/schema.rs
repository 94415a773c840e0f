//! The schema: made once, whoever makes it; refused when it does not fit.

use std::sync::Arc;
use std::time::Duration;

use awo_models::AgentWorkOrderStatus;
use awo_state::conformance::kit::{Owner, id, look, order};
use awo_state::{
    Leases as _, Migrated, OrderQuery, Postgres, PostgresError, PostgresLeases, PostgresOptions, StateRepository,
    Wants, Worker,
};
use awo_testkit::postgres::TestSchema;

use super::fixtures::Server;

#[tokio::test]
async fn a_schema_is_made_once_by_many() {
    let Some(schema) = TestSchema::new() else { return };
    let newest = Postgres::newest_schema();
    let tasks: Vec<_> = (0..5)
        .map(|_| {
            let options = schema.options();
            tokio::spawn(async move { Postgres::connect(options).await.unwrap().migrate().await.unwrap() })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        let migrated = task.await.unwrap();
        assert_eq!(migrated.to, newest);
        made += usize::from(migrated.from == 0);
    }
    assert_eq!(made, 1, "one made it, the others found it");
    let database = Postgres::connect(schema.options()).await.unwrap();
    assert_eq!(database.check().await.unwrap(), newest);
    assert_eq!(database.migrate().await.unwrap(), Migrated { from: newest, to: newest });
}

#[tokio::test]
async fn a_schema_that_does_not_fit_is_refused() {
    let Some(schema) = TestSchema::new() else { return };
    let database = Postgres::connect(schema.options()).await.unwrap();
    assert!(matches!(database.check().await, Err(PostgresError::Behind { found: 0, .. })));
    database.migrate().await.unwrap();
    let known = Postgres::newest_schema();
    schema.run(&format!("INSERT INTO migrations (version, oldest) VALUES (98, {known})")).await;
    assert_eq!(database.check().await.unwrap(), 98, "a newer one that says that we may use it");
    assert_eq!(database.migrate().await.unwrap(), Migrated { from: 98, to: 98 });
    schema.run("INSERT INTO migrations (version, oldest) VALUES (99, 99)").await;
    for refused in [database.check().await.map(drop), database.migrate().await.map(drop)] {
        assert!(matches!(refused, Err(PostgresError::Newer { found: 99, oldest: 99, .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing() {
    let Some(schema) = TestSchema::new() else { return };
    schema.run(&format!("CREATE SCHEMA {}; CREATE TABLE {0}.audit (x int)", schema.name())).await;
    let database = Postgres::connect(schema.options()).await.unwrap();
    let refused = database.migrate().await;
    assert!(matches!(refused, Err(PostgresError::Unavailable(_))), "{refused:?}");
    let tables = format!("SELECT tablename::text FROM pg_tables WHERE schemaname = '{}'", schema.name());
    assert_eq!(schema.texts(&tables).await, ["audit"]);
    schema.run("DROP TABLE audit").await;
    assert_eq!(database.migrate().await.unwrap().from, 0);
}

#[tokio::test]
async fn who_cannot_be_reached_is_told_so_without_the_password() {
    let url = "postgres://awo:secret@127.0.0.1:1/awo";
    let Err(refused) = Postgres::connect(PostgresOptions::new(url)).await else { panic!("nobody listens there") };
    let told = format!("{refused} {refused:?}");
    assert!(matches!(refused, PostgresError::Unavailable(_)), "{told}");
    assert!(!told.contains("secret"), "{told}");
}

/// Who was there before goes on with what it has prepared and remembers.
#[tokio::test]
async fn a_newer_program_that_is_rolled_out_disturbs_nobody_at_work() {
    let Some(server) = Server::new() else { return };
    let (database, repository) = server.again().await;
    let (leases, repository): (_, Arc<dyn StateRepository>) = (PostgresLeases::new(&database), Arc::new(repository));
    let (worker, lease) = (Worker::named("worker-1"), Duration::from_hours(1));
    let mut owner = Owner::of_new(&repository, 1).await;
    assert_eq!(leases.acquire(&worker, &Wants { at_most: 1, ..Wants::default() }, lease).await.unwrap(), [id(1)]);
    owner.finish("classify", 1).await;
    leases.renew(&worker, &[id(1)], lease).await.unwrap();
    repository.list(&OrderQuery::default()).await.unwrap();

    server.upgrade().await;
    owner.finish("plan", 1).await;
    assert!(leases.renew(&worker, &[id(1)], lease).await.unwrap()[0].mine.is_some());
    assert_eq!(repository.list(&OrderQuery::default()).await.unwrap().items.len(), 1);
    owner.end(AgentWorkOrderStatus::Completed).await;
    leases.release("worker-1", id(1)).await.unwrap();
    repository.create(order(2)).await.unwrap();
    assert_eq!(leases.acquire(&worker, &Wants { at_most: 1, ..Wants::default() }, lease).await.unwrap(), [id(2)]);

    look(&server.repository_again().await, id(1)).await.check();
}
