//! Leases in PostgreSQL. Each call is one statement, by the clock of the database.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use awo_models::{EventSeq, OrderId};
use sqlx::postgres::PgRow;

use super::Postgres;
use super::documents::{column, number, stored};
use super::error::Trouble;
use super::reading::id_of;
use crate::{Fleet, LeasedOrder, Leases, Renewal, Result, SeenWorker, Wants, Worker};

/// The rule is in the function, which takes its turn among all callers to whom there is something to give.
const ACQUIRE: &str = "SELECT id FROM acquire($1, $2, $3, $4 * interval '1 microsecond', $5, $6, $7, $8) AS given (id)";

/// A lease that somebody else is busy with is skipped, so that one order in trouble does not hold up the others. One on an order
/// that was deleted is none.
const RENEW: &str = "
    WITH heard AS (
        INSERT INTO workers (name, host, version, labels, max_running)
        SELECT $1, $4, $5, $6, $7 FROM hear($3 * interval '1 microsecond')
        ON CONFLICT (name) DO UPDATE SET host = excluded.host, version = excluded.version, labels = excluded.labels,
            max_running = excluded.max_running, seen_at = clock_timestamp()
    ), its AS (
        SELECT order_id FROM leases
        WHERE worker = $1 AND order_id = ANY ($2) AND until > clock_timestamp()
            AND EXISTS (SELECT FROM orders WHERE id = order_id)
        FOR UPDATE SKIP LOCKED
    ), renewed AS (
        UPDATE leases SET until = clock_timestamp() + $3 * interval '1 microsecond'
        FROM its WHERE leases.order_id = its.order_id
        RETURNING leases.order_id
    )
    SELECT asked.id, orders.seq, renewed.order_id IS NOT NULL AS renewed,
        orders.id IS NOT NULL AND coalesce(leases.worker = $1 AND leases.until > clock_timestamp(), false) AS skipped,
        (orders.head ->> 'cancel_requested')::boolean AS cancel_requested,
        coalesce((orders.head ->> 'prompts')::bigint, 0) > coalesce((orders.head ->> 'prompts_placed')::bigint, 0)
            AS prompt_waits
    FROM unnest($2::text[]) AS asked (id)
        LEFT JOIN renewed ON renewed.order_id = asked.id
        LEFT JOIN leases ON leases.order_id = asked.id
        LEFT JOIN orders ON orders.id = asked.id";

/// What it has let expire is for everybody, too.
const RELEASE: &str = "
    WITH ended AS (DELETE FROM leases WHERE order_id = $1 AND worker = $2)
    UPDATE in_line SET worker = NULL WHERE order_id = $1 AND worker = $2";

const LEAVE: &str = "SELECT FROM leave($1)";

/// The queue has one row, and the plan must know: one that expects thousands is compiled, which takes up to seconds.
const FLEET: &str = "
    SELECT paused, name, host, version, labels, max_running::bigint AS max_running,
        (extract(epoch FROM clock_timestamp() - seen_at) * 1000)::bigint AS unheard,
        ARRAY(
            SELECT order_id FROM leases WHERE worker = name AND until > clock_timestamp() ORDER BY order_id
        )::text[] AS orders
    FROM (SELECT paused FROM queue LIMIT 1) AS queue LEFT JOIN workers ON seen_at > clock_timestamp() - interval '1 day'
    ORDER BY name";

/// The leases on the orders of a database. Clones share them.
#[derive(Debug, Clone)]
pub struct PostgresLeases {
    database: Postgres,
}

impl PostgresLeases {
    /// Those of a database.
    pub fn new(database: &Postgres) -> Self {
        Self { database: database.clone() }
    }
}

#[async_trait]
impl Leases for PostgresLeases {
    async fn acquire(&self, worker: &Worker, wants: &Wants, lease: Duration) -> Result<Vec<OrderId>> {
        let statement = sqlx::query(ACQUIRE)
            .bind(&*worker.name)
            .bind(labels(worker))
            .bind(stored(wants.at_most))
            .bind(microseconds(lease))
            .bind(wants.takes_over)
            .bind(texts(&wants.except))
            .bind(wants.limits.per_repository.map(stored))
            .bind(wants.limits.per_agent.map(stored));
        let given = self.database.rows(statement).await?;
        Ok(given.iter().map(|row| id_of(row, "id")).collect::<Result<_, Trouble>>()?)
    }

    async fn renew(&self, worker: &Worker, orders: &[OrderId], lease: Duration) -> Result<Vec<Renewal>> {
        let statement = sqlx::query(RENEW)
            .bind(&*worker.name)
            .bind(texts(orders))
            .bind(microseconds(lease))
            .bind(&*worker.host)
            .bind(&*worker.version)
            .bind(labels(worker))
            .bind(i32::try_from(worker.max_running).unwrap_or(i32::MAX));
        let rows = self.database.renew(statement).await?;
        let told: Vec<_> = rows.iter().map(renewal).collect::<Result<_, Trouble>>()?;
        Ok(told.into_iter().flatten().collect())
    }

    async fn release(&self, worker: &str, order: OrderId) -> Result<()> {
        self.database.rows(sqlx::query(RELEASE).bind(order.to_string()).bind(worker)).await?;
        Ok(())
    }

    async fn leave(&self, worker: &str) -> Result<()> {
        self.database.rows(sqlx::query(LEAVE).bind(worker)).await?;
        Ok(())
    }

    async fn pause(&self, paused: bool) -> Result<()> {
        self.database.rows(sqlx::query("UPDATE queue SET paused = $1").bind(paused)).await?;
        Ok(())
    }

    async fn fleet(&self) -> Result<Fleet> {
        let rows = self.database.rows(sqlx::query(FLEET)).await?;
        let paused = rows.first().map(|row| column(row, "paused")).transpose()?;
        let workers: Vec<_> = rows.iter().map(seen).collect::<Result<_, Trouble>>()?;
        Ok(Fleet { workers: workers.into_iter().flatten().collect(), paused: paused.unwrap_or(false) })
    }
}

/// What a row says of a lease; nothing if somebody else was busy with it.
fn renewal(row: &PgRow) -> Result<Option<Renewal>, Trouble> {
    let order = id_of(row, "id")?;
    if column(row, "renewed")? {
        let seq = EventSeq(number(column(row, "seq")?));
        let cancel_requested = column::<Option<bool>>(row, "cancel_requested")?.unwrap_or(false);
        let prompt_waits = column::<Option<bool>>(row, "prompt_waits")?.unwrap_or(false);
        return Ok(Some(Renewal { order, mine: Some(LeasedOrder { seq, cancel_requested, prompt_waits }) }));
    }
    let skipped: bool = column(row, "skipped")?;
    Ok((!skipped).then_some(Renewal { order, mine: None }))
}

/// The worker of a row; none if there are no workers.
fn seen(row: &PgRow) -> Result<Option<SeenWorker>, Trouble> {
    let Some(name) = column::<Option<String>>(row, "name")? else { return Ok(None) };
    let labels: Vec<String> = column(row, "labels")?;
    let worker = Worker {
        name: name.into(),
        host: column::<String>(row, "host")?.into(),
        version: column::<String>(row, "version")?.into(),
        labels: labels.into_iter().map(Arc::from).collect(),
        max_running: usize::try_from(number(column(row, "max_running")?)).unwrap_or(usize::MAX),
    };
    let orders: Vec<String> = column(row, "orders")?;
    let orders = orders.iter().filter_map(|id| id.parse().ok()).collect();
    Ok(Some(SeenWorker { worker, unheard: Duration::from_millis(number(column(row, "unheard")?)), orders }))
}

fn labels(worker: &Worker) -> Vec<String> {
    worker.labels.iter().map(ToString::to_string).collect()
}

fn texts(orders: &[OrderId]) -> Vec<String> {
    orders.iter().map(OrderId::to_string).collect()
}

fn microseconds(lease: Duration) -> i64 {
    stored(lease.as_micros())
}
