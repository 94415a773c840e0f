//! Word of changes by `LISTEN` and `NOTIFY`: hints between processes, never within a write of an order.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use async_trait::async_trait;
use awo_models::EventSeq;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};
use xxhash_rust::xxh3::xxh3_64;

use super::documents::{column, number, stored};
use super::error::Trouble;
use super::{Postgres, PostgresError};
use crate::changes::fits;
use crate::{ChangeFeed, Changed, Heard, Result};

/// Changes in one notification, which has less than 8,000 bytes: each takes 57 at most.
const IN_ONE: usize = 100;
/// Notifications that are kept for a process that is busy with earlier ones.
const KEPT: usize = 256;
/// Before a note, where changes have an id. Programs that know no notes read no change in it.
const NOTE: char = '=';
/// Pause before the server is asked again for a connection to listen on.
const PAUSE: Duration = Duration::from_secs(1);
/// A connection on which nothing came for so many times the longest statement is given up: it may be dead without a word.
const SILENCE: u32 = 6;

/// What goes on, by the index that it has anyway, and the newest.
const VERSIONS: &str = "
    SELECT id, seq FROM orders WHERE status IN ('pending', 'running')
    UNION
    SELECT id, seq FROM (SELECT id, seq FROM orders ORDER BY id DESC LIMIT $1) AS newest";

/// Word of changes among the processes on a database. It has a connection of its own to listen on, which is made anew when it
/// is lost, or when nothing was heard for long.
#[derive(Debug)]
pub struct PostgresChanges {
    database: Postgres,
    channel: String,
    /// By which it knows its own word.
    name: String,
    heard: Mutex<mpsc::Receiver<Heard>>,
    listening: JoinHandle<()>,
}

impl PostgresChanges {
    /// Listens from now on.
    pub async fn listen(database: &Postgres) -> Result<Self, PostgresError> {
        // Channels are the database's, and schemas are apart.
        let channel = format!("awo_{:016x}", xxh3_64(database.schema().as_bytes()));
        // Unique is enough: nobody gains anything by guessing it.
        let name = format!("{:016x}", RandomState::new().hash_one(database.schema()));
        let listener = connect(database, &channel).await?;
        let (told, heard) = mpsc::channel(KEPT);
        let listening = tokio::spawn(hear(database.clone(), channel.clone(), name.clone(), listener, told));
        Ok(Self { database: database.clone(), channel, name, heard: Mutex::new(heard), listening })
    }
}

impl Drop for PostgresChanges {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

#[async_trait]
impl ChangeFeed for PostgresChanges {
    async fn publish(&self, changed: &[Changed]) -> Result<()> {
        if changed.is_empty() {
            return Ok(());
        }
        let texts: Vec<_> = changed.chunks(IN_ONE).map(|part| text(&self.name, part)).collect();
        let notify = sqlx::query("SELECT pg_notify($1, text) FROM unnest($2::text[]) AS texts (text)");
        self.database.rows(notify.bind(&self.channel).bind(texts)).await?;
        Ok(())
    }

    async fn pass_on(&self, note: &str) -> Result<()> {
        fits(note)?;
        let notify = sqlx::query("SELECT pg_notify($1, $2)");
        self.database.rows(notify.bind(&self.channel).bind(format!("{} {NOTE}{note}", self.name))).await?;
        Ok(())
    }

    async fn next(&self) -> Heard {
        match self.heard.lock().await.recv().await {
            Some(heard) => heard,
            None => std::future::pending().await, // not as long as we are here
        }
    }

    async fn versions(&self, newest: usize) -> Result<Vec<Changed>> {
        let rows = self.database.rows(sqlx::query(VERSIONS).bind(stored(newest))).await?;
        let read = |row| {
            let id: String = column(row, "id")?;
            let seq: i64 = column(row, "seq")?;
            // Somebody else may have put in what is no id; it is no order of ours.
            Ok::<_, Trouble>(id.parse().ok().map(|order| Changed { order, seq: EventSeq(number(seq)) }))
        };
        let read: Result<Vec<_>, _> = rows.iter().filter_map(|row| read(row).transpose()).collect();
        Ok(read?)
    }
}

/// A connection that listens, outside the pool that all calls share: one that hangs takes nothing from them.
async fn connect(database: &Postgres, channel: &str) -> Result<PgListener, PostgresError> {
    let options = &database.options;
    let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
    let pool = pool.acquire_timeout(options.acquire_timeout).connect_lazy_with((*database.address).clone());
    let connecting = async {
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(channel).await?;
        Ok(listener)
    };
    match timeout(options.acquire_timeout + options.statement_timeout, connecting).await {
        Ok(connected) => connected.map_err(|error: sqlx::Error| Trouble::Driver(error).into()),
        Err(_) => Err(Trouble::Silent(options.statement_timeout).into()),
    }
}

/// Hands on what others tell until nobody wants it any more.
async fn hear(database: Postgres, channel: String, name: String, mut listener: PgListener, told: mpsc::Sender<Heard>) {
    let silence = database.options.statement_timeout * SILENCE;
    loop {
        let heard = match timeout(silence, listener.try_recv()).await {
            Ok(Ok(Some(word))) => match read(word.payload(), &name) {
                Some(heard) => heard,
                None => continue, // our own
            },
            Ok(Ok(None)) => Heard::Gap, // it was lost, and is there again
            Ok(Err(_)) | Err(_) => {
                listener = connected_again(&database, &channel).await;
                Heard::Gap
            }
        };
        if told.send(heard).await.is_err() {
            return;
        }
    }
}

async fn connected_again(database: &Postgres, channel: &str) -> PgListener {
    let mut failing = false;
    loop {
        match connect(database, channel).await {
            Ok(listener) => {
                debug!("changes_listened_to");
                return listener;
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    warn!(error = %format!("{error:#}"), "changes_not_listened_to: trying again");
                }
                sleep(PAUSE).await;
            }
        }
    }
}

/// Who tells it, and for each order its id and its version.
fn text(name: &str, changed: &[Changed]) -> String {
    let parts = changed.iter().map(|Changed { order, seq }| format!(" {order}:{seq}"));
    parts.fold(name.to_owned(), |all, part| all + &part)
}

/// What is told; `None` if it is our own word, or none that we know.
fn read(text: &str, name: &str) -> Option<Heard> {
    let (from, parts) = text.split_once(' ').filter(|(from, _)| *from != name)?;
    if let Some(note) = parts.strip_prefix(NOTE) {
        return (!from.is_empty()).then(|| Heard::Note(note.into()));
    }
    let read = |part: &str| {
        let (order, seq) = part.split_once(':')?;
        Some(Changed { order: order.parse().ok()?, seq: EventSeq(seq.parse().ok()?) })
    };
    let changed: Vec<_> = parts.split(' ').filter_map(read).collect();
    (!changed.is_empty()).then_some(Heard::Changed(changed))
}

#[cfg(test)]
mod tests {
    use awo_models::OrderId;

    use super::*;
    use crate::NOTE_BYTES;

    #[test]
    fn word_is_read_as_it_was_told_and_fits() {
        let changed: Vec<_> = (0..IN_ONE as u64)
            .map(|n| Changed { order: OrderId::new(u64::MAX >> 16, [255; 10]), seq: EventSeq(u64::MAX - n) })
            .collect();
        let told = text("0123456789abcdef", &changed);
        assert!(told.len() < 8000, "{}", told.len());
        assert_eq!(read(&told, "another"), Some(Heard::Changed(changed)));
        assert_eq!(read(&told, "0123456789abcdef"), None);
        for strange in ["", "x", "x y", "x wo-1:2", "x wo-01a22f26ddb272cdba63ffc1e014032e:"] {
            assert_eq!(read(strange, "another"), None, "{strange}");
        }
    }

    #[test]
    fn a_note_is_no_change_and_fits() {
        let told = format!("0123456789abcdef {NOTE}{}", "x".repeat(NOTE_BYTES));
        assert!(told.len() < 8000, "{}", told.len());
        assert_eq!(read(&told, "another"), Some(Heard::Note("x".repeat(NOTE_BYTES).into())));
        assert_eq!(read(&told, "0123456789abcdef"), None);
    }
}
