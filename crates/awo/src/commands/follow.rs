//! Follows an order: each step as it settles, one moving line for the one at work.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use awo_engine::ports::{Clock as _, SystemClock};
use axum::http::Method;
use indicatif::{ProgressBar, ProgressStyle};

use crate::client::Client;
use crate::exit::{CANCELLED, Coded, FAILED, UNAVAILABLE};
use crate::orders::ORDERS;
use crate::render::{activity_line, duration, ending, first_line, moves, step_line, visible, waiting};
use crate::wire::{CurrentStep, Order, Steps};

/// How long one question may wait for news.
const WAIT_SECONDS: u64 = 25;

/// The same where a line shows what the agent does: that is news which ends no wait.
const GLANCE_SECONDS: u64 = 1;

/// Times a lost server is asked again before following ends.
const RECONNECTS: u32 = 60;

/// Shows an order until it has ended, or waits silently; the order as it ended.
pub(crate) async fn follow(client: &Client, id: &str, silent: bool) -> anyhow::Result<(Order, Steps)> {
    let mut shown = 0;
    let mut tag: Option<String> = None;
    let mut lost = 0;
    let mut degraded = false;
    let mut waits = None;
    let line = RunningLine::new(silent);
    loop {
        let steps: Steps = {
            let headers: Vec<(&str, &str)> = tag.iter().map(|tag| ("if-none-match", tag.as_str())).collect();
            let wait = if tag.is_some() { format!("?wait={}", line.patience()) } else { String::new() };
            match client.call(Method::GET, &format!("{ORDERS}/{id}/steps{wait}"), None, &headers).await {
                Ok(answer) if answer.unchanged => {
                    // A server that closes does not hold its answers back.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
                Ok(answer) => {
                    lost = 0;
                    tag.clone_from(&answer.tag);
                    answer.read()?
                }
                Err(error) if is_unavailable(&error) && lost < RECONNECTS => {
                    if lost == 0 {
                        line.settle("  · the server does not answer; still trying");
                    }
                    lost += 1;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
                Err(error) => return Err(error),
            }
        };
        for step in steps.steps.iter().skip(shown) {
            line.settle(&step_line(step));
        }
        shown = steps.steps.len();
        let now_degraded = steps.persistence == "degraded";
        if now_degraded != degraded {
            degraded = now_degraded;
            line.settle(&if degraded {
                format!("  · the store does not take saves; the work goes on, {} unsaved", steps.pending_steps)
            } else {
                "  · the store takes saves again; nothing is missing".to_owned()
            });
        }
        let now_waiting = waiting(steps.waiting_for.as_deref(), steps.waiting_until);
        if now_waiting != waits {
            if let Some(waiting) = &now_waiting {
                line.settle(&format!("  · waits {waiting}"));
            }
            waits = now_waiting;
        }
        line.show(steps.current_step.as_ref(), waits.is_some());
        if matches!(steps.status.as_str(), "completed" | "failed" | "cancelled") {
            line.clear();
            let order = client.get(&format!("{ORDERS}/{id}")).await?.read()?;
            return Ok((order, steps));
        }
    }
}

fn is_unavailable(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Coded>().is_some_and(|coded| coded.code == UNAVAILABLE)
}

/// Says how an order ended; the exit code that goes with it. `artifacts` is where its artifacts stay, if they do.
pub(crate) fn conclude(order: &Order, steps: &Steps, artifacts: Option<&Path>) -> ExitCode {
    anstream::print!("\n{}", ending(order, &steps.steps, artifacts));
    exit_code(order)
}

/// The exit code of an order that has ended.
pub(crate) fn exit_code(order: &Order) -> ExitCode {
    match order.status.as_str() {
        "completed" => ExitCode::SUCCESS,
        "cancelled" => ExitCode::from(CANCELLED),
        _ => ExitCode::from(FAILED),
    }
}

/// The head of an order that is followed.
pub(crate) fn introduce(order: &Order) {
    anstream::println!("  {}   {}", order.agent_work_order_id, first_line(&order.user_request, 80));
    anstream::println!("  on {}\n", visible(&order.repository_url));
}

/// One line that moves while a step is at work; nothing where nothing can move.
struct RunningLine {
    bar: Option<ProgressBar>,
    silent: bool,
}

impl RunningLine {
    fn new(silent: bool) -> Self {
        if silent || !moves() {
            return Self { bar: None, silent };
        }
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("  {spinner} {prefix:<18} {elapsed:>10}   {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar: Some(bar), silent }
    }

    /// How long it can do without news, in seconds.
    fn patience(&self) -> u64 {
        if self.bar.is_some() { GLANCE_SECONDS } else { WAIT_SECONDS }
    }

    /// Prints a line above it.
    fn settle(&self, text: &str) {
        match &self.bar {
            _ if self.silent => {}
            Some(bar) => bar.suspend(|| anstream::println!("{text}")),
            None => anstream::println!("{text}"),
        }
    }

    fn show(&self, current: Option<&CurrentStep>, waits: bool) {
        let Some(bar) = &self.bar else { return };
        let Some(current) = current else {
            bar.set_prefix(if waits { "waits" } else { "…" });
            bar.set_message("");
            return;
        };
        let age = SystemClock::default().now().duration_since(current.started_at);
        bar.set_elapsed(age.try_into().unwrap_or_default());
        bar.set_prefix(current.step.clone());
        let again = (current.attempt > 1).then(|| format!("attempt {}", current.attempt));
        let parts: Vec<_> = again.into_iter().chain(activity_line(current)).collect();
        bar.set_message(parts.join(" · "));
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A duration between two times, for people.
pub(crate) fn span(from: awo_models::Timestamp, to: awo_models::Timestamp) -> String {
    duration(to.duration_since(from).as_secs_f64())
}
