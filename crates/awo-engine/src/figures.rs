//! What the engine counts. Names are stable; whoever installs a recorder of the `metrics` crate gets them.
//!
//! | name | kind | what |
//! |---|---|---|
//! | `awo_saves_total{outcome}` | counter | tries to save: `stored`, `failed` (the store is in trouble), `refused` (the order is somebody else's) |
//! | `awo_save_duration_seconds` | histogram | how long a try to save took |
//! | `awo_spills_total{outcome}` | counter | unsaved results that were put beside the store: `kept`, `failed` |
//! | `awo_log_lines_left_out_total` | counter | lines that are missing in the logs of orders, as the log could not keep up |
//! | `awo_orders_claimed_total{after}` | counter | orders that were taken to be run, after `waiting` or after an `interruption` |
//! | `awo_orders_ended_total{status}` | counter | orders that ended here |
//! | `awo_orders_running`, `awo_orders_queued` | gauge | orders that run here, and that wait for a place |
//! | `awo_orders_waiting` | gauge | orders among those that run that only wait: for a limit to reset, or for another attempt |
//! | `awo_orders_degraded` | gauge | orders whose saves the store does not take at present |
//! | `awo_results_unsaved` | gauge | results of these that are not stored yet |

use std::time::Duration;

use awo_models::AgentWorkOrderStatus;
use metrics::{counter, gauge, histogram};

use crate::work_orders::EngineHealth;

pub(crate) fn save_tried(outcome: &'static str, took: Duration) {
    counter!("awo_saves_total", "outcome" => outcome).increment(1);
    histogram!("awo_save_duration_seconds").record(took.as_secs_f64());
}

pub(crate) fn spilled(kept: bool) {
    counter!("awo_spills_total", "outcome" => if kept { "kept" } else { "failed" }).increment(1);
}

pub(crate) fn lines_left_out(lines: u64) {
    counter!("awo_log_lines_left_out_total").increment(lines);
}

pub(crate) fn claimed(interrupted: bool) {
    counter!("awo_orders_claimed_total", "after" => if interrupted { "interruption" } else { "waiting" }).increment(1);
}

pub(crate) fn ended(status: AgentWorkOrderStatus) {
    counter!("awo_orders_ended_total", "status" => status.as_str()).increment(1);
}

/// Sets the gauges. Whoever hands the figures out calls it right before.
#[expect(clippy::cast_precision_loss, reason = "counts of orders are far below 2^52")]
pub(crate) fn set_gauges(health: &EngineHealth) {
    gauge!("awo_orders_running").set(health.running as f64);
    gauge!("awo_orders_waiting").set(health.waiting as f64);
    gauge!("awo_orders_queued").set(health.queued as f64);
    gauge!("awo_orders_degraded").set(health.degraded_orders as f64);
    gauge!("awo_results_unsaved").set(health.unsaved_results as f64);
}
