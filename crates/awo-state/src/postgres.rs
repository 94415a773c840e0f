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
mod pool;
mod reading;
mod schema;
mod told;
mod writing;

use std::fmt;
use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{Connection as _, Executor as _, PgConnection, Row as _};

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

use connection::{GRACE, Lent, Statement, Trust};
use error::Trouble;
use pool::{Maker, Pool};

/// The oldest version of the server that has all that is used.
const OLDEST: i32 = 14;

/// A database. Clones share its connections.
#[derive(Clone)]
pub struct Postgres {
    pool: Pool,
    /// One connection for renewals of leases alone: they stand in line behind nothing that takes its time.
    renewals: Pool,
    /// Read once: it does not change, and holds a password.
    address: Arc<PgConnectOptions>,
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
        let found = tokio::time::timeout(options.statement_timeout, Server::at(&address)).await;
        let found = found.map_err(|_| Trouble::Silent(options.statement_timeout))?.map_err(Trouble::Driver)?;
        if found.version < OLDEST {
            return Err(PostgresError::TooOld { found: found.version, needed: OLDEST });
        }
        if found.is_standby {
            return Err(PostgresError::Standby);
        }
        let (session, trust) = (Arc::new(Session::of(&options)), Arc::new(Trust::default()));
        let pool = |size| {
            let maker = Maker { address: address.clone(), session: Arc::clone(&session), trust: Arc::clone(&trust) };
            Pool::new(maker, size, options.acquire_timeout).map_err(Trouble::Driver)
        };
        let (pool, renewals) = (pool(options.pool_size)?, pool(1)?);
        Ok(Self { pool, renewals, address: Arc::new(address), options: Arc::new(options), trust })
    }

    /// The schema that holds everything.
    pub fn schema(&self) -> &str {
        &self.options.schema
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.pool.close().await;
        self.renewals.close().await;
    }

    async fn lend(&self) -> Result<Lent, Trouble> {
        self.lend_of(&self.pool).await
    }

    async fn lend_of(&self, pool: &Pool) -> Result<Lent, Trouble> {
        Lent::from(pool, self.options.statement_timeout + GRACE, &self.trust).await
    }

    /// Runs one statement on a connection of its own, and reads what it answers.
    async fn rows(&self, statement: Statement<'_>) -> Result<Vec<PgRow>, Trouble> {
        Self::ask(self.lend().await?, statement).await
    }

    /// Runs several statements without arguments as one transaction. Each sees what was committed before it began.
    async fn script(&self, script: String) -> Result<(), Trouble> {
        let mut lent = self.lend().await?;
        let done = lent.run_script(script, self.options.statement_timeout + GRACE).await;
        if done.as_ref().err().is_none_or(Trouble::leaves_connection) {
            lent.give_back();
        }
        done
    }

    /// Runs one statement that renews leases.
    async fn renew(&self, statement: Statement<'_>) -> Result<Vec<PgRow>, Trouble> {
        Self::ask(self.lend_of(&self.renewals).await?, statement).await
    }

    async fn ask(mut lent: Lent, statement: Statement<'_>) -> Result<Vec<PgRow>, Trouble> {
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

/// What a server says of itself.
struct Server {
    /// Its main version.
    version: i32,
    /// Whether it follows another one, and takes no writes.
    is_standby: bool,
}

impl Server {
    async fn at(address: &PgConnectOptions) -> sqlx::Result<Self> {
        let mut connection = PgConnection::connect_with(address).await?;
        let asked = "SELECT current_setting('server_version_num')::int4, pg_is_in_recovery()";
        let row = connection.fetch_one(asked).await?;
        connection.close().await?;
        Ok(Self { version: row.try_get::<i32, _>(0)? / 10_000, is_standby: row.try_get(1)? })
    }
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

    /// By a statement, not with the address: poolers in session mode pass statements on, and not all parameters. A server
    /// that became a standby is not used: what it answers is old. Who asks for nothing any more is noticed within a second,
    /// where the server's system can tell.
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
                    ELSE current_setting('synchronous_commit') END, false),
                CASE WHEN version() ~ 'linux' THEN set_config('client_connection_check_interval', '1000', false) END,
                pg_is_in_recovery() AS is_standby",
        );
        let row = told.bind(&self.schema).bind(&self.milliseconds).fetch_one(connection).await?;
        if row.try_get("is_standby")? {
            return Err(sqlx::Error::Configuration(PostgresError::Standby.into()));
        }
        Ok(())
    }
}
