//! The forms in which a list is watched.

use std::collections::HashMap;

use awo_client::AgentWorkOrder as Order;
use awo_engine::ports::{Clock as _, SystemClock};
use serde_json::Value;

use crate::commands::follow::tell;
use crate::render::{activity_line, counted, order_row};
use crate::terminal::screen::Screen;
use crate::terminal::{Line, moves, output, say};

/// How a list is shown, and what was shown of it.
#[derive(Debug)]
pub(crate) enum View {
    /// The list as it is, in place of what the terminal showed.
    Picture { screen: Screen, orders: Vec<Order>, is_lost: bool },
    /// A row for each order that has changed.
    Rows(Told),
    /// The same as JSON.
    Json(Told),
}

/// The versions of orders that were told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    versions: HashMap<String, u64>,
    is_lost: bool,
}

impl View {
    pub(crate) fn new(as_json: bool) -> Self {
        if as_json {
            Self::Json(Told::default())
        } else if moves() {
            Self::Picture { screen: Screen::open(), orders: Vec::new(), is_lost: false }
        } else {
            Self::Rows(Told::default())
        }
    }

    /// Whether it is to be shown anew also when nothing has changed.
    pub(crate) fn moves(&self) -> bool {
        matches!(self, Self::Picture { .. })
    }

    /// Takes the list, newest first, as it is read and as it came.
    pub(crate) fn take(&mut self, list: Vec<Order>, raw: &Value) {
        match self {
            Self::Picture { screen, orders, is_lost } => {
                (*orders, *is_lost) = (list, false);
                screen.draw(&picture(orders, false));
            }
            Self::Rows(told) => {
                let now = SystemClock::default().now();
                for order in list.iter().rev().filter(|order| told.is_news(order)).collect::<Vec<_>>() {
                    output::line(&order_row(order, now));
                }
            }
            Self::Json(told) => {
                let raw = raw.as_array().map_or(&[][..], Vec::as_slice);
                for (order, raw) in list.iter().zip(raw).rev() {
                    if told.is_news(order) {
                        tell("order", raw);
                    }
                }
            }
        }
    }

    /// The server does not answer.
    pub(crate) fn lost(&mut self) {
        match self {
            Self::Picture { screen, orders, is_lost } => {
                *is_lost = true;
                screen.draw(&picture(orders, true));
            }
            Self::Rows(told) => told.lost(|| say!("· the server does not answer; still trying")),
            Self::Json(told) => told.lost(|| tell("lost", &serde_json::json!({}))),
        }
    }
}

impl Told {
    /// Says once that the server is away.
    fn lost(&mut self, say: impl FnOnce()) {
        if !std::mem::replace(&mut self.is_lost, true) {
            say();
        }
    }

    fn is_news(&mut self, order: &Order) -> bool {
        self.is_lost = false;
        let id = order.agent_work_order_id.clone();
        self.versions.insert(id, order.version) != Some(order.version)
    }
}

/// How many there are, then a row for each; below those at work, what their agents do.
fn picture(orders: &[Order], is_lost: bool) -> Vec<Line> {
    let now = SystemClock::default().now();
    let count = |status: &str| orders.iter().filter(|order| order.status == status).count() as u64;
    let mut head = Line::new().plain(format!("awo · {}", counted(orders.len() as u64, "order")));
    for status in ["running", "pending", "failed"] {
        let count = count(status);
        if count > 0 {
            head = head.plain(format!(" · {count} {status}"));
        }
    }
    let head = if is_lost { head.bad(" · the server does not answer; still trying") } else { head };
    let mut lines = vec![head.faint("   Ctrl-C ends this"), Line::new()];
    for order in orders {
        lines.push(order_row(order, now));
        if let Some(activity) = order.current_step.as_ref().and_then(activity_line) {
            lines.push(Line::new().plain("           ").faint(activity));
        }
    }
    lines
}
