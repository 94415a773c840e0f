//! `awo stats`: how long steps take, what they cost, and why they fail.

use std::process::ExitCode;

use awo_client::{OrderFigures, StatsQuery, StepFigures, StepStats, StepStatsGroup};

use crate::cli::Stats;
use crate::exit::{BAD_INPUT, coded};
use crate::orders::{print_json, reader};
use crate::render::{counted, duration};
use crate::settings::Settings;
use crate::terminal::{first_line, note, output, say, visible};

pub(crate) async fn run(settings: &Settings, stats: Stats, as_json: bool) -> anyhow::Result<ExitCode> {
    if stats.csv && as_json {
        return Err(coded(BAD_INPUT, "--csv and --json are two forms of the same figures; give one of them"));
    }
    let client = reader(settings).await?;
    let (csv, which) = (stats.csv, wanted(stats));
    if csv {
        let table = client.get_step_stats_table(&which).await?;
        output::raw(&as_lines(&String::from_utf8_lossy(&table)));
        return Ok(ExitCode::SUCCESS);
    }
    let answer = client.get_step_stats(&which).answer().await?;
    if as_json {
        print_json(&answer.json()?);
    } else {
        tell(&answer.read()?);
    }
    Ok(ExitCode::SUCCESS)
}

fn wanted(stats: Stats) -> StatsQuery {
    StatsQuery {
        days: stats.days,
        since: stats.since,
        until: stats.until,
        repository_url: stats.repo,
        agent: stats.agent,
        model: stats.model,
        step: stats.step,
        workflow_type: stats.workflow,
        group_by: stats.by,
        recent: None,
        slowest: Some(stats.slowest),
    }
}

/// A table as it came, without what could steer a terminal.
fn as_lines(table: &str) -> String {
    table.split("\r\n").map(visible).collect::<Vec<_>>().join("\r\n")
}

fn tell(stats: &StepStats) {
    for line in lines(stats) {
        say!("{line}");
    }
    if !stats.complete {
        note!("awo: not all that is stored has been read yet; ask again in a moment");
    }
    if let Some(from) = stats.reaches_back_to {
        note!("awo: orders that were created before {from:.0} are not counted, as there are too many");
    }
    if stats.unreadable_orders > 0 {
        let damaged = counted(stats.unreadable_orders, "damaged order");
        note!("awo: without {damaged}; `awo state verify` says what is wrong");
    }
}

fn lines(stats: &StepStats) -> Vec<String> {
    let total = &stats.total;
    if total.attempts == 0 {
        return vec!["no step has ended in this time: `awo list` shows the orders".to_owned()];
    }
    let (orders, attempts) = (counted(total.orders, "order"), counted(total.attempts, "attempt"));
    let cost = cost(total).map(|cost| format!(" · {cost} USD")).unwrap_or_default();
    let names = visible(&stats.group_by.join(", "));
    let head = [names.as_str(), "attempts", "failed", "p50", "p95", "longest", "in all", "USD"].map(str::to_owned);
    let mut lines = vec![format!("{orders} · {attempts}, {} failed{cost}", total.failed), String::new(), row(&head)];
    lines.extend(stats.groups.iter().map(group_line));
    if !total.failures.is_empty() {
        let failures: Vec<_> = total.failures.iter().map(|(code, count)| format!("{count} {code}")).collect();
        lines.extend([String::new(), format!("  failures   {}", visible(&failures.join(", ")))]);
    }
    if !stats.slowest_orders.is_empty() {
        lines.extend([String::new(), "  slowest orders".to_owned()]);
        lines.extend(stats.slowest_orders.iter().map(order_line));
    }
    lines
}

fn row([names, attempts, failed, p50, p95, longest, total, cost]: &[String; 8]) -> String {
    format!("  {names:<32} {attempts:>8} {failed:>6} {p50:>10} {p95:>10} {longest:>10} {total:>10} {cost:>8}")
}

fn group_line(group: &StepStatsGroup) -> String {
    let StepStatsGroup { step, agent, model, repository_url, workflow_type, figures, .. } = group;
    let names: Vec<_> =
        [step, agent, model, repository_url, workflow_type].into_iter().flatten().map(String::as_str).collect();
    let took = |seconds: Option<f64>| seconds.map_or_else(|| "–".to_owned(), duration);
    row(&[
        first_line(&names.join(", "), 60),
        figures.attempts.to_string(),
        figures.failed.to_string(),
        took(figures.p50_seconds),
        took(figures.p95_seconds),
        took(figures.max_seconds),
        duration(figures.total_seconds),
        cost(figures).unwrap_or_else(|| "–".to_owned()),
    ])
}

fn order_line(order: &OrderFigures) -> String {
    let id = &order.agent_work_order_id;
    let tail = &id[id.len().saturating_sub(8)..];
    let (took, step) = (duration(order.figures.total_seconds), first_line(&order.slowest_step, 20));
    format!("  …{tail}  {took:>10}  mostly {step:<16}  {}", first_line(&order.repository_url, 60))
}

fn cost(figures: &StepFigures) -> Option<String> {
    figures.cost_usd.map(|cost| format!("{cost:.2}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn figures(attempts: u64, failed: u64, seconds: f64, of: Value) -> Value {
        let failures = if failed > 0 { json!({"agent_timeout": failed}) } else { json!({}) };
        let mut figures = json!({
            "orders": 2, "attempts": attempts, "succeeded": attempts - failed, "failed": failed, "failures": failures,
            "p50_seconds": seconds, "p95_seconds": seconds * 2.0, "max_seconds": null, "total_seconds": seconds * 3.0,
            "cost_usd": 1.5, "tokens": null, "turns": null,
        });
        if let (Value::Object(figures), Value::Object(of)) = (&mut figures, of) {
            figures.extend(of);
        }
        figures
    }

    fn stats(total: &Value, groups: &Value, slowest_orders: &Value) -> StepStats {
        let stats = json!({
            "since": null, "until": null, "complete": true, "reaches_back_to": null, "unreadable_orders": 0,
            "group_by": ["step", "agent"], "total": total, "days": [], "repositories": [], "groups": groups,
            "slowest_orders": slowest_orders,
        });
        serde_json::from_value(stats).unwrap()
    }

    #[test]
    fn figures_are_a_table() {
        let group = json!({
            "step": "implement", "agent": "claude", "model": null, "repository_url": null, "workflow_type": null,
            "recent": [],
        });
        let order = json!({
            "agent_work_order_id": "wo-019b7c9f5ac07e3d8f1a2b3c4d5e6f70", "repository_url": "https://a.example/\u{1b}[2J",
            "workflow_type": "agent_workflow_plan", "agent": "claude", "created_at": "2026-01-01T00:00:00Z",
            "slowest_step": "implement",
        });
        let (groups, orders) = (json!([figures(45, 4, 61.0, group)]), json!([figures(7, 0, 100.0, order)]));
        insta::assert_snapshot!(lines(&stats(&figures(45, 4, 61.0, json!({})), &groups, &orders)).join("\n"));
        let none = stats(&figures(0, 0, 0.0, json!({})), &json!([]), &json!([]));
        assert_eq!(lines(&none), ["no step has ended in this time: `awo list` shows the orders"]);
    }

    #[test]
    fn a_table_does_nothing_to_the_terminal() {
        assert_eq!(as_lines("a,b\r\n\u{1b}[2J,c\r\n"), "a,b\r\n\\u{1b}[2J,c\r\n");
    }
}
