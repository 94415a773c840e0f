//! The files that are kept of an order. Agents wrote them: browsers are told to save them, not to show them.

use awo_models::ArtifactName;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::ApiState;
use crate::answer;
use crate::paths::{ArtifactPath, Base, OrderPath, ResultNumber};
use crate::problem::{Problem, ProblemType};
use crate::views::ArtifactListView;

/// How the name of what an agent program said and did ends.
const TRANSCRIPT: &str = ".transcript.jsonl";

/// List the files that are kept of an order
#[utoipa::path(
    get,
    path = "/agent-work-orders/{id}/artifacts",
    tag = "artifacts",
    params(("id" = String, Path, description = "Id of the order")),
    responses((status = 200, description = "The files", body = ArtifactListView<'static>))
)]
pub(crate) async fn list_artifacts(
    State(api): ApiState,
    base: Base,
    OrderPath(id): OrderPath,
) -> Result<Response, Problem> {
    let names = api.work_orders.artifacts(id).await?;
    Ok(answer::json(StatusCode::OK, &ArtifactListView::new(id, &names, base)))
}

/// Get a file that is kept of an order
#[utoipa::path(
    get,
    path = "/agent-work-orders/{id}/artifacts/{name}",
    tag = "artifacts",
    params(
        ("id" = String, Path, description = "Id of the order"),
        ("name" = String, Path, description = "Name of the file"),
    ),
    responses((status = 200, description = "The file, to be saved", body = Vec<u8>,
               content_type = "application/octet-stream"))
)]
pub(crate) async fn get_artifact(
    State(api): ApiState,
    OrderPath(id): OrderPath,
    ArtifactPath(name): ArtifactPath,
) -> Result<Response, Problem> {
    let missing = || format!("artifact not found: agent work order {id} has none of the name {name}");
    api.work_orders.get(id).await?;
    let content = api.work_orders.artifact(id, &name).await?;
    let content = content.ok_or_else(|| Problem::new(ProblemType::ArtifactNotFound, missing()))?;
    let mut response = content.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    // A name has no characters that mean something here.
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

/// Get the transcript of a step
///
/// What the agent's program said and did in the last execution of it, as the program wrote it.
#[utoipa::path(
    get,
    path = "/agent-work-orders/{id}/steps/{n}/transcript",
    tag = "steps",
    params(
        ("id" = String, Path, description = "Id of the order"),
        ("n" = usize, Path, description = "Place of the result in the history, from 1"),
    ),
    responses((status = 200, description = "The transcript", body = String, content_type = "text/plain"))
)]
pub(crate) async fn get_step_transcript(
    State(api): ApiState,
    OrderPath(id): OrderPath,
    ResultNumber(number): ResultNumber,
) -> Result<Response, Problem> {
    let missing = |why: String| Problem::new(ProblemType::ArtifactNotFound, format!("transcript not found: {why}"));
    let seen = api.work_orders.get(id).await?;
    let result = seen.history.get(number - 1).ok_or_else(|| {
        missing(format!("agent work order {id} has {} results, and none of number {number}", seen.history.len()))
    })?;
    let is_transcript = |name: &&ArtifactName| name.as_str().ends_with(TRANSCRIPT);
    let name = result.artifacts.iter().rfind(is_transcript);
    let name = name.ok_or_else(|| missing(format!("no agent's transcript was kept of step `{}`", result.step)))?;
    let text = api.work_orders.artifact(id, name).await?.ok_or_else(|| missing(format!("{name} is gone")))?;
    Ok(answer::plain_text(text))
}
