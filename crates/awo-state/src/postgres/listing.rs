//! Lists of orders, in one statement: what matches, how many they are, and which cannot be read.

use awo_models::OrderId;
use sqlx::Row as _;

use super::Postgres;
use super::documents::{FORMAT, column, number, stored};
use super::reading::{damage, id_of, without_results};
use super::writing::lower;
use crate::{OrderQuery, OrderRow, Page, Result};

/// The same question as `OrderQuery::matches`.
const LIST: &str = "
    WITH matching AS (
        SELECT id FROM orders
        WHERE format <= $1
            AND NOT EXISTS (SELECT FROM damaged WHERE order_id = id)
            AND ($2::text[] IS NULL OR status = ANY ($2))
            AND ($3::bytea IS NULL OR repository = $3)
            AND ($4::bytea IS NULL OR position($4 IN branch) > 0
                OR EXISTS (SELECT FROM unnest(searched) AS one (words) WHERE position($4 IN words) > 0))
    ), page AS (
        SELECT id FROM matching WHERE $5::text IS NULL OR id < $5 ORDER BY id DESC LIMIT $6
    ), unreadable AS (
        SELECT id FROM orders WHERE format > $1
        UNION
        SELECT id FROM orders JOIN damaged ON order_id = id
    )
    SELECT (SELECT count(*) FROM matching) AS total,
        ARRAY (SELECT id FROM unreadable ORDER BY id) AS unreadable,
        listed.id, listed.seq, listed.epoch, listed.bytes,
        listed.head, listed.spec, listed.created_at, listed.document
    FROM (VALUES (1)) AS always
    LEFT JOIN (
        SELECT id, seq, epoch, bytes, head::text AS head, spec::text AS spec, created_at::text AS created_at,
            state::text AS document
        FROM orders JOIN page USING (id)
    ) AS listed ON true
    ORDER BY listed.id DESC";

pub(super) async fn page(database: &Postgres, query: &OrderQuery) -> Result<Page> {
    let status: Vec<_> = query.status.iter().map(|status| status.as_str()).collect();
    let statement = sqlx::query(LIST)
        .bind(FORMAT)
        .bind(Some(status).filter(|status| !status.is_empty()))
        .bind(query.repository_url.as_ref().map(String::as_bytes))
        .bind(query.text.as_ref().map(|text| lower(text)))
        .bind(query.after.map(|after| after.to_string()))
        .bind(stored(query.limit.saturating_add(1)));
    let rows = database.rows(statement).await?;
    let mut page = Page::default();
    let mut last = None;
    for (place, row) in rows.iter().enumerate() {
        if place == 0 {
            page.total = usize::try_from(number(column(row, "total")?)).unwrap_or(usize::MAX);
            let unreadable: Vec<String> = column(row, "unreadable")?;
            page.damaged = unreadable.into_iter().filter_map(|id| id.parse().ok()).collect();
        }
        if row.try_get::<Option<&str>, _>("id").ok().flatten().is_none() {
            break; // nothing matches
        }
        if place == query.limit {
            page.next = last.or(query.after);
            break;
        }
        let id = id_of(row, "id")?;
        last = Some(id);
        match without_results(id, row)? {
            Ok(standing) => page.items.push(OrderRow {
                order: standing.order,
                seq: standing.head.seq,
                epoch: standing.head.epoch,
                bytes: number(column(row, "bytes")?),
            }),
            Err(why) => {
                damage(database, id, why).await;
                page.total -= 1;
                add(&mut page.damaged, id);
            }
        }
    }
    Ok(page)
}

fn add(damaged: &mut Vec<OrderId>, id: OrderId) {
    if let Err(place) = damaged.binary_search(&id) {
        damaged.insert(place, id);
    }
}
