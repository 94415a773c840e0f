//! Configured repositories: list, get, create, update, verify, delete.

use awo_engine::{COMMANDS, LookedUp, RepositoryChange};
use axum::body::Body;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::ApiState;
use crate::answer;
use crate::body::read_json;
use crate::create::{Field, Kind, body_schema, check_body, word, words};
use crate::paths::{Base, RepositoryPath};
use crate::problem::Problem;
use crate::views::{RepositoryVerificationView, RepositoryView};

/// The fields of a new repository.
const NEW: &[Field] = &[
    Field::text("repository_url", true, "Address of the repository, without a password or token."),
    Field::optional(
        "verify",
        Kind::Switch(true),
        "Whether it must be there at the GitHub that awo is set up for, which also tells its owner and default branch.",
    ),
];

/// The fields of a change.
const CHANGE: &[Field] = &[
    Field::optional(
        "default_sandbox_type",
        Kind::Word { available: &["git_branch", "git_worktree"], later: &["e2b", "dagger"], default: None },
        "Kind of checkout that is offered first.",
    ),
    Field::optional(
        "default_commands",
        Kind::Words(&COMMANDS),
        "Commands that are offered first, in order; none means the workflow.",
    ),
];

/// The body of a new repository, for the documentation only.
#[derive(Debug)]
pub(crate) struct NewRepository;

impl ToSchema for NewRepository {}

impl PartialSchema for NewRepository {
    fn schema() -> RefOr<Schema> {
        body_schema(NEW, "A repository to configure.")
    }
}

/// The body of a change, for the documentation only.
#[derive(Debug)]
pub(crate) struct RepositoryChanges;

impl ToSchema for RepositoryChanges {}

impl PartialSchema for RepositoryChanges {
    fn schema() -> RefOr<Schema> {
        body_schema(CHANGE, "What is changed of a configured repository; what is absent or null stays.")
    }
}

/// List configured repositories
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/agent-work-orders/repositories",
    tag = "repositories",
    responses((status = 200, description = "The repositories", body = Vec<RepositoryView<'static>>))
)]
pub(crate) async fn list_repositories(State(api): ApiState) -> Result<Response, Problem> {
    let all = api.work_orders.repositories().await?;
    Ok(answer::json(StatusCode::OK, &all.iter().map(RepositoryView::of).collect::<Vec<_>>()))
}

/// Configure a repository
///
/// What is kept of it is offered to people; an order says itself what it wants.
#[utoipa::path(
    post,
    path = "/agent-work-orders/repositories",
    tag = "repositories",
    request_body(content = NewRepository, example = json!({"repository_url": "https://github.com/octo/hello"})),
    responses((status = 201, description = "The repository", body = RepositoryView<'static>,
               headers(("Location" = String, description = "Path of the repository"))))
)]
pub(crate) async fn create_repository(
    State(api): ApiState,
    base: Base,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let object = read_object(&api, &headers, body, NEW, "must be an object with repository_url").await?;
    let url = object.get("repository_url").and_then(Value::as_str).unwrap_or_default();
    let verify = object.get("verify").and_then(Value::as_bool).unwrap_or(true);
    let added = api.work_orders.add_repository(url, verify).await?;
    let location = HeaderValue::from_str(&format!("{}/repositories/{}", base.0, added.id));
    let mut response = answer::json(StatusCode::CREATED, &RepositoryView::of(&added));
    response.headers_mut().insert(LOCATION, location.map_err(|defect| Problem::internal(defect.to_string()))?);
    Ok(response)
}

/// Get a configured repository
#[utoipa::path(
    get,
    path = "/agent-work-orders/repositories/{rid}",
    tag = "repositories",
    params(("rid" = String, Path, description = "Id of the repository")),
    responses((status = 200, description = "The repository", body = RepositoryView<'static>))
)]
pub(crate) async fn get_repository(
    State(api): ApiState,
    RepositoryPath(id): RepositoryPath,
) -> Result<Response, Problem> {
    let found = api.work_orders.repository(&id).await?;
    Ok(answer::json(StatusCode::OK, &RepositoryView::of(&found)))
}

/// Change a configured repository
#[utoipa::path(
    patch,
    path = "/agent-work-orders/repositories/{rid}",
    tag = "repositories",
    params(("rid" = String, Path, description = "Id of the repository")),
    request_body(content = RepositoryChanges, example = json!({
        "default_commands": ["create-branch", "planning", "execute", "commit", "create-pr"],
    })),
    responses((status = 200, description = "The repository", body = RepositoryView<'static>))
)]
pub(crate) async fn update_repository(
    State(api): ApiState,
    RepositoryPath(id): RepositoryPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let object = read_object(&api, &headers, body, CHANGE, "must be an object").await?;
    let change = RepositoryChange {
        default_sandbox_type: word(&object, "default_sandbox_type"),
        default_commands: words(&object, "default_commands"),
    };
    let changed = api.work_orders.change_repository(&id, &change).await?;
    Ok(answer::json(StatusCode::OK, &RepositoryView::of(&changed)))
}

/// Verify a configured repository
///
/// Looks it up at the GitHub that awo is set up for, and keeps what came of it. When GitHub cannot be asked, nothing is
/// changed.
#[utoipa::path(
    post,
    path = "/agent-work-orders/repositories/{rid}/verify",
    tag = "repositories",
    params(("rid" = String, Path, description = "Id of the repository")),
    responses((status = 200, description = "Whether it is there", body = RepositoryVerificationView<'static>))
)]
pub(crate) async fn verify_configured_repository(
    State(api): ApiState,
    RepositoryPath(id): RepositoryPath,
) -> Result<Response, Problem> {
    let LookedUp { repository, missing } = api.work_orders.verify_configured(&id).await?;
    Ok(answer::json(StatusCode::OK, &RepositoryVerificationView::of(&repository, missing.as_deref())))
}

/// Remove a configured repository
///
/// Its orders stay.
#[utoipa::path(
    delete,
    path = "/agent-work-orders/repositories/{rid}",
    tag = "repositories",
    params(("rid" = String, Path, description = "Id of the repository")),
    responses((status = 204, description = "It is gone"))
)]
pub(crate) async fn delete_repository(
    State(api): ApiState,
    RepositoryPath(id): RepositoryPath,
) -> Result<Response, Problem> {
    api.work_orders.remove_repository(&id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The body, once it fits a table of fields.
async fn read_object(
    api: &crate::Api,
    headers: &HeaderMap,
    body: Body,
    fields: &'static [Field],
    expected: &str,
) -> Result<Map<String, Value>, Problem> {
    let body = read_json(headers, body, &api.limits).await?;
    let errors = check_body(&body, fields, expected, api.lenient);
    match body {
        Value::Object(object) if errors.is_empty() => Ok(object),
        _ => Err(Problem::invalid(errors)),
    }
}
