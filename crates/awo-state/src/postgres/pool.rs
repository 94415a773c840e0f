//! Connections that are made as they are wanted, and lie ready for the next call.

use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{self, Manager, Metrics, PoolConfig, PoolError, QueueMode, RecycleError, RecycleResult};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::time::{sleep, timeout};

use super::Session;
use super::connection::Trust;

/// A connection that lies idle for so long is closed.
const IDLE: Duration = Duration::from_mins(10);
/// None is older: a server behind a name that moved is not used for ever.
const LONGEST_LIFE: Duration = Duration::from_mins(30);
/// How often is looked for those that lie idle.
const LOOK: Duration = Duration::from_mins(1);
/// Pause before a server is asked again that takes no connections for the moment; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Connections of one server. Clones share them.
#[derive(Clone)]
pub(super) struct Pool {
    connections: managed::Pool<Maker>,
    longest_wait: Duration,
}

/// A connection that was taken from a pool; it goes back when it is dropped.
pub(super) type Pooled = managed::Object<Maker>;

/// How a connection is made, and what it is told first.
pub(super) struct Maker {
    pub(super) address: PgConnectOptions,
    pub(super) session: Arc<Session>,
    pub(super) trust: Arc<Trust>,
}

// The address holds a password.
impl fmt::Debug for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Maker").finish_non_exhaustive()
    }
}

impl Manager for Maker {
    type Type = PgConnection;
    type Error = sqlx::Error;

    async fn create(&self) -> sqlx::Result<PgConnection> {
        let mut pause = FIRST_PAUSE;
        let mut connection = loop {
            match PgConnection::connect_with(&self.address).await {
                Err(refused) if is_for_now(&refused) => sleep(pause).await,
                connected => break connected?,
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        };
        self.session.begin(&mut connection).await?;
        Ok(connection)
    }

    async fn recycle(&self, connection: &mut PgConnection, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        if metrics.age() > LONGEST_LIFE {
            return Err(RecycleError::message("it is old"));
        }
        // Counted from its last use's begin, so it may be asked though it lay idle for less.
        if !self.trust.covers(metrics.last_used()) {
            connection.ping().await?;
        }
        Ok(())
    }
}

/// Whether a server that starts, or has as many clients as may be, refused us.
fn is_for_now(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() == ErrorKind::ConnectionRefused,
        sqlx::Error::Database(error) => error.is_transient_in_connect_phase(),
        _ => false,
    }
}

impl Pool {
    /// Must be called within a runtime: a task closes those that lie idle.
    pub(super) fn new(maker: Maker, size: u32, longest_wait: Duration) -> sqlx::Result<Self> {
        let size = usize::try_from(size.max(1)).unwrap_or(usize::MAX);
        // Those that are used seldom come last, and so lie idle.
        let config = PoolConfig { queue_mode: QueueMode::Lifo, ..PoolConfig::new(size) };
        let connections = managed::Pool::builder(maker).config(config).build();
        let connections = connections.map_err(|error| sqlx::Error::Configuration(error.into()))?;
        let weak = connections.weak();
        tokio::spawn(async move {
            loop {
                sleep(LOOK).await;
                let Some(connections) = weak.upgrade() else { return };
                close(connections.retain(|_, metrics| metrics.last_used() < IDLE).removed).await;
            }
        });
        Ok(Self { connections, longest_wait })
    }

    /// A connection that lives, as far as is known; an error if there is none in time.
    pub(super) async fn take(&self) -> sqlx::Result<Pooled> {
        match timeout(self.longest_wait, self.connections.get()).await {
            Ok(taken) => taken.map_err(|error| match error {
                PoolError::Backend(error) => error,
                PoolError::Closed => sqlx::Error::PoolClosed,
                _ => sqlx::Error::PoolTimedOut,
            }),
            Err(_) => Err(sqlx::Error::PoolTimedOut),
        }
    }

    /// Takes no more calls, and closes what lies idle.
    pub(super) async fn close(&self) {
        let idle = self.connections.retain(|_, _| false).removed;
        self.connections.close();
        close(idle).await;
    }
}

/// Says good-bye to a server, which need not wait to find out.
async fn close(connections: Vec<PgConnection>) {
    for connection in connections {
        let _ = timeout(LONGEST_PAUSE, connection.close()).await;
    }
}
