//! `awo list`.

use std::process::ExitCode;

use crate::cli::List;
use crate::commands::follow::span;
use crate::orders::{ORDERS, form, note_if_idle, print_json, reader};
use crate::render::{HELD, first_line};
use crate::settings::Settings;
use crate::wire::Order;

pub(crate) async fn run(settings: &Settings, list: List, as_json: bool) -> anyhow::Result<ExitCode> {
    let mut query = form(&[("limit", &list.limit.to_string())]);
    for status in &list.status {
        query.push('&');
        query.push_str(&form(&[("status", status)]));
    }
    if let Some(text) = &list.search {
        query.push('&');
        query.push_str(&form(&[("q", text)]));
    }
    let answer = reader(settings)?.get(&format!("{ORDERS}?{query}")).await?;
    if as_json {
        print_json(&answer.body);
        return Ok(ExitCode::SUCCESS);
    }
    let orders: Vec<Order> = answer.read()?;
    if orders.is_empty() && answer.damaged.is_empty() {
        anstream::println!("no orders yet: `awo demo` shows one, `awo run --repo . \"…\"` makes one");
    }
    for order in &orders {
        let step = match (&order.current_step, order.finishing) {
            (_, true) => "finishing".to_owned(),
            (Some(current), _) => current.step.clone(),
            (None, _) if order.waiting_for.as_deref() == Some(HELD) => "held".to_owned(),
            (None, _) => order.status.clone(),
        };
        let took = order.completed_at.map(|ended| span(order.created_at, ended)).unwrap_or_default();
        anstream::println!(
            "…{}  {:<9}  {}/{} {step:<16}  {took:>10}  {}",
            &order.agent_work_order_id[order.agent_work_order_id.len().saturating_sub(8)..],
            order.status,
            order.steps_completed,
            order.total_steps,
            first_line(&order.user_request, 60),
        );
    }
    note_if_idle(settings, orders.iter().map(|order| order.status.as_str()))?;
    if !answer.damaged.is_empty() {
        anstream::eprintln!("awo: left out, as they cannot be read: {}", answer.damaged.join(", "));
        anstream::eprintln!("     `awo state verify` says what is wrong with them");
    }
    Ok(ExitCode::SUCCESS)
}
