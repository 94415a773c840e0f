//! Figures of steps: how long they take, what they cost, why they fail.

mod csv;

use awo_engine::{Dimension, SELECTED_COMMANDS, StatsQuery, StatsWindow};
use awo_models::{StepName, Timestamp, WorkflowType};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use tokio::task::spawn_blocking;

use super::ApiState;
use crate::accept::{Form, accepted};
use crate::answer;
use crate::problem::{Problem, ProblemType};
use crate::query::Parameters;
use crate::views::StatsView;

/// Days of the window at most.
const MOST_DAYS: u32 = 3650;
/// Attempts of each group that are told one by one, at most.
const MOST_RECENT: usize = 50;
/// Slowest orders at most.
const MOST_SLOWEST: usize = 100;

/// Get figures of steps
///
/// Of all attempts that have a result and ended in a window of time, those of running orders included: how many there were, how long
/// they were at work, what they cost, and why they failed; by step and agent program, or by what is asked for, by day, by
/// repository, and of the slowest orders. Percentiles are of attempts that succeeded, by nearest rank. Orders that were deleted
/// do not count. There are 1,000 groups at most, those that took longest. As `text/csv` there is one line for each group; what a spreadsheet would take for a formula begins with `'`.
#[utoipa::path(
    get,
    path = "/agent-work-orders/stats/steps",
    tag = "stats",
    params(
        ("days" = Option<u32>, Query, description = "The last so many days of 24 hours, 1 to 3650; 30 if no window is given"),
        ("since" = Option<String>, Query, description = "Instead: only attempts that ended at this time (RFC 3339) or later"),
        ("until" = Option<String>, Query, description = "Instead: only attempts that ended before this time (RFC 3339)"),
        ("repository_url" = Option<String>, Query, description = "Only those of exactly this repository"),
        ("agent" = Option<String>, Query, description = "Only those of this agent program"),
        ("model" = Option<String>, Query, description = "Only those of this model"),
        ("step" = Option<String>, Query, description = "Only those of this step; `prompt` for all that prompts became"),
        ("workflow_type" = Option<String>, Query,
         description = "Only those of orders with this workflow; `selected_commands` for orders without one"),
        ("group_by" = Option<Vec<String>>, Query,
         description = "What attempts of a group have in common; may be repeated. `step` and `agent` if absent"),
        ("recent" = Option<usize>, Query, description = "So many of the last attempts of each group, 0 to 50; 0 if absent"),
        ("slowest" = Option<usize>, Query, description = "So many of the slowest orders, 0 to 100; 10 if absent"),
        ("format" = Option<String>, Query, description = "`json` or `csv`; before the header `Accept`"),
    ),
    responses((status = 200, description = "The figures", content(
        (StatsView<'static> = "application/json"),
        (String = "text/csv"),
    )))
)]
pub(crate) async fn get_step_stats(State(api): ApiState, headers: HeaderMap, uri: Uri) -> Result<Response, Problem> {
    let mut parameters = Parameters::of(&uri);
    let form = form(&mut parameters, &headers);
    let query = query(&mut parameters);
    parameters.finish(api.lenient)?;
    let form = form
        .ok_or_else(|| Problem::new(ProblemType::NotAcceptable, "figures are given as application/json or text/csv"))?;
    let stats = api.work_orders.step_stats(&query).await?;
    // A thousand groups and their attempts take a while to be written, for which others would wait.
    let writing = spawn_blocking(move || {
        let view = StatsView::new(&stats, query.group_by);
        match form {
            Form::Csv => answer::csv(csv::table(&view.groups)),
            _ => answer::json(StatusCode::OK, &view),
        }
    });
    writing.await.map_err(|died| Problem::internal(format!("cannot write the answer: {died}")))
}

/// The form that is asked for; `None` if there is no such one.
fn form(parameters: &mut Parameters, headers: &HeaderMap) -> Option<Form> {
    match parameters.one::<String>("format").as_deref() {
        Some("json") => Some(Form::Json),
        Some("csv") => Some(Form::Csv),
        Some(other) => {
            parameters.refuse("format", "value_error", "must be json or csv".into(), other);
            None
        }
        None => accepted(headers, &[Form::Json, Form::Csv]),
    }
}

/// Which attempts a client asks for.
fn query(parameters: &mut Parameters) -> StatsQuery {
    let usual = StatsQuery::default();
    let group_by = parameters.all::<Dimension>("group_by");
    StatsQuery {
        window: window(parameters).unwrap_or(usual.window),
        repository_url: parameters.one("repository_url"),
        agent: parameters.one("agent"),
        model: parameters.one("model"),
        step: parameters.one::<StepName>("step").map(|step| step.to_string()),
        workflow: parameters.one::<String>("workflow_type").inspect(|workflow| {
            let known = [WorkflowType::AgentWorkflowPlan.as_str(), SELECTED_COMMANDS];
            if !known.contains(&workflow.as_str()) {
                let message = format!("must be one of {}", known.join(", "));
                parameters.refuse("workflow_type", "value_error", message, workflow);
            }
        }),
        group_by: if group_by.is_empty() { usual.group_by } else { group_by.into_iter().collect() },
        recent: parameters.number("recent", 0..=MOST_RECENT).unwrap_or(usual.recent),
        slowest: parameters.number("slowest", 0..=MOST_SLOWEST).unwrap_or(usual.slowest),
    }
}

/// The window of time that is asked for, if one is.
fn window(parameters: &mut Parameters) -> Option<StatsWindow> {
    let days = parameters.number("days", 1..=MOST_DAYS);
    let (since, until) = (parameters.one::<Timestamp>("since"), parameters.one::<Timestamp>("until"));
    let mut refuse = |name, message: &str| parameters.refuse(name, "value_error", message.to_owned(), "");
    if days.is_some() && since.or(until).is_some() {
        refuse("days", "is given beside since or until; give either");
    }
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        refuse("until", "must be later than since");
    }
    let between = since.or(until).map(|_| StatsWindow::Between { since, until });
    days.map(StatsWindow::Days).or(between)
}
