//! The step history of an order, at once or when it changes, and the whole output of one step.

use std::time::Duration;

use awo_engine::OrderView;
use awo_models::{EventSeq, OrderId};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use tokio::time::Instant;

use super::ApiState;
use crate::answer;
use crate::api::Api;
use crate::figures::{Follow, Present};
use crate::paths::{OrderPath, ResultNumber};
use crate::problem::{Problem, ProblemType};
use crate::query::Parameters;
use crate::version_tag::VersionTag;
use crate::views::StepHistoryView;

/// Longest time that an answer is held back, in seconds.
const LONGEST_WAIT: f64 = 60.0;

/// A waiting request looks at the store this often where no hint comes, as one may be lost.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Get the steps of an order
///
/// Every result that is stored, the moment it is stored; an empty list before the first step ends. With `wait` and
/// either `If-None-Match` or `after` the answer is held back until there is a new version, at most so long. What the agent
/// of the current step does is part of the answer, and of its `ETag`, but no new version: it ends no wait.
#[utoipa::path(
    get,
    path = "/agent-work-orders/{id}/steps",
    tag = "steps",
    params(
        ("id" = String, Path, description = "Id of the order"),
        ("wait" = Option<f64>, Query, description = "Seconds to wait for something new, up to 60"),
        ("after" = Option<u64>, Query, description = "Version that the client has"),
        ("If-None-Match" = Option<String>, Header, description = "The same as an ETag"),
    ),
    responses(
        (status = 200, description = "The steps so far", body = StepHistoryView<'static>,
         headers(("ETag" = String, description = "Version of the order"))),
        (status = 304, description = "The client has this version"),
    )
)]
pub(crate) async fn list_steps(
    State(api): ApiState,
    OrderPath(id): OrderPath,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::of(&uri);
    let wait = parameters.number("wait", 0.0..=LONGEST_WAIT).map(Duration::from_secs_f64).unwrap_or_default();
    let after = parameters.place("after").map(EventSeq);
    parameters.finish(api.lenient)?;

    let is_old = |seen: &OrderView| {
        VersionTag::of(seen).is_known_version_to(&headers) || after.is_some_and(|after| seen.seq <= after)
    };
    let seen = newest(&api, id, wait, is_old).await?;
    let tag = VersionTag::of(&seen);
    if tag.is_known_to(&headers) {
        return Ok(answer::not_modified(&tag));
    }
    let page = api.written.page(id, &tag, || serde_json::to_vec(&StepHistoryView::new(&seen)))?;
    Ok(answer::tagged(answer::json_text(StatusCode::OK, page), &tag))
}

/// The order as soon as it is not old, or when the time is over, or when the server closes.
async fn newest(
    api: &Api,
    id: OrderId,
    wait: Duration,
    is_old: impl Fn(&OrderView) -> bool,
) -> Result<OrderView, Problem> {
    let deadline = Instant::now() + wait;
    let mut seen = api.work_orders.get(id).await?;
    let _waiting = (is_old(&seen) && !wait.is_zero()).then(|| Present::follower(Follow::LongPoll));
    while is_old(&seen) && Instant::now() < deadline && !api.closing.is_cancelled() {
        let at_most = (deadline - Instant::now()).min(LOOK_AGAIN);
        seen = tokio::select! {
            changed = api.work_orders.wait_for_change(id, seen.seq, at_most) => changed?,
            () = api.closing.cancelled() => return Ok(seen),
        };
    }
    Ok(seen)
}

/// Get the output of a step
///
/// The whole text that a step gave, also where the history has its beginning only.
#[utoipa::path(
    get,
    path = "/agent-work-orders/{id}/steps/{n}/output",
    tag = "steps",
    params(
        ("id" = String, Path, description = "Id of the order"),
        ("n" = usize, Path, description = "Place of the result in the history, from 1"),
    ),
    responses((status = 200, description = "The output", body = String, content_type = "text/plain"))
)]
pub(crate) async fn get_step_output(
    State(api): ApiState,
    OrderPath(id): OrderPath,
    ResultNumber(number): ResultNumber,
) -> Result<Response, Problem> {
    let seen = api.work_orders.get(id).await?;
    let missing = |why: String| Problem::new(ProblemType::OutputNotFound, format!("output not found: {why}"));
    let result = seen.history.get(number - 1).ok_or_else(|| {
        missing(format!("agent work order {id} has {} results, and none of number {number}", seen.history.len()))
    })?;
    let output = result.output.as_ref().ok_or_else(|| missing(format!("step `{}` left none", result.step)))?;
    if !result.output_truncated {
        return Ok(answer::plain_text(output.to_string()));
    }
    let whole = result.artifacts.iter().find(|name| name.as_str().ends_with(".output.txt"));
    let whole = match whole {
        Some(name) => api.work_orders.artifact(id, name).await?,
        None => None,
    };
    let whole = whole.ok_or_else(|| missing("it was not kept whole; its beginning is in the steps".into()))?;
    Ok(answer::plain_text(whole))
}
