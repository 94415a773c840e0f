//! An order as a row of a list.

use awo_client::AgentWorkOrder as Order;
use awo_models::Timestamp;

use super::{HELD, span, tail};
use crate::terminal::text::pad;
use crate::terminal::{Line, first_line, fit, inline};

/// Columns of a request; a terminal that has fewer cuts it.
const REQUEST: usize = 100;
/// Columns of what an order does, or how it ended.
const DOES: usize = 16;

/// Its sign, the end of its id, how far it is, what it does, for how long, and what was asked for. What somebody wrote stands
/// last: characters that terminals draw in different widths then move nothing else.
pub(crate) fn order_row(order: &Order, now: Timestamp) -> Line {
    let line = Line::new();
    let line = match order.status.as_str() {
        "completed" => line.good("✔"),
        "failed" => line.bad("✘"),
        "cancelled" => line.bad("–"),
        "running" if order.waiting_for.is_none() => line.plain("▸"),
        _ => line.plain("·"),
    };
    let took = match (order.started_at, order.completed_at) {
        (_, Some(ended)) => span(order.created_at, ended),
        (Some(began), None) => span(began, now),
        (None, None) => String::new(),
    };
    let far = format!("{}/{}", order.steps_completed, order.total_steps);
    line.plain(format!(" {}  {far:>5} ", tail(&order.agent_work_order_id)))
        .plain(pad(&fit(&inline(&does(order)), DOES), DOES))
        .plain(format!("  {took:>9}  "))
        .plain(first_line(&order.user_request, REQUEST))
}

/// What it does at present, or how it ended.
fn does(order: &Order) -> String {
    match (&order.current_step, order.finishing) {
        (_, true) => "finishing".to_owned(),
        (Some(current), _) => current.step.clone(),
        (None, _) if order.waiting_for.as_deref() == Some(HELD) => "held".to_owned(),
        (None, _) if order.waiting_for.is_some() => "waits".to_owned(),
        (None, _) => order.status.clone(),
    }
}
