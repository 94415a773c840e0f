//! The end of an order, for people: what was done and where it is, or what went wrong, what is kept and what to do.

use std::path::PathBuf;

use awo_client::{AgentWorkOrder as Order, StepExecutionResult as Step, StepHistory as Steps};

use super::{counted, duration, money, tail, tokens};
use crate::terminal::text::{inline, pad, width, wrap};
use crate::terminal::{Line, columns, first_line};
use crate::timing::SaveCosts;

/// Lines of one thing that is told; a text is longer in the order itself.
const LINES: usize = 8;

/// Where an order can be told to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A server has the data directory of this machine.
    Server,
    /// Nobody has it.
    Here,
    /// A server has it whose files are elsewhere.
    Elsewhere,
    /// Nowhere: it is gone with this command.
    Nowhere,
}

/// An order, with what is to be said of it.
#[derive(Debug)]
pub(crate) struct Ending<'a> {
    pub(crate) order: &'a Order,
    pub(crate) steps: &'a Steps,
    /// Where artifacts are, if they stay and are on this machine.
    pub(crate) artifacts: Option<PathBuf>,
    pub(crate) place: Place,
    /// What its saves cost, if it ran in this process.
    pub(crate) costs: Option<&'a SaveCosts>,
}

impl Ending<'_> {
    /// All of it.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let mut lines = vec![self.outcome()];
        self.trouble(&mut lines);
        self.result(&mut lines);
        self.next(&mut lines);
        lines
    }

    fn outcome(&self) -> Line {
        let order = self.order;
        let took = match (order.started_at, order.completed_at) {
            (Some(began), Some(ended)) => format!(" in {}", duration(ended.duration_since(began).as_secs_f64())),
            _ => String::new(),
        };
        let line = Line::new().plain("  ");
        let line = match order.status.as_str() {
            "completed" => line.good("completed"),
            "failed" => line.bad("failed"),
            other => line.plain(other),
        };
        line.plain(format!("{took} · {} of {} steps", order.steps_completed, order.total_steps))
    }

    /// Why, and the last words of who failed.
    fn trouble(&self, lines: &mut Vec<Line>) {
        let Some(message) = &self.order.error_message else { return };
        let code = self.order.error_code.as_deref().unwrap_or("failed");
        told(lines, "  ", &format!("{code}: {message}"));
        if let Some(advice) = &self.order.advice {
            told(lines, "    ", advice);
        }
        if let Some(words) = self.failed().and_then(|failed| failed.output.as_deref()) {
            let words = first_line(words, 100);
            if !words.is_empty() {
                lines.push(Line::new().plain(format!("    its last words: \"{words}\"")));
            }
        }
    }

    /// What there is to look at.
    fn result(&self, lines: &mut Vec<Line>) {
        let order = self.order;
        if let Some(branch) = &order.git_branch_name {
            let size = format!(
                "{}, {}, +{} −{}",
                counted(order.git_commit_count, "commit"),
                counted(order.git_files_changed, "file"),
                order.git_lines_added,
                order.git_lines_removed
            );
            lines.push(field("branch", branch));
            lines.push(field("changes", &size));
        }
        let last = self.results().iter().rev().find_map(|step| step.evidence.after.as_ref().filter(|_| step.success));
        let push = self.results().iter().rev().find_map(|step| step.evidence.push.as_ref());
        let short = |commit: &str| commit.chars().take(8).collect::<String>();
        match (push, last.filter(|_| order.git_commit_count > 0)) {
            (Some(push), _) => {
                lines.push(field("commit", &format!("{}, pushed to {}", short(&push.commit), order.repository_url)));
            }
            (None, Some(last)) => lines.push(field("commit", &format!("{}, not pushed", short(&last.head)))),
            (None, None) => {}
        }
        let text =
            self.results().iter().flat_map(|step| &step.artifacts).find(|name| name.ends_with("pull-request.md"));
        match (&order.github_pull_request_url, text.zip(self.artifacts.as_ref())) {
            (Some(url), _) => lines.push(field("pull request", url)),
            (None, Some((name, artifacts))) => {
                let id = &order.agent_work_order_id;
                let place = artifacts.join(&id[id.len().saturating_sub(2)..]).join(id).join(name);
                lines.push(field("text", &format!("of a pull request: {}", place.display())));
            }
            (None, None) => {}
        }
        if let Some(cost) = order.cost_usd {
            let used = tokens(order.tokens.as_ref()).map(|tokens| format!(", {tokens}")).unwrap_or_default();
            lines.push(field("cost", &format!("{}{used}", money(cost))));
        }
        lines.extend(self.costs.map(|costs| field("saved", &self.saved(costs))));
    }

    fn saved(&self, costs: &SaveCosts) -> String {
        let total = costs.total().as_secs_f64();
        let whole = self.order.started_at.zip(self.order.completed_at);
        let whole = whole.map_or(0.0, |(began, ended)| ended.duration_since(began).as_secs_f64());
        let share = if whole > 0.0 { format!(", {:.2} % of the run", 100.0 * total / whole) } else { String::new() };
        format!(
            "{}, each as it ended: {}, {:.1} ms{share}",
            counted(self.results().len() as u64, "result"),
            counted(costs.saves(), "save"),
            total * 1000.0
        )
    }

    /// What is kept, and the commands that go on with it.
    fn next(&self, lines: &mut Vec<Line>) {
        if self.place == Place::Nowhere {
            return;
        }
        let id = tail(&self.order.agent_work_order_id);
        let (mut kept, mut next) = (Vec::new(), Vec::new());
        match self.order.status.as_str() {
            "failed" | "cancelled" => {
                if self.order.started_at.is_some() && self.place != Place::Elsewhere {
                    kept.push((format!("awo workspace open {id}"), "its checkout, as it was left".to_owned()));
                }
                if let Some(failed) = self.failed().filter(|failed| has_transcript(failed)) {
                    let command = format!("awo steps {id} --transcript {}", failed.step);
                    kept.push((command, "what its agent said and did".to_owned()));
                }
                self.needs_server(&mut next);
                let from = self.failed().map_or("from its first step".to_owned(), |step| format!("from {}", step.step));
                next.push((format!("awo retry {id} --watch"), format!("{from}; what is done is kept")));
                next.push((
                    format!("awo prompt {id} \"…\""),
                    "tells the agent what is missing, then goes on".to_owned(),
                ));
            }
            "completed" if self.order.error_message.is_some() => {
                self.needs_server(&mut next);
                next.push((format!("awo retry {id} --watch"), "tries again what is missing".to_owned()));
            }
            "completed" => {
                next.push((format!("awo diff {id}"), "what it changed".to_owned()));
                if self.place != Place::Here {
                    next.push((format!("awo prompt {id} \"…\""), "one more step on the same branch".to_owned()));
                }
            }
            _ => {}
        }
        let room = kept.iter().chain(&next).map(|(command, _)| width(command)).max().unwrap_or(0);
        commands(lines, "kept", &kept, room);
        commands(lines, "next", &next, room);
    }

    fn needs_server(&self, next: &mut Vec<(String, String)>) {
        if self.place == Place::Here {
            next.push(("awo serve".to_owned(), "in another terminal; it has to run for these:".to_owned()));
        }
    }

    fn results(&self) -> &[Step] {
        &self.steps.steps
    }

    /// The result that ended the order, if it was not a good one.
    fn failed(&self) -> Option<&Step> {
        self.results().last().filter(|step| !step.success)
    }
}

fn has_transcript(step: &Step) -> bool {
    step.artifacts.iter().any(|name| name.ends_with(".transcript.jsonl"))
}

fn field(name: &str, value: &str) -> Line {
    Line::new().plain(format!("  {name:<8} {value}"))
}

/// A text in lines that the terminal has room for, as many as are bearable.
fn told(lines: &mut Vec<Line>, before: &str, text: &str) {
    let mut wrapped = wrap(&inline(text), columns().saturating_sub(before.len()).max(1));
    if wrapped.len() > LINES {
        wrapped.truncate(LINES);
        wrapped.push("…".to_owned());
    }
    lines.extend(wrapped.iter().map(|line| Line::new().plain(before).plain(line)));
}

/// Commands in `room` columns, with what each does behind it.
fn commands(lines: &mut Vec<Line>, title: &str, commands: &[(String, String)], room: usize) {
    for (place, (command, what)) in commands.iter().enumerate() {
        let title = if place == 0 { title } else { "" };
        let line = Line::new().plain(format!("  {title:<8} {}", pad(&inline(command), room)));
        lines.push(line.plain("   ").faint(what));
    }
}
