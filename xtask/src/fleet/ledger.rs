//! What the tables of the database must say in the end, asked of the database alone.

use anyhow::Result;

use crate::postgres::Cluster;

/// What must give no row, and what it is that a row tells of.
const WRONG: &[(&str, &str)] = &[
    (
        "events with a gap or a repeat",
        "SELECT order_id, count(*), min(number), max(number) FROM awo.events GROUP BY order_id
         HAVING min(number) <> 1 OR max(number) <> count(*)",
    ),
    (
        "results with a gap or a repeat",
        "SELECT order_id, count(*), min(number), max(number) FROM awo.steps GROUP BY order_id
         HAVING min(number) <> 0 OR max(number) <> count(*) - 1",
    ),
    (
        "an order whose version is not that of its last event",
        "SELECT id, seq FROM awo.orders
         WHERE seq <> (SELECT coalesce(max(number), 0) FROM awo.events WHERE order_id = id)",
    ),
    ("an order that has not ended", "SELECT id, status FROM awo.orders WHERE status IN ('pending', 'running')"),
    ("a damaged order", "SELECT order_id, why FROM awo.damaged"),
    (
        "an event that says another number than it has",
        "SELECT order_id, number FROM awo.events WHERE (document ->> 'seq')::bigint <> number",
    ),
    (
        "an epoch that falls",
        "SELECT order_id, number, before, epoch FROM (
             SELECT order_id, number, (document ->> 'epoch')::bigint AS epoch,
                 lag((document ->> 'epoch')::bigint) OVER (PARTITION BY order_id ORDER BY number) AS before
             FROM awo.events
         ) AS epochs WHERE epoch < before",
    ),
    (
        "a claim that is not by one epoch more",
        "SELECT order_id, number FROM (
             SELECT order_id, number, document ->> 'kind' AS kind, (document ->> 'epoch')::bigint AS epoch,
                 count(*) FILTER (WHERE document ->> 'kind' = 'claimed') OVER (PARTITION BY order_id ORDER BY number) AS claims
             FROM awo.events
         ) AS counted WHERE epoch <> claims",
    ),
    (
        "an order with more than one end",
        "SELECT order_id, count(*) FROM awo.events WHERE document ->> 'kind' = 'ended' GROUP BY order_id
         HAVING count(*) > 1",
    ),
];

/// What is wrong in the tables, which must hold these orders and no others.
pub(super) fn wrong_in(cluster: &Cluster, ids: &[String]) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for (what, rows) in WRONG {
        wrong.extend(cluster.ask(rows)?.into_iter().map(|row| format!("{what}: {row}")));
    }
    let mut known = ids.to_vec();
    known.sort();
    let there = cluster.ask("SELECT id FROM awo.orders ORDER BY id")?;
    if there != known {
        wrong.push(format!("the orders {there:?} are there, and {known:?} were told of"));
    }
    Ok(wrong)
}
