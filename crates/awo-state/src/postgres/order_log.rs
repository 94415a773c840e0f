//! Logs of orders in rows.

use std::sync::Arc;

use async_trait::async_trait;
use awo_models::OrderId;

use super::Postgres;
use super::documents::{column, number, parsed, stored, texts};
use super::reading::id_of;
use crate::{LogBounds, LogEntry, LogLine, LogPage, LogQuery, OrderLog, Result};

/// Logs in PostgreSQL. Clones share their data.
///
/// Lines are committed like everything else, and survive what commits survive.
#[derive(Debug, Clone)]
pub struct PostgresOrderLog {
    database: Postgres,
    bounds: LogBounds,
}

impl PostgresOrderLog {
    /// The logs of a database.
    pub fn new(database: &Postgres) -> Self {
        Self::with_bounds(database, LogBounds::default())
    }

    /// The same, keeping so much of each order.
    pub fn with_bounds(database: &Postgres, bounds: LogBounds) -> Self {
        Self { database: database.clone(), bounds }
    }

    /// Lets the oldest lines go. With some room, so that this is not to be done with every line.
    async fn shorten(&self, id: OrderId) -> Result<()> {
        let LogBounds { lines, bytes } = self.bounds;
        let statement = sqlx::query(SHORTEN).bind(id.to_string()).bind(stored(lines - lines / 4));
        self.database.rows(statement.bind(stored(bytes - bytes / 4))).await?;
        Ok(())
    }
}

/// The row that counts is locked first, so that numbers have no gaps whoever appends.
const APPEND: &str = "
    WITH counted AS (
        INSERT INTO logs (order_id, last, bytes) VALUES ($1, cardinality($2::text[]), $4)
        ON CONFLICT (order_id) DO UPDATE SET last = logs.last + excluded.last, bytes = logs.bytes + excluded.bytes
        RETURNING order_id, last, bytes
    ), added AS (
        INSERT INTO log_lines (order_id, number, bytes, entry)
        SELECT order_id, last - cardinality($2) + place, size, entry::json
        FROM counted, unnest($2::text[], $3::bigint[]) WITH ORDINALITY AS new (entry, size, place)
    )
    SELECT last - coalesce((SELECT min(number) FROM log_lines WHERE order_id = $1), 1) + 1 AS lines, bytes FROM counted";

const SHORTEN: &str = "
    WITH counted AS (
        SELECT order_id FROM logs WHERE order_id = $1 FOR UPDATE
    ), told AS (
        SELECT number, row_number() OVER newest AS place, sum(bytes) OVER newest AS bytes
        FROM log_lines WHERE order_id = (SELECT order_id FROM counted)
        WINDOW newest AS (ORDER BY number DESC)
    ), gone AS (
        DELETE FROM log_lines AS old USING told
        WHERE old.order_id = $1 AND old.number = told.number
            AND told.place > 1 AND (told.place > $2 OR told.bytes > $3)
        RETURNING old.bytes
    )
    UPDATE logs SET bytes = bytes - coalesce((SELECT sum(bytes) FROM gone), 0)::bigint WHERE order_id = $1";

const READ: &str = "
    SELECT logs.last, coalesce((SELECT min(number) FROM log_lines WHERE order_id = $1), logs.last + 1) - 1 AS dropped,
        lines.number, lines.entry::text AS entry
    FROM logs LEFT JOIN log_lines AS lines ON lines.order_id = logs.order_id AND lines.number > $2
    WHERE logs.order_id = $1
    ORDER BY lines.number";

#[async_trait]
impl OrderLog for PostgresOrderLog {
    async fn append(&self, id: OrderId, entries: &[LogEntry]) -> Result<()> {
        let sizes = entries.iter().map(LogEntry::checked_size).collect::<Result<Vec<_>>>()?;
        if entries.is_empty() {
            return Ok(());
        }
        let all: usize = sizes.iter().sum();
        let sizes: Vec<_> = sizes.into_iter().map(stored).collect();
        let statement = sqlx::query(APPEND).bind(id.to_string()).bind(texts(entries)?).bind(sizes).bind(stored(all));
        let Some(row) = self.database.row(statement).await? else { return Ok(()) };
        let (lines, bytes) = (number(column(&row, "lines")?), number(column(&row, "bytes")?));
        if lines > self.bounds.lines || bytes > self.bounds.bytes {
            self.shorten(id).await?;
        }
        Ok(())
    }

    async fn read(&self, id: OrderId, query: &LogQuery) -> Result<LogPage> {
        let rows = self.database.rows(sqlx::query(READ).bind(id.to_string()).bind(stored(query.after))).await?;
        let Some(first) = rows.first() else { return Ok(LogPage::default()) };
        let (last, dropped) = (number(column(first, "last")?), number(column(first, "dropped")?));
        let (mut lines, mut damaged) = (Vec::new(), 0);
        for row in &rows {
            let Some(place) = column::<Option<i64>>(row, "number")? else { continue };
            match parsed::<LogEntry>(column(row, "entry")?) {
                Ok(entry) => lines.push(Arc::new(LogLine { number: number(place), entry })),
                Err(_) => damaged += 1,
            }
        }
        Ok(LogPage { last, dropped, damaged, ..query.page(lines) })
    }

    async fn delete(&self, id: OrderId) -> Result<()> {
        // The second statement sees the lines that were added while the first one waited for them. Ids have nothing to escape.
        let delete = format!("DELETE FROM logs WHERE order_id = '{id}'; DELETE FROM log_lines WHERE order_id = '{id}'");
        Ok(self.database.script(delete).await?)
    }

    async fn orders(&self) -> Result<Vec<OrderId>> {
        let rows = self.database.rows(sqlx::query("SELECT order_id FROM logs ORDER BY order_id")).await?;
        Ok(rows.iter().map(|row| id_of(row, "order_id")).collect::<Result<_, _>>()?)
    }

    async fn size(&self, id: OrderId) -> Result<u64> {
        let statement = sqlx::query("SELECT bytes FROM logs WHERE order_id = $1").bind(id.to_string());
        let row = self.database.row(statement).await?;
        Ok(row.map(|row| column(&row, "bytes")).transpose()?.map_or(0, number))
    }
}
