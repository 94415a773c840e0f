//! Lists of orders, in one statement: what matches, how many they are, and which cannot be read.

use awo_models::OrderId;
use sqlx::Row as _;

use super::Postgres;
use super::documents::{FORMAT, column, number, stored};
use super::reading::{damage, id_of, without_results};
use super::writing::lower;
use crate::{OrderQuery, OrderRow, Page, Result};

/// The same question as `OrderQuery::matches`. Each part of it is read by an index where there is one for what is asked, and
/// the page does not wait for the count; `$how` says whether matching is done once for both, which is better where every order
/// must be looked at. By digests: see the indexes.
macro_rules! list {
    ($how:literal) => {
        concat!(
            "
    WITH unreadable AS (
        SELECT id FROM orders WHERE format > $1
        UNION
        SELECT id FROM orders JOIN damaged ON order_id = id
    ), matching AS ",
            $how,
            " (
        SELECT id FROM orders
        WHERE ($2::text[] IS NULL OR status = ANY ($2))
            AND ($3::bytea IS NULL OR sha256(repository) = sha256($3))
            AND ($4::bytea IS NULL OR position($4 IN branch) > 0
                OR EXISTS (SELECT FROM unnest(searched) AS one (words) WHERE position($4 IN words) > 0))
    ), page AS (
        SELECT id FROM matching
        WHERE ($5::text IS NULL OR id < $5) AND id NOT IN (SELECT id FROM unreadable)
        ORDER BY id DESC LIMIT $6
    )
    SELECT (SELECT count(*) FROM matching) - (SELECT count(*) FROM matching JOIN unreadable USING (id)) AS total,
        ARRAY (SELECT id FROM unreadable ORDER BY id) AS unreadable,
        listed.id, listed.seq, listed.epoch, listed.bytes,
        listed.head, listed.spec, listed.created_at, listed.document
    FROM (VALUES (1)) AS always
    LEFT JOIN (
        SELECT id, seq, epoch, bytes, head::text AS head, spec::text AS spec, created_at::text AS created_at,
            state::text AS document
        FROM orders JOIN page USING (id)
    ) AS listed ON true
    ORDER BY listed.id DESC"
        )
    };
}

const LIST: &str = list!("NOT MATERIALIZED");
const LIST_WITH_WORDS: &str = list!("MATERIALIZED");

pub(super) async fn page(database: &Postgres, query: &OrderQuery) -> Result<Page> {
    let status: Vec<_> = query.status.iter().map(|status| status.as_str()).collect();
    // Planned for what is asked this time: which index serves depends on it.
    let statement = sqlx::query(if query.text.is_some() { LIST_WITH_WORDS } else { LIST })
        .persistent(false)
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
