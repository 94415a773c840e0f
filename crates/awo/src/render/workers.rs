//! The workers that share the orders, as a table.

use awo_client::{Worker, WorkerList};

use super::{counted, duration, tail};
use crate::terminal::text::{pad, width};
use crate::terminal::{Line, fit, inline};

/// Columns of a name, of a machine, and of labels.
const TEXT: usize = 40;

/// What is said of all of them, then a line for each.
pub(crate) fn workers_lines(list: &WorkerList) -> Vec<Line> {
    let head = ["", "worker", "host", "version", "heard", "runs", "labels", "orders"].map(str::to_owned);
    let rows: Vec<_> = list.workers.iter().map(row).collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|at| rows.iter().chain([&head]).map(|cells| width(&cells[at])).max().unwrap_or_default())
        .collect();
    let laid_out = |cells: &[String]| {
        let cells = cells.iter().zip(&widths).map(|(cell, columns)| pad(cell, *columns));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![summary(list)];
    if list.paused {
        lines.push(Line::new().bad("the queue is paused").plain(": no order begins; `awo workers resume`"));
    }
    if !rows.is_empty() {
        lines.push(Line::new().faint(format!(" {}", laid_out(&head))));
    }
    lines.extend(list.workers.iter().zip(&rows).map(|(worker, cells)| {
        let sign = if worker.alive { Line::new().good("✔") } else { Line::new().bad("✘") };
        sign.plain(laid_out(cells))
    }));
    lines
}

fn summary(list: &WorkerList) -> Line {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let alive: Vec<&Worker> = list.workers.iter().filter(|worker| worker.alive).collect();
    let silent = list.workers.len() - alive.len();
    let taken: usize = alive.iter().map(|worker| worker.orders.len()).sum();
    let places = alive.iter().map(|worker| worker.max_running).sum::<u64>();
    let silent = if silent > 0 { format!(", {silent} silent") } else { String::new() };
    let all = counted(count(list.workers.len()), "worker");
    Line::new().plain(format!("{all}{silent} · {taken} of {} taken", counted(places, "place")))
}

/// The cells of a worker; the sign before them has a column of its own.
fn row(worker: &Worker) -> [String; 8] {
    let text = |text: &str| fit(&inline(text), TEXT);
    let orders: Vec<_> = worker.orders.iter().map(|id| format!("…{}", inline(tail(id)))).collect();
    [
        String::new(),
        text(&worker.name),
        text(&worker.host),
        text(&worker.version),
        format!("{} ago", duration(worker.unheard_seconds)),
        format!("{} of {}", orders.len(), worker.max_running),
        text(&worker.labels.join(", ")),
        orders.join(" "),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn worker(name: &str, alive: bool, unheard: f64, more: Value) -> Value {
        let mut worker = json!({
            "name": name, "host": "build-1", "version": "0.1.0", "labels": [], "max_running": 4, "alive": alive,
            "unheard_seconds": unheard, "orders": [],
        });
        if let (Value::Object(worker), Value::Object(more)) = (&mut worker, more) {
            worker.extend(more);
        }
        worker
    }

    fn shown(list: Value) -> String {
        let list = serde_json::from_value(list).unwrap();
        let plain = |line: &Line| {
            ["\u{1b}[32m", "\u{1b}[31m", "\u{1b}[2m", "\u{1b}[0m"]
                .iter()
                .fold(line.whole(), |text, code| text.replace(code, ""))
        };
        workers_lines(&list).iter().map(plain).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn workers_are_a_table() {
        let orders = json!(["wo-019b7c9f5ac07e3d8f1a2b3c4d5e6f70", "wo-019b7c9f5ac07e3d8f1a2b3c4d5e6f71"]);
        let busy = worker("build-1-4242-0f1e2d3c", true, 2.1, json!({"orders": orders, "labels": ["gpu", "large"]}));
        let silent = worker("build-2-7-00\u{1b}[2J", false, 3_700.0, json!({"host": "build-2"}));
        insta::assert_snapshot!(shown(json!({"shared": true, "paused": true, "workers": [busy, silent]})));
    }

    #[test]
    fn where_no_worker_is_there_is_no_table() {
        assert_eq!(shown(json!({"shared": true, "paused": false, "workers": []})), "0 workers · 0 of 0 places taken");
    }
}
