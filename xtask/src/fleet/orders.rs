//! The orders of a round: sent by several clients at once to several servers, with the same key each, and read in the end.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::party::REPOSITORY;
use super::verdict::{Stored, stored};
use crate::server::call;

/// Clients that send each order.
const CLIENTS: usize = 3;
/// Before a request is sent again.
const PAUSE: Duration = Duration::from_millis(20);
/// Longest time that a request is sent again and again.
const PATIENCE: Duration = Duration::from_mins(1);

const ORDERS: &str = "/agent-work-orders";

/// Sends an order by several clients with the same key, each until it is answered; the ids that they were told.
pub(super) fn submit(addresses: &[String], key: &str, request: &str) -> Result<Vec<String>> {
    let body = json!({"repository_url": REPOSITORY, "user_request": request}).to_string();
    let headers = format!("content-type: application/json\r\nidempotency-key: {key}\r\n");
    let told = thread::scope(|scope| {
        let clients = (0..CLIENTS).map(|client| {
            let address = &addresses[client % addresses.len()];
            let (headers, body) = (&headers, &body);
            scope.spawn(move || insist(address, &format!("POST {ORDERS}"), headers, body))
        });
        let clients: Vec<_> = clients.collect();
        clients.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    let mut ids = Vec::new();
    for answer in told {
        let (status, order) = answer.ok().context("a client panicked")??;
        ensure!(matches!(status, 200 | 201), "an order was answered with {status}: {order}");
        ids.push(order["agent_work_order_id"].as_str().context("an order has an id")?.to_owned());
    }
    Ok(ids)
}

/// Asks for a cancel; the answer.
pub(super) fn cancel(address: &str, id: &str) -> Result<(u16, Value)> {
    insist(address, &format!("POST {ORDERS}/{id}/cancel"), "", "")
}

/// An order as a server tells it.
pub(super) fn read(address: &str, id: &str) -> Result<Stored> {
    let get = |what: &str| -> Result<Value> {
        let (status, body) = insist(address, &format!("GET {ORDERS}/{id}{what}"), "", "")?;
        ensure!(status == 200, "{id}{what} was answered with {status}: {body}");
        Ok(body)
    };
    let (order, steps) = (get("")?, get("/steps")?);
    if order["status"] == "failed" {
        eprintln!("{id} failed: {}: {}", order["error_code"], order["error_message"]);
    }
    Ok(stored(id, &order, &steps, &get("/events?limit=1000")?))
}

/// Sends a request until somebody answers it who can.
fn insist(address: &str, request: &str, headers: &str, body: &str) -> Result<(u16, Value)> {
    let begun = Instant::now();
    loop {
        match call(address, request, headers, body) {
            Ok((429 | 500 | 503, _)) | Err(_) if begun.elapsed() < PATIENCE => thread::sleep(PAUSE),
            Ok(answer) => return Ok(answer),
            Err(error) => bail!("{request} was not answered: {error}"),
        }
    }
}
