//! The workers that share the orders.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Who runs the orders, where several processes do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WorkerList {
    /// Whether no worker begins an order. What runs goes on.
    pub paused: bool,
    /// Whether several processes may run these orders. If not, the server is the only one; it is not in the list, and its
    /// queue cannot be paused.
    pub shared: bool,
    /// The workers that were heard of in the last day, by name. One that ended as it should is taken off at once.
    pub workers: Vec<Worker>,
}

/// A process that runs orders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Worker {
    /// Whether it was heard of within the life of a lease, by the settings of the server. The orders of one that was not are
    /// taken by others.
    pub alive: bool,
    /// The machine that it runs on.
    pub host: String,
    /// Labels that it has.
    pub labels: Vec<String>,
    /// Orders that it runs at once.
    pub max_running: u64,
    /// Its name, as in the events of orders that it claimed.
    pub name: String,
    /// Ids of the orders that it has a living lease on: it runs them, or is about to.
    pub orders: Vec<String>,
    /// Time since it was heard of, in seconds.
    pub unheard_seconds: f64,
    /// Version of its program.
    pub version: String,
}

/// The workers, in few words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WorkersDetail {
    /// Workers that were heard of within the life of a lease.
    pub alive: u64,
    /// Whether no worker begins an order.
    pub paused: bool,
    /// When the store told of them.
    pub seen_at: Timestamp,
    /// Workers that were heard of in the last day, and not within the life of a lease.
    pub silent: u64,
}
