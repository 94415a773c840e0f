//! A schema for one test.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use awo_state::{Postgres, PostgresOptions};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::skipped;

/// The variable by which tests find the server.
const VARIABLE: &str = "AWO_TEST_POSTGRES";

/// A name for a schema that nobody else has, in a server that is there. The schema goes with this value.
#[derive(Debug)]
pub struct TestSchema {
    url: String,
    name: String,
}

impl TestSchema {
    /// In the server of the run; `None` where there is none, which is said. The test then has nothing to do.
    ///
    /// # Panics
    /// If there is none in a continuous integration, where nothing may be skipped.
    pub fn new() -> Option<Self> {
        let Some(url) = std::env::var(VARIABLE).ok().filter(|url| !url.is_empty()) else {
            skipped("this test needs PostgreSQL; run `cargo xtask test`, which provides it");
            return None;
        };
        Some(Self::at(url))
    }

    /// In a server of one's own.
    pub fn at(url: String) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self { url, name: format!("test_{}_{count}", std::process::id()) }
    }

    /// Where the server is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The name of the schema.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is reached.
    pub fn options(&self) -> PostgresOptions {
        PostgresOptions {
            schema: self.name.clone(),
            pool_size: 6,
            application_name: self.name.clone(),
            ..PostgresOptions::new(self.url.clone())
        }
    }

    /// Opens it, which makes it if it is not there.
    ///
    /// # Panics
    /// If the server does not let us.
    pub async fn open(&self) -> Postgres {
        let database = Postgres::connect(self.options()).await.expect("the server answers");
        database.migrate().await.expect("the schema can be made");
        database
    }

    /// Runs SQL in the schema, behind the back of whoever uses it.
    ///
    /// # Panics
    /// If the server refuses.
    pub async fn run(&self, sql: &str) {
        let mut connection = PgConnection::connect(&self.url).await.expect("the server answers");
        let sql = format!("SET search_path TO {}; {sql}", self.name);
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.expect("the server does it");
    }

    /// Runs SQL in a transaction of its own, which is open until the answer is let go. What it locked, others wait for.
    ///
    /// # Panics
    /// If the server refuses.
    pub async fn hold(&self, sql: &str) -> Held {
        let mut connection = PgConnection::connect(&self.url).await.expect("the server answers");
        let sql = format!("SET search_path TO {}; BEGIN; {sql}", self.name);
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.expect("the server does it");
        Held { connection }
    }

    /// Waits until so many sessions of the schema's tests wait for a lock in a statement that contains this.
    ///
    /// # Panics
    /// If the server refuses.
    pub async fn until_waiting(&self, count: usize, statement: &str) {
        let waiting = format!(
            "SELECT pid::text FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = '{}'
                AND position('{statement}' IN query) > 0",
            self.name
        );
        while self.texts(&waiting).await.len() < count {
            tokio::task::yield_now().await;
        }
    }

    /// The texts that a query of one column answers.
    ///
    /// # Panics
    /// If the server refuses.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let mut connection = PgConnection::connect(&self.url).await.expect("the server answers");
        connection
            .execute(AssertSqlSafe(format!("SET search_path TO {}", self.name)))
            .await
            .expect("the server does it");
        let texts = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&mut connection).await;
        texts.expect("the server answers")
    }
}

/// A transaction that is open. Dropped, it is undone.
#[derive(Debug)]
pub struct Held {
    connection: PgConnection,
}

impl Held {
    /// Ends it, with all that it did.
    ///
    /// # Panics
    /// If the server refuses.
    pub async fn commit(mut self) {
        self.connection.execute("COMMIT").await.expect("the server does it");
        self.connection.close().await.expect("it was idle");
    }
}

impl Drop for TestSchema {
    fn drop(&mut self) {
        let (url, name) = (self.url.clone(), self.name.clone());
        // On a runtime of its own, as the one of the test may be at its end.
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&url).await.map_err(std::io::Error::other)?;
                let sql = format!("SET lock_timeout = '5s'; DROP SCHEMA IF EXISTS {name} CASCADE");
                connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map_err(std::io::Error::other)
            })
        });
        // A server that is gone has taken it along.
        if let Ok(Err(error)) = dropping.join() {
            eprintln!("the schema {} is left: {error}", self.name);
        }
    }
}
