//! A connection for the time of one call, and what becomes of it when the call does not end well.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres as Driver};

use super::error::Trouble;
use super::pool::{Pool, Pooled};

/// A statement with its arguments.
pub(super) type Statement<'q> = Query<'q, Driver, PgArguments>;

/// So much longer than the server works on a statement its answer is waited for: who is told that the server ended it knows
/// that nothing of it is stored, and the connection can be used again.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// A connection that was taken from the pool.
///
/// Whoever drops it without [`Lent::give_back`] closes it: somebody who waits no longer, a call that got no answer, a
/// transaction that was not ended. The server then lets go of what was not committed; what it was about to commit is
/// committed whole. A connection that might hang is never waited for.
pub(super) struct Lent {
    connection: Option<Pooled>,
    longest: Duration,
    trust: Arc<Trust>,
}

/// Which connections that lie idle are asked whether they still live before they are used: those that do so for a while,
/// and all that did so when another one was lost, as a server that restarts loses all of them.
#[derive(Debug, Default)]
pub(super) struct Trust {
    lost: Mutex<Option<Instant>>,
}

/// For so long a connection that lies idle is believed to live.
const FRESH: Duration = Duration::from_secs(1);

impl Trust {
    pub(super) fn covers(&self, idle_for: Duration) -> bool {
        let lost = *self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        idle_for < FRESH && lost.is_none_or(|lost| idle_for <= lost.elapsed())
    }

    fn lose(&self) {
        *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

impl Lent {
    pub(super) async fn from(pool: &Pool, longest: Duration, trust: &Arc<Trust>) -> Result<Self, Trouble> {
        Ok(Self { connection: Some(pool.take().await?), longest, trust: Arc::clone(trust) })
    }

    fn connection(&mut self) -> Result<&mut PgConnection, Trouble> {
        self.connection.as_deref_mut().ok_or(Trouble::Driver(sqlx::Error::PoolClosed))
    }

    /// Runs a statement and reads what it answers.
    pub(super) async fn rows(&mut self, statement: Statement<'_>) -> Result<Vec<PgRow>, Trouble> {
        let longest = self.longest;
        let connection = self.connection()?;
        bounded(longest, statement.fetch_all(connection)).await
    }

    /// Runs a statement.
    pub(super) async fn run(&mut self, statement: Statement<'_>) -> Result<(), Trouble> {
        let longest = self.longest;
        let connection = self.connection()?;
        bounded(longest, statement.execute(connection)).await?;
        Ok(())
    }

    /// Runs several statements without arguments, which may take so long in all. Where no transaction is open, they are one.
    pub(super) async fn run_script(&mut self, script: String, longest: Duration) -> Result<(), Trouble> {
        bounded(longest, sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(self.connection()?)).await?;
        Ok(())
    }

    /// Lets others have it.
    pub(super) fn give_back(mut self) {
        drop(self.connection.take());
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(Pooled::take(connection));
            self.trust.lose();
        }
    }
}

async fn bounded<T>(longest: Duration, call: impl Future<Output = sqlx::Result<T>>) -> Result<T, Trouble> {
    match tokio::time::timeout(longest, call).await {
        Ok(answered) => Ok(answered?),
        Err(_) => Err(Trouble::Silent(longest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lay_idle_when_another_was_lost_is_asked() {
        let trust = Trust::default();
        assert!(trust.covers(FRESH / 2) && !trust.covers(FRESH));
        trust.lose();
        assert!(!trust.covers(FRESH / 2), "it lay idle before that");
        assert!(trust.covers(Duration::ZERO), "it was used since");
    }
}
