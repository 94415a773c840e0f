//! An order as it is stored: read in parts, put together, and held against itself.

use std::sync::Arc;

use awo_models::{AgentWorkOrder, Event, EventSeq, OrderId, OrderSpec, OrderState, StepExecutionResult, StepHistory};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use tracing::warn;

use super::Postgres;
use super::connection::Statement;
use super::documents::{FORMAT, column, number, parsed, stored};
use super::error::Trouble;
use super::heads::Standing;
use crate::{BoxError, Head, Result, StateError, StoredOrder};

/// How much of an order is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) enum Depth {
    /// What a write is decided on.
    Standing,
    /// Its results, too.
    Results,
    /// All.
    Events,
}

/// Results and events of one part. No part takes long to send: a result has a megabyte at most, an event some hundred bytes.
const RESULTS: usize = 16;
const EVENTS: usize = 4_096;

/// The order first, then its next results, then its next events; all of one moment, as it is one statement.
const ORDER: &str = "
    SELECT 0 AS part, 0::bigint AS number, format, damaged.order_id IS NOT NULL AS damaged,
        head::text AS head, spec::text AS spec, created_at::text AS created_at, state::text AS document
    FROM orders LEFT JOIN damaged ON damaged.order_id = orders.id
    WHERE id = $1
    UNION ALL
    (SELECT 1, number, NULL, NULL, NULL, NULL, NULL, document::text FROM steps
    WHERE order_id = $1 AND number >= $2 ORDER BY number LIMIT $3)
    UNION ALL
    (SELECT 2, number, NULL, NULL, NULL, NULL, NULL, document::text FROM events
    WHERE order_id = $1 AND number > $4 ORDER BY number LIMIT $5)
    ORDER BY part, number";

/// Events of an order, and one row without one if there are none.
const PAGE_OF_EVENTS: &str = "
    SELECT format, damaged.order_id IS NOT NULL AS damaged, told.document
    FROM orders
    LEFT JOIN damaged ON damaged.order_id = orders.id
    LEFT JOIN LATERAL (
        SELECT number, document::text AS document FROM events
        WHERE order_id = orders.id AND number > $2 ORDER BY number LIMIT $3
    ) AS told ON true
    WHERE id = $1
    ORDER BY told.number";

/// Reads an order; `None` for an unknown one.
pub(super) async fn order(database: &Postgres, id: OrderId, depth: Depth) -> Result<Option<StoredOrder>> {
    let Some(mut read) = read(database, id, depth, &StepHistory::default()).await? else { return Ok(None) };
    if read.known_damaged && read.found.is_ok() && depth < Depth::Events {
        // Somebody may have found damage in what was not read now. Only all of it tells whether it is mended.
        match self::read(database, id, Depth::Events, &StepHistory::default()).await? {
            Some(whole) => read = whole,
            None => return Ok(None),
        }
    }
    match read.found {
        Ok(found) => {
            if read.known_damaged {
                forgive(database, id).await?;
            }
            Ok(Some(found))
        }
        Err(why) => Err(damage(database, id, why).await),
    }
}

/// The same with its results, of which the first are known: what comes over the wire is the others.
pub(super) async fn order_beyond(
    database: &Postgres,
    id: OrderId,
    results: &StepHistory,
) -> Result<Option<StoredOrder>> {
    if !results.is_empty()
        && let Some(Read { found: Ok(found), known_damaged: false }) =
            read(database, id, Depth::Results, results).await?
    {
        return Ok(Some(found));
    }
    // None is known, or it is another order by now, or damaged.
    order(database, id, Depth::Results).await
}

/// What was read of an order that is there.
struct Read {
    found: Result<StoredOrder, BoxError>,
    known_damaged: bool,
}

/// Reads an order by parts, behind results that are known. Results and events that are stored never change, so those of
/// earlier parts belong to the order as the last part has it.
async fn read(database: &Postgres, id: OrderId, depth: Depth, results: &StepHistory) -> Result<Option<Read>> {
    let (mut history, mut events) = (results.clone(), Vec::new());
    loop {
        let read_before = (history.len(), events.len());
        let rows = database.rows(next_part(id, depth, &history, &events)).await?;
        let Some((first, rest)) = rows.split_first() else { return Ok(None) };
        if part(first)? != 0 {
            return Ok(None); // what an earlier order of this id left would be no order
        }
        readable(id, first)?;
        let known_damaged: bool = column(first, "damaged")?;
        if known_damaged && depth == Depth::Standing {
            return Err(known(id));
        }
        let standing = match add(rest, &mut history, &mut events)? {
            Ok(()) => without_results(id, first)?,
            Err(why) => Err(why),
        };
        let Standing { head, order } = match standing {
            Ok(standing) => standing,
            Err(why) => return Ok(Some(Read { found: Err(why), known_damaged })),
        };
        let (results, told) = (history.len() - read_before.0, events.len() - read_before.1);
        if results < RESULTS && told < EVENTS {
            let found = checked(StoredOrder { order, head, history, events }, depth);
            return Ok(Some(Read { found, known_damaged }));
        }
    }
}

fn next_part<'q>(id: OrderId, depth: Depth, history: &StepHistory, events: &[Arc<Event>]) -> Statement<'q> {
    let asked = |deep_enough, most| stored(if deep_enough { most } else { 0 });
    sqlx::query(ORDER)
        .bind(id.to_string())
        .bind(stored(history.len()))
        .bind(asked(depth >= Depth::Results, RESULTS))
        .bind(stored(events.len()))
        .bind(asked(depth >= Depth::Events, EVENTS))
}

/// What a write of an order is decided on.
pub(super) async fn standing(database: &Postgres, id: OrderId) -> Result<Standing> {
    let found = order(database, id, Depth::Standing).await?.ok_or(StateError::NotFound(id))?;
    Ok(Standing { head: found.head, order: found.order })
}

/// Events of an order.
pub(super) async fn events(database: &Postgres, id: OrderId, after: EventSeq, limit: usize) -> Result<Vec<Arc<Event>>> {
    let statement = sqlx::query(PAGE_OF_EVENTS).bind(id.to_string()).bind(stored(after.0)).bind(stored(limit));
    let rows = database.rows(statement).await?;
    let first = rows.first().ok_or(StateError::NotFound(id))?;
    readable(id, first)?;
    if column(first, "damaged")? {
        return Err(known(id));
    }
    let mut events = Vec::with_capacity(rows.len());
    let mut before = after.0;
    for row in &rows {
        let Some(text) = column::<Option<&str>>(row, "document")? else { break };
        match parsed::<Event>(text) {
            Ok(event) if event.seq.0.checked_sub(1) == Some(before) => {
                before = event.seq.0;
                events.push(Arc::new(event));
            }
            Ok(_) => return Err(damage(database, id, "its events have a gap".into()).await),
            Err(why) => return Err(damage(database, id, why).await),
        }
    }
    Ok(events)
}

/// An order from the row of it that lists and writes read.
pub(super) fn without_results(id: OrderId, row: &PgRow) -> Result<Result<Standing, BoxError>, Trouble> {
    let (head, spec): (&str, &str) = (column(row, "head")?, column(row, "spec")?);
    let (created_at, state): (&str, &str) = (column(row, "created_at")?, column(row, "document")?);
    let parse = || -> Result<Standing, BoxError> {
        let (head, spec) = (parsed::<Head>(head)?, Arc::new(parsed::<OrderSpec>(spec)?));
        let state = parsed::<OrderState>(state)?;
        if (head.status, head.held) != (state.status, state.held) {
            return Err("its head and its fields differ".into());
        }
        let order = AgentWorkOrder { agent_work_order_id: id, created_at: parsed(created_at)?, spec, state };
        Ok(Standing { head, order: Arc::new(order) })
    };
    Ok(parse())
}

/// Adds the results and events of a part to those before.
fn add(
    rows: &[PgRow],
    history: &mut StepHistory,
    events: &mut Vec<Arc<Event>>,
) -> Result<Result<(), BoxError>, Trouble> {
    for row in rows {
        let (part, place) = (part(row)?, number(column(row, "number")?));
        let text: &str = column(row, "document")?;
        let fits = if part == 1 {
            parsed::<StepExecutionResult>(text)
                .map(|result| history.push(result))
                .map(|()| place + 1 == history.len() as u64)
        } else {
            parsed::<Event>(text).map(|event| events.push(Arc::new(event))).map(|()| place == events.len() as u64)
        };
        match fits {
            Ok(true) => {}
            Ok(false) => return Ok(Err("its results or its events have a gap".into())),
            Err(why) => return Ok(Err(why)),
        }
    }
    Ok(Ok(()))
}

/// Holds what was read against itself, as far as it was read.
fn checked(found: StoredOrder, depth: Depth) -> Result<StoredOrder, BoxError> {
    match depth {
        Depth::Results if !found.head.fits(&found.order, &found.history) => {
            Err("its results are not those it was stored with".into())
        }
        Depth::Events => found.check().map(|()| found).map_err(Into::into),
        _ => Ok(found),
    }
}

fn part(row: &PgRow) -> Result<i32, Trouble> {
    column(row, "part")
}

/// Refuses what a newer program has stored.
fn readable(id: OrderId, row: &PgRow) -> Result<()> {
    let format: i32 = column(row, "format")?;
    if format <= FORMAT {
        return Ok(());
    }
    let (found, known) = (format.unsigned_abs(), FORMAT.unsigned_abs());
    Err(StateError::UnsupportedVersion { id, found, known })
}

fn known(id: OrderId) -> StateError {
    StateError::Corrupt { id, source: "it was found to be damaged before; see the table `damaged`".into() }
}

/// Notes that an order is damaged, so that lists can name it. If that cannot be noted, the next reader finds it again.
pub(super) async fn damage(database: &Postgres, id: OrderId, why: BoxError) -> StateError {
    let note = sqlx::query("INSERT INTO damaged (order_id, why) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    // The reason is for people; the type of the column has no NUL.
    let noted = database.rows(note.bind(id.to_string()).bind(why.to_string().replace('\0', "␀"))).await;
    if let Err(error) = noted {
        warn!(agent_work_order_id = %id, %error, "damaged_order_not_noted");
    }
    StateError::Corrupt { id, source: why }
}

/// Somebody has mended it.
async fn forgive(database: &Postgres, id: OrderId) -> Result<()> {
    database.rows(sqlx::query("DELETE FROM damaged WHERE order_id = $1").bind(id.to_string())).await?;
    Ok(())
}

/// An id from a column.
pub(super) fn id_of(row: &PgRow, name: &str) -> Result<OrderId, Trouble> {
    let text: &str = row.try_get(name)?;
    text.parse()
        .map_err(|error| Trouble::Driver(sqlx::Error::ColumnDecode { index: name.into(), source: Box::new(error) }))
}
