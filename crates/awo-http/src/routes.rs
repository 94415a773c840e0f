//! The table of routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::OriginalUri;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use tower::ServiceExt as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use crate::access::{Access, Rules, Scope, asked_for, operations, requirements};
use crate::api::Api;
use crate::door::{Door, enter};
use crate::edge::{Edge, edge};
use crate::handlers::{
    artifacts, docs, events, git, github, health, login, logs, orders, prompts, repositories, stats, steps, workers,
};
use crate::openapi::{begin, complete};
use crate::paths::normalize;
use crate::problem::{Problem, ProblemType};

/// All routes, in one spelling each, with who may call them.
fn table() -> Table {
    use Access::{AnyKey, Key, Open};
    use Scope::{MetricsRead, OrdersRead, OrdersWrite, RepositoriesWrite};
    let table = Table { router: OpenApiRouter::with_openapi(begin()), rules: Rules::default() }
        .routes(Key(OrdersRead), routes!(orders::list_orders))
        .routes(Key(OrdersWrite), routes!(orders::create_order))
        .routes(Key(OrdersRead), routes!(orders::get_order))
        .routes(Key(OrdersWrite), routes!(orders::delete_order))
        .routes(Key(OrdersWrite), routes!(orders::start_order))
        .routes(Key(OrdersWrite), routes!(orders::cancel_order))
        .routes(Key(OrdersWrite), routes!(orders::retry_order))
        .routes(Key(OrdersWrite), routes!(prompts::prompt_order))
        .routes(Key(OrdersRead), routes!(steps::list_steps))
        .routes(Key(OrdersRead), routes!(steps::get_step_output))
        .routes(Key(OrdersRead), routes!(artifacts::get_step_transcript))
        .routes(Key(OrdersRead), routes!(artifacts::list_artifacts))
        .routes(Key(OrdersRead), routes!(artifacts::get_artifact))
        .routes(Key(OrdersRead), routes!(git::get_git_progress))
        .routes(Key(OrdersRead), routes!(git::get_diff))
        .routes(Key(OrdersRead), routes!(git::get_step_diff))
        .routes(Key(OrdersRead), routes!(events::list_events))
        .routes(Key(OrdersRead), routes!(events::follow_orders))
        .routes(Key(OrdersRead), routes!(events::converse_about_order))
        .routes(Key(OrdersRead), routes!(logs::list_logs))
        .routes(Key(OrdersRead), routes!(logs::follow_logs))
        .routes(Key(OrdersRead), routes!(stats::get_step_stats))
        .routes(Key(OrdersRead), routes!(repositories::list_repositories))
        .routes(Key(RepositoriesWrite), routes!(repositories::create_repository))
        .routes(Key(OrdersRead), routes!(repositories::get_repository))
        .routes(Key(RepositoriesWrite), routes!(repositories::update_repository))
        .routes(Key(RepositoriesWrite), routes!(repositories::delete_repository))
        .routes(Key(RepositoriesWrite), routes!(repositories::verify_configured_repository))
        .routes(Key(RepositoriesWrite), routes!(github::verify_repository))
        .routes(Key(OrdersRead), routes!(workers::list_workers))
        .routes(Key(OrdersWrite), routes!(workers::pause_queue))
        .routes(Key(OrdersWrite), routes!(workers::resume_queue))
        .routes(Key(OrdersRead), routes!(health::get_health))
        .routes(Open, routes!(health::get_liveness))
        .routes(Open, routes!(health::get_readiness))
        .routes(Key(MetricsRead), routes!(health::get_metrics))
        .routes(Open, routes!(health::get_service))
        .routes(Open, routes!(health::get_openapi))
        .routes(Open, routes!(docs::get_docs))
        .routes(Open, routes!(docs::get_docs_file))
        .routes(AnyKey, routes!(login::create_login_link))
        .routes(Open, routes!(login::follow_login_link))
        .routes(AnyKey, routes!(login::delete_session));
    #[cfg(feature = "dashboard")]
    let table = table.routes(Open, routes!(crate::dashboard::get_page_file));
    table
}

/// The routes, and the rules of who may call them.
struct Table {
    router: OpenApiRouter<Arc<Api>>,
    rules: Rules,
}

impl Table {
    /// Adds a route. Who may call it is said here, and nowhere else.
    fn routes(mut self, access: Access, mut route: UtoipaMethodRouter<Arc<Api>>) -> Self {
        for (path, item) in &mut route.1.paths {
            for (method, operation) in operations(item) {
                self.rules.add(path, method, access, operation.operation_id.as_deref().unwrap_or_default());
                operation.security = Some(requirements(access));
                let who = asked_for(access);
                operation.description = Some(match operation.description.take().filter(|text| !text.is_empty()) {
                    Some(what) => format!("{what}\n\n{who}"),
                    None => who,
                });
            }
        }
        self.router = self.router.routes(route);
        self
    }
}

/// The description of all routes (OpenAPI 3.1).
pub fn openapi() -> OpenApi {
    let mut openapi = table().router.into_openapi();
    openapi.merge(<events::StreamSchemas as utoipa::OpenApi>::openapi());
    complete(openapi)
}

/// The interface as a service.
///
/// Every request is held against the hosts that the [`Api`] allows, so a caller that does not use
/// [`Server`](crate::Server) sets the port with [`Api::with_port`].
pub fn router(api: Api) -> Router {
    let Table { router, rules } = table();
    let api = Arc::new(api);
    let around = Edge::new(Arc::clone(&api));
    let door = Door::new(Arc::clone(&api), rules);
    let (routes, _) = router.split_for_parts();
    // The door is within the router, which has found the route by then, and around what it says of others, too.
    let routes = routes.fallback(unknown_path).layer(from_fn_with_state(door, enter)).with_state(api);
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
