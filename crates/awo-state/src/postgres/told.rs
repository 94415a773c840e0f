//! How far recipients were told, in PostgreSQL, and whose turn it is to tell them, by the clock of the database.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use async_trait::async_trait;
use awo_models::{EventSeq, OrderId};

use super::Postgres;
use super::documents::{column, number, stored};
use super::reading::id_of;
use crate::{Result, Told, ToldStore};

/// One row without an order if nothing was told yet; none if the recipient is new.
const FIND: &str = "
    SELECT order_id, seq FROM recipients LEFT JOIN told ON recipient = name
    WHERE name = $1 AND begun";

const REPLACE: &str = "
    WITH begun AS (
        INSERT INTO recipients (name, begun) VALUES ($1, true) ON CONFLICT (name) DO UPDATE SET begun = true
    ), kept AS (
        SELECT order_id, seq FROM unnest($2::text[], $3::bigint[]) AS kept (order_id, seq)
    ), gone AS (
        DELETE FROM told
        WHERE recipient = $1 AND NOT EXISTS (SELECT FROM kept WHERE kept.order_id = told.order_id)
    )
    INSERT INTO told (recipient, order_id, seq) SELECT $1, order_id, seq FROM kept
    ON CONFLICT (recipient, order_id) DO UPDATE SET seq = excluded.seq WHERE told.seq <> excluded.seq";

const NOTE: &str = "
    INSERT INTO told (recipient, order_id, seq) VALUES ($1, $2, $3)
    ON CONFLICT (recipient, order_id) DO UPDATE SET seq = greatest(told.seq, excluded.seq)";

const TAKE_TURN: &str = "
    INSERT INTO recipients (name, teller, until) VALUES ($1, $2, clock_timestamp() + $3 * interval '1 microsecond')
    ON CONFLICT (name) DO UPDATE SET teller = excluded.teller, until = excluded.until
    WHERE recipients.teller IS NULL OR recipients.teller = excluded.teller OR recipients.until <= clock_timestamp()
    RETURNING name";

const END_TURN: &str = "UPDATE recipients SET teller = NULL, until = NULL WHERE name = $1 AND teller = $2";

/// How far those outside were told of the orders of a database. Clones share their turns, and no two others do.
#[derive(Debug, Clone)]
pub struct PostgresTold {
    database: Postgres,
    /// By which it knows its own turns.
    name: String,
}

impl PostgresTold {
    /// That of a database.
    pub fn new(database: &Postgres) -> Self {
        // Unique is enough: nobody gains anything by guessing it.
        let name = format!("{:016x}", RandomState::new().hash_one(database.schema()));
        Self { database: database.clone(), name }
    }
}

#[async_trait]
impl ToldStore for PostgresTold {
    async fn find(&self, recipient: &str) -> Result<Option<Told>> {
        let rows = self.database.rows(sqlx::query(FIND).bind(recipient)).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut told = Told::with_capacity(rows.len());
        for row in &rows {
            if let Some(seq) = column::<Option<i64>>(row, "seq")? {
                told.insert(id_of(row, "order_id")?, EventSeq(number(seq)));
            }
        }
        Ok(Some(told))
    }

    async fn replace(&self, recipient: &str, told: &Told) -> Result<()> {
        let (orders, events): (Vec<_>, Vec<_>) =
            told.iter().map(|(order, seq)| (order.to_string(), stored(seq.0))).unzip();
        self.database.rows(sqlx::query(REPLACE).bind(recipient).bind(orders).bind(events)).await?;
        Ok(())
    }

    async fn note(&self, recipient: &str, order: OrderId, seq: EventSeq) -> Result<()> {
        let statement = sqlx::query(NOTE).bind(recipient).bind(order.to_string()).bind(stored(seq.0));
        self.database.rows(statement).await?;
        Ok(())
    }

    async fn take_turn(&self, recipient: &str, turn: Duration) -> Result<bool> {
        let statement = sqlx::query(TAKE_TURN).bind(recipient).bind(&self.name).bind(stored(turn.as_micros()));
        Ok(!self.database.rows(statement).await?.is_empty())
    }

    async fn end_turn(&self, recipient: &str) -> Result<()> {
        self.database.rows(sqlx::query(END_TURN).bind(recipient).bind(&self.name)).await?;
        Ok(())
    }
}
