//! The schema: made once, whoever makes it; refused when it does not fit.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use awo_models::AgentWorkOrderStatus;
use awo_state::conformance::kit::{Owner, id, look, order};
use awo_state::{
    LeaseLimits, Leases as _, Migrated, OrderQuery, Postgres, PostgresError, PostgresLeases, PostgresOptions,
    PostgresRepository, StateRepository, Wants, Worker,
};
use awo_testkit::postgres::{Cluster, TestSchema};

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

/// The schema before orders had a line of their own, as a program of its time made it.
const WITHOUT_LINE: [&str; 5] = [
    include_str!("../../../src/postgres/migrations/0001.sql"),
    include_str!("../../../src/postgres/migrations/0002.sql"),
    include_str!("../../../src/postgres/migrations/0003.sql"),
    include_str!("../../../src/postgres/migrations/0004.sql"),
    include_str!("../../../src/postgres/migrations/0005.sql"),
];

/// Orders that wait, run and have ended then, with leases and without, are where they belong; and who was at work goes on.
#[tokio::test]
async fn orders_and_leases_of_an_older_schema_go_on() {
    let Some(schema) = TestSchema::new() else { return };
    let made = "CREATE TABLE migrations (version integer PRIMARY KEY, oldest integer NOT NULL)";
    let known = "INSERT INTO migrations VALUES (5, 2); ALTER TABLE migrations ADD COLUMN at timestamptz";
    schema.run(&format!("CREATE SCHEMA {}; {made}; {known}; {}", schema.name(), WITHOUT_LINE.concat())).await;
    let database = Postgres::connect(schema.options()).await.unwrap();
    let (leases, lease) = (PostgresLeases::new(&database), Duration::from_hours(1));
    let repository: Arc<dyn StateRepository> = Arc::new(PostgresRepository::new(&database));
    let up_to = |at_most| Wants { at_most, ..Wants::default() };
    for n in 1..=7 {
        repository.create(order(n)).await.unwrap();
    }
    let (first, second) = (Worker::named("worker-1"), Worker::named("worker-2"));
    assert_eq!(leases.acquire(&first, &up_to(5), lease).await.unwrap(), [1, 2, 3, 4, 5].map(id));
    // One runs, one is not claimed yet, one is given back, one has expired, one has ended, and two wait.
    let mut owner = Owner::claiming(&repository, 1, 1).await;
    Owner::claiming(&repository, 3, 1).await;
    Owner::claiming(&repository, 4, 1).await;
    Owner::claiming(&repository, 5, 1).await.end(AgentWorkOrderStatus::Failed).await;
    let expired = format!("UPDATE leases SET until = clock_timestamp() WHERE order_id = '{}'", id(4));
    let released = format!("DELETE FROM leases WHERE order_id = '{}'", id(3));
    schema
        .run(&format!("{expired}; {released}; INSERT INTO leases VALUES ('gone', 'worker-3', clock_timestamp())"))
        .await;

    assert_eq!(database.migrate().await.unwrap(), Migrated { from: 5, to: Postgres::newest_schema() });
    owner.finish("classify", 1).await;
    assert!(leases.renew(&first, &[id(1)], lease).await.unwrap()[0].mine.is_some());
    let full = |most| Wants { limits: LeaseLimits { per_repository: Some(most), per_agent: Some(most) }, ..up_to(9) };
    assert_eq!(leases.acquire(&second, &full(3), lease).await.unwrap(), [], "three are leased and were counted");
    assert_eq!(leases.acquire(&second, &full(6), lease).await.unwrap(), [3, 4, 6].map(id));
    // As an older program gives an order back.
    schema.run(&format!("DELETE FROM leases WHERE order_id = '{}' AND worker = 'worker-1'", id(1))).await;
    schema.run(&format!("DELETE FROM leases WHERE order_id = '{}' AND worker = 'worker-1'", id(5))).await;
    assert_eq!(leases.acquire(&second, &up_to(9), lease).await.unwrap(), [1, 7].map(id));
}

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn nothing_of_an_address_is_logged() {
    let log = Log::default();
    let writer = log.clone();
    let listener = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(listener.finish());
    for parameters in ["pasword=secret", "sslmode=disable&sslpassword=secret", "sslmode=disable&password=secret"] {
        let url = format!("postgres://awo@127.0.0.1:1/awo?{parameters}");
        assert!(Postgres::connect(PostgresOptions::new(url)).await.is_err());
    }
    tracing::info!("at the end");
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("at the end") && !logged.contains("secret"), "{logged}");
}

#[tokio::test]
async fn a_word_of_sql_is_a_name_for_a_schema() {
    let Some(schema) = TestSchema::new() else { return };
    schema.run("DROP SCHEMA IF EXISTS \"user\" CASCADE").await; // what a run before this one left
    let database = Postgres::connect(PostgresOptions { schema: "user".into(), ..schema.options() }).await.unwrap();
    database.migrate().await.unwrap();
    assert_eq!(database.check().await.unwrap(), Postgres::newest_schema());
    schema.run("DROP SCHEMA \"user\" CASCADE").await;
}

#[tokio::test]
async fn a_standby_is_not_used() {
    // Where the run has no server, there are no programs either; that is said there.
    if TestSchema::new().is_none() {
        return;
    }
    let cluster = Cluster::start(false).expect("a server can be started");
    let schema = TestSchema::at(cluster.url());
    schema.open().await;
    let options = PostgresOptions { acquire_timeout: Duration::from_millis(300), ..schema.options() };
    let database = Postgres::connect(options).await.unwrap();
    cluster.crash().unwrap();
    cluster.become_standby().unwrap();
    cluster.start_again().unwrap();
    assert!(matches!(Postgres::connect(schema.options()).await, Err(PostgresError::Standby)));
    // Nor by those who were there before: what it answers may be old.
    for _ in 0..2 {
        assert!(matches!(database.check().await, Err(PostgresError::Unavailable(_))));
    }
}
