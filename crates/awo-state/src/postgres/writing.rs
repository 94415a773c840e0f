//! The statements that change orders. Each is one statement: stored whole or not at all.

use awo_models::{AgentWorkOrder, EventKind, OrderId, StepHistory};
use sqlx::postgres::PgRow;

use super::Postgres;
use super::connection::Statement;
use super::documents::{FORMAT, column, stored, text, texts};
use super::error::Trouble;
use super::reading::id_of;
use crate::{Change, Delta, Head, StoredOrder};

/// What became of a guarded write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// It is stored.
    Yes,
    /// The order is not what the write was decided on; nothing was changed.
    Moved,
    /// The order has an owner whose lease lives; nothing was changed.
    Held,
}

/// The guard, and the new head, fields, results and events behind it. The row of the order is locked first, so that
/// whoever comes second sees that it moved. An order that a newer program goes on with is one that older programs leave alone.
const SAVE: &str = "
    WITH held AS (
        SELECT 1 FROM leases WHERE order_id = $1 AND worker <> $14 AND until > clock_timestamp()
    ), moved AS (
        UPDATE orders SET seq = $5, epoch = $6, head = $7::json, state = $8::json, status = $9, held = $10, branch = $11,
            bytes = bytes + $15, format = greatest(format, $4)
        WHERE id = $1 AND seq = $2 AND epoch = $3 AND format <= $4
            AND NOT EXISTS (SELECT FROM held)
            AND NOT EXISTS (SELECT FROM damaged WHERE order_id = $1)
        RETURNING id
    ), results AS (
        INSERT INTO steps (order_id, number, document)
        SELECT id, $12 + place - 1, document::json
        FROM moved, unnest($13::text[]) WITH ORDINALITY AS new (document, place)
    ), told AS (
        INSERT INTO events (order_id, number, document)
        SELECT id, $2 + place, document::json
        FROM moved, unnest($16::text[]) WITH ORDINALITY AS new (document, place)
    )
    SELECT EXISTS (SELECT FROM moved) AS moved, EXISTS (SELECT FROM held) AS held";

/// A whole order, if neither its id nor its key is taken.
const INSERT: &str = "
    WITH made AS (
        INSERT INTO orders (id, format, seq, epoch, head, spec, created_at, state, status, held, repository, agent,
            idempotency_key, searched, branch, bytes, priority, labels)
        VALUES ($1, $2, $3, $4, $5::json, $6::json, $7::json, $8::json, $9, $10, $11, $12, $13, $14, $15, $16, $19, $20)
        ON CONFLICT DO NOTHING
        RETURNING id
    ), results AS (
        INSERT INTO steps (order_id, number, document)
        SELECT id, place - 1, document::json
        FROM made, unnest($17::text[]) WITH ORDINALITY AS new (document, place)
    ), told AS (
        INSERT INTO events (order_id, number, document)
        SELECT id, place, document::json
        FROM made, unnest($18::text[]) WITH ORDINALITY AS new (document, place)
    )
    SELECT id FROM made";

const DELETE: &str = "
    WITH gone AS (
        DELETE FROM orders
        WHERE id = $1 AND seq = $2 AND epoch = $3 AND NOT EXISTS (SELECT FROM damaged WHERE order_id = $1)
        RETURNING id
    ), results AS (
        DELETE FROM steps USING gone WHERE order_id = id
    ), told AS (
        DELETE FROM events USING gone WHERE order_id = id
    ), leased AS (
        DELETE FROM leases USING gone WHERE order_id = id
    )
    SELECT id FROM gone";

/// Stores what a change adds to the order that it was decided on. `order` is the order after it.
pub(super) async fn save(
    database: &Postgres,
    before: &Head,
    order: &AgentWorkOrder,
    history: Option<&StepHistory>,
    change: &Change,
    delta: &Delta,
) -> Result<Written, Trouble> {
    let results = texts(delta.new_steps.clone().filter_map(|place| history.and_then(|history| history.get(place))))?;
    let events = texts(&delta.events)?;
    let added: usize = results.iter().chain(&events).map(String::len).sum();
    let head = &delta.head;
    let statement = sqlx::query(SAVE)
        .bind(order.agent_work_order_id.to_string())
        .bind(stored(before.seq.0))
        .bind(stored(before.epoch.0))
        .bind(FORMAT)
        .bind(stored(head.seq.0))
        .bind(stored(head.epoch.0))
        .bind(text(head)?)
        .bind(text(&order.state)?)
        .bind(head.status.as_str())
        .bind(head.held)
        .bind(branch(order))
        .bind(stored(delta.new_steps.start))
        .bind(results)
        .bind(claimant(change))
        .bind(stored(added))
        .bind(events);
    let row = database.row(statement).await?.ok_or(sqlx::Error::RowNotFound)?;
    Ok(if column(&row, "moved")? {
        Written::Yes
    } else if column(&row, "held")? {
        Written::Held
    } else {
        Written::Moved
    })
}

/// Results and events that are sent at once: see those that are read.
const RESULTS: usize = 16;
const EVENTS: usize = 4_096;

/// Stores a whole order; false if its id or its key is taken. One statement, unless it is long.
pub(super) async fn insert(database: &Postgres, whole: &StoredOrder) -> Result<bool, Trouble> {
    let bytes = bytes_of(whole)?;
    if whole.history.len() <= RESULTS && whole.events.len() <= EVENTS {
        return Ok(database.row(first_part(whole, bytes)?).await?.is_some());
    }
    // Whoever gives up in between closes the connection, and nothing of it is stored.
    let mut lent = database.lend().await?;
    lent.run(sqlx::query("BEGIN")).await?;
    let is_new = !lent.rows(first_part(whole, bytes)?).await?.is_empty();
    if is_new {
        let id = whole.order.agent_work_order_id.to_string();
        for place in (RESULTS..whole.history.len()).step_by(RESULTS) {
            let part = texts(whole.history.iter().skip(place).take(RESULTS))?;
            lent.run(sqlx::query(MORE_RESULTS).bind(&id).bind(stored(place)).bind(part)).await?;
        }
        for place in (EVENTS..whole.events.len()).step_by(EVENTS) {
            let part = texts(whole.events.iter().skip(place).take(EVENTS))?;
            lent.run(sqlx::query(MORE_EVENTS).bind(&id).bind(stored(place)).bind(part)).await?;
        }
    }
    lent.run(sqlx::query("COMMIT")).await?;
    lent.give_back();
    Ok(is_new)
}

const MORE_RESULTS: &str = "
    INSERT INTO steps (order_id, number, document)
    SELECT $1, $2 + place - 1, document::json FROM unnest($3::text[]) WITH ORDINALITY AS new (document, place)";

const MORE_EVENTS: &str = "
    INSERT INTO events (order_id, number, document)
    SELECT $1, $2 + place, document::json FROM unnest($3::text[]) WITH ORDINALITY AS new (document, place)";

/// What the database counts of an order.
fn bytes_of(whole: &StoredOrder) -> Result<usize, Trouble> {
    let mut bytes = text(&whole.order.spec)?.len();
    for result in whole.history.iter() {
        bytes += text(result)?.len();
    }
    for event in &whole.events {
        bytes += text(event)?.len();
    }
    Ok(bytes)
}

fn first_part(whole: &StoredOrder, bytes: usize) -> Result<Statement<'_>, Trouble> {
    let StoredOrder { order, head, history, events } = whole;
    let statement = sqlx::query(INSERT)
        .bind(order.agent_work_order_id.to_string())
        .bind(FORMAT)
        .bind(stored(head.seq.0))
        .bind(stored(head.epoch.0))
        .bind(text(head)?)
        .bind(text(&order.spec)?)
        .bind(text(&order.created_at)?)
        .bind(text(&order.state)?)
        .bind(head.status.as_str())
        .bind(head.held)
        .bind(order.spec.repository_url.as_bytes())
        .bind(order.spec.agent.as_bytes())
        .bind(key(order))
        .bind(searched(order))
        .bind(branch(order))
        .bind(stored(bytes))
        .bind(texts(history.iter().take(RESULTS))?)
        .bind(texts(events.iter().take(EVENTS))?)
        .bind(order.spec.priority)
        .bind(order.spec.labels.iter().map(ToString::to_string).collect::<Vec<_>>());
    Ok(statement)
}

/// The order that has the id or the idempotency key of another one.
pub(super) async fn taken(database: &Postgres, order: &AgentWorkOrder) -> Result<Option<OrderId>, Trouble> {
    let statement = sqlx::query(
        "SELECT id FROM orders WHERE id = $1 OR sha256(idempotency_key) = sha256($2) ORDER BY id <> $1 LIMIT 1",
    );
    let statement = statement.bind(order.agent_work_order_id.to_string()).bind(key(order));
    let found = database.row(statement).await?;
    found.as_ref().map(|row: &PgRow| id_of(row, "id")).transpose()
}

/// Removes an order that is still what its head says; false if it is not.
pub(super) async fn delete(database: &Postgres, id: OrderId, head: &Head) -> Result<bool, Trouble> {
    let statement = sqlx::query(DELETE).bind(id.to_string()).bind(stored(head.seq.0)).bind(stored(head.epoch.0));
    Ok(database.row(statement).await?.is_some())
}

/// Who claims, if it is a claim.
fn claimant(change: &Change) -> Option<&str> {
    change.claim()?;
    change.recorded().iter().find_map(|recorded| match &recorded.kind {
        EventKind::Claimed { worker } => Some(&**worker),
        _ => None,
    })
}

fn key(order: &AgentWorkOrder) -> Option<&[u8]> {
    order.spec.idempotency.as_ref().map(|idempotency| idempotency.key.as_bytes())
}

/// The texts that lists search and that never change. In lower case by our rules, not by those of the database.
fn searched(order: &AgentWorkOrder) -> Vec<Vec<u8>> {
    let id = order.agent_work_order_id.to_string();
    [&*order.spec.user_request, &*order.spec.repository_url, &id].map(lower).into()
}

/// The text that lists search and that changes.
fn branch(order: &AgentWorkOrder) -> Vec<u8> {
    lower(order.state.git_branch_name.as_deref().unwrap_or(""))
}

/// A text as it is searched for and searched in.
pub(super) fn lower(text: &str) -> Vec<u8> {
    text.to_lowercase().into_bytes()
}
