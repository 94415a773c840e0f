//! The schema: made once, whoever makes it; refused when it does not fit.

use awo_state::{Migrated, Postgres, PostgresError, PostgresOptions};
use awo_testkit::postgres::TestSchema;

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
