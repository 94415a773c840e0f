//! The workers that share the orders: list them, pause and resume their queue.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::ApiState;
use crate::answer;
use crate::problem::Problem;
use crate::views::WorkerListView;

/// List the workers that share the orders
///
/// Where this server is the only one that runs its orders, `shared` is false and nothing is listed.
#[utoipa::path(
    get,
    path = "/agent-work-orders/workers",
    tag = "workers",
    responses((status = 200, description = "The workers, and whether their queue is paused", body = WorkerListView<'static>))
)]
pub(crate) async fn list_workers(State(api): ApiState) -> Result<Response, Problem> {
    let shared = api.work_orders.fleet().await?;
    Ok(answer::json(StatusCode::OK, &WorkerListView::of(shared.as_ref())))
}

/// Pause the queue of all workers
///
/// No worker begins an order until it is resumed, whatever happens to the servers. What runs goes on, and orders are taken and
/// wait. Pausing it again changes nothing.
#[utoipa::path(
    post,
    path = "/agent-work-orders/workers/pause",
    tag = "workers",
    responses((status = 200, description = "It is paused", body = WorkerListView<'static>))
)]
pub(crate) async fn pause_queue(State(api): ApiState) -> Result<Response, Problem> {
    let shared = api.work_orders.pause_queue(true).await?;
    Ok(answer::json(StatusCode::OK, &WorkerListView::of(Some(&shared))))
}

/// Resume the queue of all workers
///
/// Workers begin orders again. Resuming one that is not paused changes nothing.
#[utoipa::path(
    post,
    path = "/agent-work-orders/workers/resume",
    tag = "workers",
    responses((status = 200, description = "It is not paused any more", body = WorkerListView<'static>))
)]
pub(crate) async fn resume_queue(State(api): ApiState) -> Result<Response, Problem> {
    let shared = api.work_orders.pause_queue(false).await?;
    Ok(answer::json(StatusCode::OK, &WorkerListView::of(Some(&shared))))
}
