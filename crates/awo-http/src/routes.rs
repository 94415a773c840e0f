//! The table of routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::OriginalUri;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use tower::ServiceExt as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::edge::{Edge, edge};
use crate::handlers::{events, git, github, health, orders, prompts, steps};
use crate::openapi::{begin, complete};
use crate::paths::normalize;
use crate::problem::{Problem, ProblemType};

/// All routes, in one spelling each.
fn table() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::with_openapi(begin())
        .routes(routes!(orders::list_orders, orders::create_order))
        .routes(routes!(orders::get_order))
        .routes(routes!(orders::cancel_order))
        .routes(routes!(orders::retry_order))
        .routes(routes!(prompts::prompt_order))
        .routes(routes!(steps::list_steps))
        .routes(routes!(steps::get_step_output))
        .routes(routes!(git::get_git_progress))
        .routes(routes!(git::get_diff))
        .routes(routes!(git::get_step_diff))
        .routes(routes!(events::list_events))
        .routes(routes!(github::verify_repository))
        .routes(routes!(health::get_health))
        .routes(routes!(health::get_liveness))
        .routes(routes!(health::get_readiness))
        .routes(routes!(health::get_metrics))
        .routes(routes!(health::get_service))
        .routes(routes!(health::get_openapi))
}

/// The description of all routes (OpenAPI 3.1).
pub fn openapi() -> OpenApi {
    complete(table().into_openapi())
}

/// The interface as a service.
///
/// Every request is held against the hosts that the [`Api`] allows, so a caller that does not use
/// [`serve`](crate::serve()) sets the port with [`Api::with_port`].
pub fn router(api: Api) -> Router {
    let around = Edge::new(api.hosts.clone());
    let (routes, _) = table().split_for_parts();
    let routes = routes.fallback(unknown_path).with_state(Arc::new(api));
    // The spelling is settled before the routes are looked at; the edge is around both.
    Router::new().fallback_service(routes.map_request(normalize)).layer(from_fn_with_state(around, edge))
}

async fn unknown_path(OriginalUri(uri): OriginalUri) -> Result<Response, Problem> {
    let path: String = uri.path().chars().take(200).collect();
    Err(Problem::new(
        ProblemType::PathNotFound,
        format!("path {path} was not found; /openapi.json names those there are"),
    ))
}
