//! What the engine counts. Names are stable, and listed in `docs/operations.md`; whoever installs a recorder of the
//! `metrics` crate gets them. What a label may say is a closed set: nothing that a client writes becomes one.

use std::sync::Arc;
use std::time::Duration;

use awo_models::{AgentWorkOrderStatus, StepExecutionResult, StepName, follow_up_number};
use awo_state::{OrderQuery, StateError};
use metrics::{SharedString, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::engine::Engine;
use crate::work_orders::WorkOrders;
use crate::workflows::known_steps;

/// Upper bounds of what histograms count under, in seconds, by name. Saves: from a disk that answers at once to one that
/// hangs. Steps: from a step that only looks to one of hours.
pub const BUCKETS: [(&str, &[f64]); 2] = [
    (
        "awo_save_duration_seconds",
        &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5],
    ),
    ("awo_step_duration_seconds", &[1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0]),
];

/// Steps that prompts became.
const PROMPT: &str = "prompt";
/// All other steps, and agents.
const OTHER: &str = "other";

/// What a try to save came to.
const SAVES: [&str; 3] = ["stored", "failed", "refused"];
/// What a claim comes after.
const CLAIMS: [&str; 2] = ["waiting", "interruption"];
/// What becomes of results that the store does not take.
const SPILLS: [&str; 2] = ["kept", "failed"];

/// Whether a worker was heard of.
const WORKERS: [&str; 2] = ["alive", "silent"];

/// What becomes of a notice, and of each try to tell it.
const NOTICES: [&str; 3] = ["told", "failed", "given_up"];

/// Says what each figure means, and begins those with 0 whose labels are few. To be called once, when the recorder is there.
pub fn describe() {
    use AgentWorkOrderStatus::{Cancelled, Completed, Failed};

    describe_counter!("awo_saves_total", "Tries to save results; refused: the order is somebody else's");
    describe_histogram!("awo_save_duration_seconds", Unit::Seconds, "How long a try to save took");
    describe_counter!("awo_spills_total", "Unsaved results that were put beside the store");
    describe_counter!("awo_notices_total", "Notices that recipients took, tries that failed, and notices given up");
    describe_counter!("awo_log_lines_left_out_total", "Lines missing in logs of orders that could not keep up");
    describe_counter!("awo_orders_claimed_total", "Orders that were taken to be run, and what they came from");
    describe_counter!("awo_orders_ended_total", "Orders that ended here");
    describe_histogram!(
        "awo_step_duration_seconds",
        Unit::Seconds,
        "How long attempts of steps took that have a result"
    );
    describe_counter!("awo_steps_failed_total", "Attempts of steps that failed, by the error of their result");
    describe_counter!("awo_steps_slow_total", "Attempts of steps that were found slow while they were at work");
    describe_gauge!("awo_orders", "Orders that are stored; NaN if the store does not tell");
    describe_gauge!("awo_orders_running", "Orders that run here, those that only wait included");
    describe_gauge!("awo_orders_waiting", "Orders that run and only wait: for a limit to reset, or another attempt");
    describe_gauge!("awo_orders_queued", "Orders that wait for a place among those that run");
    describe_gauge!("awo_orders_degraded", "Orders whose saves the store does not take at present");
    describe_gauge!("awo_results_unsaved", "Results of these that are not stored yet");
    describe_gauge!("awo_workers", "Workers that share the orders; silent: not heard of for as long as a lease lives");
    describe_gauge!(
        "awo_queue_paused",
        "1 while workers that share the orders begin none; NaN if the store does not tell"
    );
    let ends = [Completed, Failed, Cancelled].map(AgentWorkOrderStatus::as_str);
    let few = [
        ("awo_saves_total", "outcome", &SAVES[..]),
        ("awo_spills_total", "outcome", &SPILLS),
        ("awo_notices_total", "outcome", &NOTICES),
        ("awo_orders_claimed_total", "after", &CLAIMS),
        ("awo_orders_ended_total", "status", &ends),
    ];
    for (name, label, values) in few {
        for value in values {
            counter!(name, label => *value).absolute(0);
        }
    }
    counter!("awo_log_lines_left_out_total").absolute(0);
    for step in known_steps().chain([PROMPT, OTHER]) {
        counter!("awo_steps_slow_total", "step" => step).absolute(0);
    }
}

pub(crate) fn save_tried(outcome: &'static str, took: Duration) {
    counter!("awo_saves_total", "outcome" => outcome).increment(1);
    histogram!("awo_save_duration_seconds").record(took.as_secs_f64());
}

pub(crate) fn spilled(kept: bool) {
    counter!("awo_spills_total", "outcome" => if kept { "kept" } else { "failed" }).increment(1);
}

pub(crate) fn notice_tried(outcome: &'static str) {
    counter!("awo_notices_total", "outcome" => outcome).increment(1);
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

/// Counts an attempt that has its result. `agent` is the program that was to do it.
pub(crate) fn step_ended(engine: &Engine, agent: &Arc<str>, result: &StepExecutionResult, took: Duration) {
    let (step, agent) = (step_label(&result.step), agent_label(engine, agent));
    if let Some(code) = result.error_code {
        let labels = [("step", step.into()), ("agent", agent.clone()), ("error", code.as_str().into())];
        counter!("awo_steps_failed_total", &labels).increment(1);
    }
    histogram!("awo_step_duration_seconds", "step" => step, "agent" => agent).record(took.as_secs_f64());
}

/// Counts an attempt that is slow.
pub(crate) fn step_slow(step: &StepName) {
    counter!("awo_steps_slow_total", "step" => step_label(step)).increment(1);
}

/// The name of a step that is built in; all others have one name, whatever an order calls them.
pub(crate) fn step_label(step: &StepName) -> &'static str {
    let known = known_steps().find(|known| step == known);
    known.unwrap_or(if follow_up_number(step).is_some() { PROMPT } else { OTHER })
}

/// The name of an agent that this engine has; an order that another one made may name more.
pub(crate) fn agent_label(engine: &Engine, agent: &Arc<str>) -> SharedString {
    if engine.agents.contains_key(&**agent) { Arc::clone(agent).into() } else { OTHER.into() }
}

/// Sets the gauges. Whoever hands the figures out calls it right before.
#[expect(clippy::cast_precision_loss, reason = "counts of orders are far below 2^52")]
pub(crate) async fn set_gauges(work_orders: &WorkOrders) {
    let (engine, health) = (&*work_orders.engine, work_orders.health());
    gauge!("awo_orders_running").set(health.running as f64);
    gauge!("awo_orders_waiting").set(health.waiting as f64);
    gauge!("awo_orders_queued").set(health.queued as f64);
    gauge!("awo_orders_degraded").set(health.degraded_orders as f64);
    gauge!("awo_results_unsaved").set(health.unsaved_results as f64);
    let (counted, workers) = tokio::join!(stored(engine), workers(work_orders));
    for (state, count) in WORKERS.into_iter().zip([workers.alive, workers.silent]) {
        gauge!("awo_workers", "state" => state).set(count);
    }
    gauge!("awo_queue_paused").set(workers.paused);
    for (place, status) in AgentWorkOrderStatus::ALL.into_iter().enumerate() {
        let count = counted.as_ref().map_or(f64::NAN, |counts| counts[place] as f64);
        gauge!("awo_orders", "status" => status.as_str()).set(count);
    }
}

/// What is told of the workers.
struct Workers {
    alive: f64,
    silent: f64,
    paused: f64,
}

#[expect(clippy::cast_precision_loss, reason = "there are few workers")]
async fn workers(work_orders: &WorkOrders) -> Workers {
    match work_orders.fleet().await {
        Ok(Some(shared)) => {
            let (alive, silent) = shared.counts();
            Workers { alive: alive as f64, silent: silent as f64, paused: f64::from(u8::from(shared.fleet.paused)) }
        }
        Ok(None) => Workers { alive: 0.0, silent: 0.0, paused: 0.0 },
        Err(_) => Workers { alive: f64::NAN, silent: f64::NAN, paused: f64::NAN },
    }
}

/// How many orders are stored, by status, in the order of all of these.
async fn stored(engine: &Engine) -> Result<[usize; AgentWorkOrderStatus::ALL.len()], StateError> {
    let mut counts = [0; AgentWorkOrderStatus::ALL.len()];
    for (count, status) in counts.iter_mut().zip(AgentWorkOrderStatus::ALL) {
        let query = OrderQuery { status: vec![status], limit: 1, ..OrderQuery::default() };
        *count = engine.answered(engine.repository.list(&query)).await?.total;
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflows::{COMMANDS, OPTIONAL_STEPS, built_in};

    #[test]
    fn steps_have_few_names() {
        let name = |text: &str| StepName::new(text).unwrap();
        let optional = OPTIONAL_STEPS.map(name);
        let plan = built_in(awo_models::WorkflowType::AgentWorkflowPlan, &optional);
        let all = plan.iter().map(|definition| definition.step.clone()).chain(COMMANDS.map(name));
        for step in all {
            assert_eq!(step_label(&step), step.as_str());
        }
        assert_eq!(step_label(&awo_models::follow_up_step(77)), "prompt");
        assert_eq!(step_label(&name("prompt-077")), "other");
        assert_eq!(step_label(&name("whatever-somebody-wrote")), "other");
    }
}
