//! Follows an order: each step as it settles, one moving line for the one at work.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use awo_client::{
    ActivityNews, AgentWorkOrder as Order, Client, CurrentStep, Error, News, StepHistory as Steps, StepsQuery,
};
use awo_engine::ports::{Clock as _, SystemClock};
use awo_models::EventKind;
use indicatif::{ProgressBar, ProgressStyle};

use crate::exit::{CANCELLED, FAILED};
use crate::orders::has_ended;
use crate::render::{activity_line, duration, ending, first_line, moves, step_line, visible, waiting};

/// Times that a store which does not answer is asked how an order ended.
const LAST_QUESTIONS: u32 = 60;
/// Pause between these.
const PAUSE: Duration = Duration::from_secs(1);

/// Shows an order until it has ended, or waits silently; the order as it ended.
pub(crate) async fn follow(client: &Client, id: &str, silent: bool) -> anyhow::Result<(Order, Steps)> {
    let line = RunningLine::new(silent);
    let mut shown = Shown::default();
    let mut following = client.follow_order(id, None, &line.kinds());
    loop {
        let Some(news) = following.next().await else {
            // It had ended and goes on, as somebody has retried it meanwhile.
            following = client.follow_order(id, Some(shown.version), &line.kinds());
            continue;
        };
        let News::Message(message) = news? else {
            line.settle("  · the server does not answer; still trying");
            continue;
        };
        match message.event.as_str() {
            "activity" => {
                let news: ActivityNews = message.read()?;
                line.show(news.current_step.as_ref(), false);
            }
            "end" => {
                let steps = last_steps(client, id).await?;
                shown.take(&steps, &line);
                if has_ended(&steps.status) {
                    line.clear();
                    let order = client.get_order(id).await?;
                    return Ok((order, steps));
                }
            }
            // What came before is in what is shown.
            _ if message.number().is_some_and(|number| number <= shown.version) => {}
            _ => match steps(client, id).await {
                Ok(steps) => shown.take(&steps, &line),
                // The next message asks again, and a stream that is lost begins with one.
                Err(error) if error.is_unavailable() => {}
                Err(error) => return Err(error.into()),
            },
        }
    }
}

async fn steps(client: &Client, id: &str) -> Result<Steps, Error> {
    client.list_steps(id, StepsQuery::default()).await
}

/// The steps of an order that has ended: no message follows, so this asks until there is an answer.
async fn last_steps(client: &Client, id: &str) -> Result<Steps, Error> {
    let mut questions = 1;
    loop {
        match steps(client, id).await {
            Err(error) if error.is_unavailable() && questions < LAST_QUESTIONS => {
                questions += 1;
                tokio::time::sleep(PAUSE).await;
            }
            answer => return answer,
        }
    }
}

/// What the person has seen.
#[derive(Debug, Default)]
struct Shown {
    steps: usize,
    version: u64,
    degraded: bool,
    waits: Option<String>,
}

impl Shown {
    /// Shows what is new.
    fn take(&mut self, steps: &Steps, line: &RunningLine) {
        for step in steps.steps.iter().skip(self.steps) {
            line.settle(&step_line(step));
        }
        self.steps = steps.steps.len();
        self.version = steps.version;
        let degraded = steps.persistence == "degraded";
        if degraded != self.degraded {
            self.degraded = degraded;
            line.settle(&if degraded {
                format!("  · the store does not take saves; the work goes on, {} unsaved", steps.pending_steps)
            } else {
                "  · the store takes saves again; nothing is missing".to_owned()
            });
        }
        let waits = waiting(steps.waiting_for.as_deref(), steps.waiting_until);
        if waits != self.waits {
            if let Some(waiting) = &waits {
                line.settle(&format!("  · waits {waiting}"));
            }
            self.waits = waits;
        }
        line.show(steps.current_step.as_ref(), self.waits.is_some());
    }
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

    /// The kinds of messages that are of use: without a line that moves, what agents do is of none.
    fn kinds(&self) -> Vec<&'static str> {
        match self.bar {
            Some(_) => Vec::new(),
            None => std::iter::once("state").chain(EventKind::WORDS).collect(),
        }
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
