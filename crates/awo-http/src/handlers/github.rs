//! GitHub: whether a repository is there.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::ApiState;
use crate::answer;
use crate::body::read_json;
use crate::problem::{InputError, Problem};

/// A repository to look up.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct VerifyRepository {
    /// Address of the repository, without a password or token.
    repository_url: String,
}

/// Whether the repository is there for awo.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VerifiedRepositoryView {
    /// Whether it is.
    is_accessible: bool,
    /// Its name; null if it is not.
    repository_name: Option<String>,
    /// Who owns it; null if it is not there.
    repository_owner: Option<String>,
    /// Its default branch; null if it is not there.
    default_branch: Option<String>,
    /// Why it is not; null if it is.
    error_message: Option<String>,
}

/// Verify a repository
///
/// Looks it up at the GitHub that awo is set up for. The path exists as `/github/verify-repository`, too.
#[utoipa::path(
    post,
    path = "/agent-work-orders/github/verify-repository",
    tag = "github",
    request_body(content = VerifyRepository, example = json!({"repository_url": "https://github.com/octo/hello"})),
    responses((status = 200, description = "Whether it is there", body = VerifiedRepositoryView))
)]
pub(crate) async fn verify_repository(
    State(api): ApiState,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body = read_json(&headers, body, &api.limits).await?;
    let request: VerifyRepository = serde_json::from_value(body).map_err(|error| {
        Problem::invalid(vec![InputError {
            loc: vec![json!("body")],
            msg: format!("cannot be used: {error}; it must be an object with repository_url"),
            kind: "value_error",
            input: None,
        }])
    })?;
    let view = match api.work_orders.verify_repository(&request.repository_url).await {
        Ok(found) => VerifiedRepositoryView {
            is_accessible: true,
            repository_name: Some(found.name),
            repository_owner: Some(found.owner),
            default_branch: Some(found.default_branch),
            error_message: None,
        },
        Err(unverified) => VerifiedRepositoryView {
            is_accessible: false,
            repository_name: None,
            repository_owner: None,
            default_branch: None,
            error_message: Some(unverified.to_string()),
        },
    };
    Ok(answer::json(StatusCode::OK, &view))
}
