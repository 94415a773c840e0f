//! The workers that share the orders, on the wire.

use awo_engine::{SeenWorker, SharedFleet};
use awo_models::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Who runs the orders, where several processes do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkerList)]
pub(crate) struct WorkerListView<'a> {
    /// Whether several processes may run these orders. If not, this server is the only one; it is not in the list, and its queue
    /// cannot be paused.
    #[schema(example = true)]
    shared: bool,
    /// Whether no worker begins an order. What runs goes on.
    paused: bool,
    /// The workers that were heard of in the last day, by name. One that ended as it should is taken off at once.
    workers: Vec<WorkerView<'a>>,
}

/// A process that runs orders.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Worker)]
pub(crate) struct WorkerView<'a> {
    /// Its name, as in the events of orders that it claimed.
    #[schema(example = "build-1-4242-0f1e2d3c")]
    name: &'a str,
    /// The machine that it runs on.
    #[schema(example = "build-1")]
    host: &'a str,
    /// Version of its program.
    #[schema(example = "0.1.0")]
    version: &'a str,
    /// Labels that it has.
    #[schema(value_type = Vec<String>, example = json!(["gpu"]))]
    labels: Vec<&'a str>,
    /// Orders that it runs at once.
    #[schema(example = 4)]
    max_running: usize,
    /// Whether it was heard of within the life of a lease, by the settings of this server. The orders of one that was not are
    /// taken by others.
    #[schema(example = true)]
    alive: bool,
    /// Time since it was heard of, in seconds.
    #[schema(example = 2.1)]
    unheard_seconds: f64,
    /// Ids of the orders that it has a living lease on: it runs them, or is about to.
    #[schema(example = json!(["wo-019b7c9f5ac07e3d8f1a2b3c4d5e6f70"]))]
    orders: Vec<String>,
}

/// The workers, in few words.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkersDetail {
    /// When the store told of them.
    #[schema(value_type = String, format = DateTime)]
    seen_at: Timestamp,
    /// Whether no worker begins an order.
    paused: bool,
    /// Workers that were heard of within the life of a lease.
    #[schema(example = 3)]
    alive: usize,
    /// Workers that were heard of in the last day, and not within the life of a lease.
    #[schema(example = 0)]
    silent: usize,
}

impl<'a> WorkerListView<'a> {
    /// Those of a store that is shared, if it is.
    pub(crate) fn of(shared: Option<&'a SharedFleet>) -> Self {
        let Some(shared) = shared else { return Self { shared: false, paused: false, workers: Vec::new() } };
        let worker = |seen: &'a SeenWorker| WorkerView::of(seen, shared.is_alive(seen));
        Self { shared: true, paused: shared.fleet.paused, workers: shared.fleet.workers.iter().map(worker).collect() }
    }
}

impl<'a> WorkerView<'a> {
    fn of(SeenWorker { worker, unheard, orders }: &'a SeenWorker, alive: bool) -> Self {
        Self {
            name: &worker.name,
            host: &worker.host,
            version: &worker.version,
            labels: worker.labels.iter().map(|label| &**label).collect(),
            max_running: worker.max_running,
            alive,
            unheard_seconds: unheard.as_secs_f64(),
            orders: orders.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<SharedFleet> for WorkersDetail {
    fn from(shared: SharedFleet) -> Self {
        let (alive, silent) = shared.counts();
        Self { seen_at: shared.seen_at, paused: shared.fleet.paused, alive, silent }
    }
}
