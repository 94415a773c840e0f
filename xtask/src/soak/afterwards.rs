//! What must be so when the load is over: every order that is there has ended, and when they are deleted, nothing is left.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::place::Place;
use crate::crash::{data_dir, processes};
use crate::server::{Server, answer, call};

/// What only the work needed is gone so long after the last order has ended.
const TIDY_WITHIN: Duration = Duration::from_secs(15);

/// Looks at the orders, deletes them, and looks at what is left then, while the server runs and after it has ended.
pub(super) fn look(place: &Place, server: &Server, address: &str, probed: &str) -> Result<Vec<String>> {
    let (status, listed) = call(address, "GET /agent-work-orders?limit=1000", "", "")?;
    ensure!(status == 200, "the list was answered with {status}");
    let listed = listed.as_array().context("orders are a list")?;
    let mut wrong: Vec<_> = listed.iter().filter_map(|order| not_ended(order, probed)).collect();
    // Checkouts of orders that failed, were cancelled or were not to be delivered stay as long as these are there.
    let ids = listed.iter().filter_map(|order| order["agent_work_order_id"].as_str()).filter(|id| *id != probed);
    for id in ids {
        let (status, _, body) = answer(address, &format!("DELETE /agent-work-orders/{id}"), "")?;
        if status != 204 {
            wrong.push(format!("deleting {id} was answered with {status}: {body}"));
        }
    }
    wrong.extend(leftovers(place, &[probed], Some(server.process()))?);
    let status = server.terminate()?;
    if !status.success() {
        wrong.push(format!("told to end, the server ended with {status}"));
    }
    wrong.extend(leftovers(place, &[probed], None)?);
    if fs::metadata(place.data().join("LOCK")).is_ok_and(|lock| lock.len() != 0) {
        wrong.push("LOCK names a holder after an orderly end".to_owned());
    }
    Ok(wrong)
}

/// Says of an order that it has not ended. That of the probe was never started.
fn not_ended(order: &Value, probed: &str) -> Option<String> {
    let (id, status) = (&order["agent_work_order_id"], &order["status"]);
    let ended = ["completed", "failed", "cancelled"].iter().any(|end| status == end);
    (!ended && id != probed).then(|| format!("{id} is {status} in the end"))
}

/// Files and processes that only the work needed, after a while.
fn leftovers(place: &Place, ids: &[&str], except: Option<u32>) -> Result<Vec<String>> {
    let deadline = Instant::now() + TIDY_WITHIN;
    loop {
        let mut left = data_dir::leftovers(&data_dir::entries(&place.data())?, ids);
        left.extend(processes::of(place.path(), except)?);
        if left.is_empty() || Instant::now() > deadline {
            return Ok(left);
        }
        thread::sleep(Duration::from_millis(100));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_order_that_has_not_ended_is_named() {
        let order = |id: &str, status: &str| json!({"agent_work_order_id": id, "status": status});
        assert_eq!(not_ended(&order("wo-1", "completed"), "wo-2"), None);
        assert_eq!(not_ended(&order("wo-2", "pending"), "wo-2"), None);
        assert!(not_ended(&order("wo-1", "running"), "wo-2").unwrap().contains("wo-1"));
    }
}
