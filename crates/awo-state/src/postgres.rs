//! Orders and all that belongs to them in PostgreSQL: for several processes, on several machines.
//!
//! [`Postgres`] is the way to a database, with one pool for all stores. A write of an order is one statement, guarded by
//! the version and the epoch that it was decided on, so that it is stored whole or not at all, whoever gives up when.

mod artifacts;
mod catalog;
mod changes;
mod connection;
mod documents;
mod error;
mod heads;
mod known;
mod leases;
mod listing;
mod options;
mod order_log;
mod orders;
mod reading;
mod schema;
mod told;
mod writing;

use std::fmt;
use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool, Row as _};

pub use artifacts::PostgresArtifacts;
pub use catalog::PostgresCatalog;
pub use changes::PostgresChanges;
pub use error::PostgresError;
pub use leases::PostgresLeases;
pub use options::PostgresOptions;
pub use order_log::PostgresOrderLog;
pub use orders::PostgresRepository;
pub use schema::Migrated;
pub use told::PostgresTold;

use connection::{Lent, Statement, Trust};
use error::Trouble;

/// The oldest version of the server that has all that is used.
const OLDEST: i32 = 14;

/// A database. Clones share its connections.
#[derive(Clone)]
pub struct Postgres {
    pool: PgPool,
    options: Arc<PostgresOptions>,
    trust: Arc<Trust>,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Postgres {
    /// Reaches a database, whatever is in it. Ask [`Postgres::check`] before its stores are used, or
    /// [`Postgres::migrate`] it.
    pub async fn connect(options: PostgresOptions) -> Result<Self, PostgresError> {
        let address = options.checked()?;
        // The pool would say no more than that it waited too long.
        let found = tokio::time::timeout(options.statement_timeout, version(&address)).await;
        let found = found.map_err(|_| Trouble::Silent(options.statement_timeout))?.map_err(Trouble::Driver)?;
        if found < OLDEST {
            return Err(PostgresError::TooOld { found, needed: OLDEST });
        }
        let session = Arc::new(Session::of(&options));
        let trust = Arc::new(Trust::default());
        let trusted = Arc::clone(&trust);
        let pool = PgPoolOptions::new()
            .max_connections(options.pool_size.max(1))
            .acquire_timeout(options.acquire_timeout)
            .test_before_acquire(false)
            .before_acquire(move |connection, found| {
                let trusted = trusted.covers(found.idle_for);
                Box::pin(async move {
                    if !trusted {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .after_connect(move |connection, _| {
                let session = Arc::clone(&session);
                Box::pin(async move { session.begin(connection).await })
            })
            .connect_lazy_with(address);
        Ok(Self { pool, options: Arc::new(options), trust })
    }

    /// The schema that holds everything.
    pub fn schema(&self) -> &str {
        &self.options.schema
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn lend(&self) -> Result<Lent, Trouble> {
        Lent::from(&self.pool, self.options.statement_timeout, &self.trust).await
    }

    /// Runs one statement on a connection of its own, and reads what it answers.
    async fn rows(&self, statement: Statement<'_>) -> Result<Vec<PgRow>, Trouble> {
        let mut lent = self.lend().await?;
        let answered = lent.rows(statement).await;
        if answered.as_ref().err().is_none_or(Trouble::leaves_connection) {
            lent.give_back();
        }
        answered
    }

    /// The same for a statement that answers one row at most.
    async fn row(&self, statement: Statement<'_>) -> Result<Option<PgRow>, Trouble> {
        Ok(self.rows(statement).await?.into_iter().next())
    }
}

/// The main version of the server.
async fn version(address: &PgConnectOptions) -> sqlx::Result<i32> {
    let mut connection = PgConnection::connect_with(address).await?;
    let row = connection.fetch_one("SELECT current_setting('server_version_num')::int4").await?;
    connection.close().await?;
    Ok(row.try_get::<i32, _>(0)? / 10_000)
}

/// What each session is told first.
struct Session {
    schema: String,
    milliseconds: String,
}

impl Session {
    fn of(options: &PostgresOptions) -> Self {
        Self { schema: options.schema.clone(), milliseconds: options.statement_timeout.as_millis().max(1).to_string() }
    }

    /// By a statement, not with the address: poolers in session mode pass statements on, and not all parameters.
    async fn begin(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        let told = sqlx::query(
            "SELECT set_config('search_path', $1, false),
                set_config('statement_timeout', $2, false),
                set_config('lock_timeout', $2, false),
                set_config('idle_in_transaction_session_timeout', $2, false),
                set_config('default_transaction_isolation', 'read committed', false),
                set_config('tcp_user_timeout', '15000', false),
                set_config('tcp_keepalives_idle', '15', false),
                set_config('tcp_keepalives_interval', '5', false),
                set_config('tcp_keepalives_count', '3', false),
                set_config('client_min_messages', 'warning', false),
                set_config('synchronous_commit',
                    CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
                    ELSE current_setting('synchronous_commit') END, false)",
        );
        told.bind(&self.schema).bind(&self.milliseconds).execute(connection).await?;
        Ok(())
    }
}
