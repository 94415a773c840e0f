//! What git knows of an order's work, at any time.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::ApiState;
use crate::answer;
use crate::paths::{OrderPath, ResultNumber};
use crate::problem::Problem;
use crate::views::GitProgressView;

/// Get how far an order is, as git sees it
///
/// As the last result left it; an agent that is at work is not disturbed.
#[utoipa::path(
    get,
    path = "/agent-work-orders/{id}/git-progress",
    tag = "orders",
    params(("id" = String, Path, description = "Id of the order")),
    responses((status = 200, description = "The progress", body = GitProgressView<'static>))
)]
pub(crate) async fn get_git_progress(State(api): ApiState, OrderPath(id): OrderPath) -> Result<Response, Problem> {
    let progress = api.work_orders.git_progress(id).await?;
    Ok(answer::json(StatusCode::OK, &GitProgressView::new(&progress)))
}

/// Get what an order changed
///
/// Unified diff from the commit that it began with to what its last standing step left, committed or not. Empty while nothing
/// has changed. Longer ones than 8 MiB end with a line that says so.
#[utoipa::path(
    get,
    path = "/agent-work-orders/{id}/diff",
    tag = "orders",
    params(("id" = String, Path, description = "Id of the order")),
    responses((status = 200, description = "The diff", body = String, content_type = "text/plain"))
)]
pub(crate) async fn get_diff(State(api): ApiState, OrderPath(id): OrderPath) -> Result<Response, Problem> {
    Ok(answer::plain_text(api.work_orders.diff(id).await?))
}

/// Get what a step changed
///
/// Unified diff from the files that it began with to those that it left, whether it succeeded or not.
#[utoipa::path(
    get,
    path = "/agent-work-orders/{id}/steps/{n}/diff",
    tag = "steps",
    params(
        ("id" = String, Path, description = "Id of the order"),
        ("n" = usize, Path, description = "Place of the result in the history, from 1"),
    ),
    responses((status = 200, description = "The diff", body = String, content_type = "text/plain"))
)]
pub(crate) async fn get_step_diff(
    State(api): ApiState,
    OrderPath(id): OrderPath,
    ResultNumber(number): ResultNumber,
) -> Result<Response, Problem> {
    Ok(answer::plain_text(api.work_orders.step_diff(id, number).await?))
}
