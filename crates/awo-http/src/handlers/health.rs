//! What the server says about itself.

use std::sync::LazyLock;

use awo_engine::ports::{AgentHealth, Login};
use awo_engine::{AgentStatus, DiskUse};
use awo_models::Timestamp;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;

use super::ApiState;
use crate::answer;
use crate::api::Api;
use crate::paths::ORDERS;
use crate::problem::{Problem, ProblemType};
use crate::views::WorkersDetail;

/// Name of the service, as the original has it.
const SERVICE: &str = "agent-work-orders";

/// Seconds after which a client may ask again whether the server is ready.
const READY_PAUSE: u32 = 5;

/// Content type of the figures.
const FIGURES: &str = "text/plain; version=0.0.4";

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health<'a> {
    /// `healthy`, or `degraded` while saves are not acknowledged or no new orders are taken.
    #[schema(example = "healthy")]
    status: &'static str,
    /// Always `agent-work-orders`.
    service: &'static str,
    /// Version of the program.
    version: &'a str,
    /// Orders that run here.
    running: usize,
    /// Orders among them that only wait, for a limit to reset or for another attempt; they take no place.
    waiting: usize,
    /// Orders that wait here.
    queued: usize,
    /// Whether new orders are taken.
    accepting: bool,
    /// `degraded` while the store does not take the saves of some order.
    #[schema(example = "ok")]
    persistence: &'static str,
    /// Orders whose saves the store does not take at present.
    degraded_orders: usize,
    /// Results of these that are not stored yet.
    unsaved_results: usize,
    /// Names of the agents.
    agents: Vec<String>,
    /// What was last seen of them; looked at again in the background when it is older than a minute.
    agent_details: Vec<AgentDetail>,
    /// Walls that orders get which leave it to awo; null where that is not known.
    isolation: Option<IsolationHealth<'a>>,
    /// What checkouts take of the disk; counted again in the background when it is older than five minutes. Null if that has
    /// not ended for the first time.
    workspaces: Option<WorkspacesDetail>,
    /// The workers that share the orders, as they were seen last; looked at again in the background when that is older than five
    /// seconds. Null where this server is the only one, or nobody has looked yet.
    workers: Option<WorkersDetail>,
}

/// The walls of the server's machine.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IsolationHealth<'a> {
    /// `bubblewrap`, `landlock` or `none`; `refused` if such orders are refused.
    #[schema(example = "bubblewrap")]
    effective: &'a str,
    /// Why there are no better ones; null if there is nothing to say.
    reason: Option<&'a str>,
}

/// What checkouts take of the disk.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkspacesDetail {
    /// When it was counted.
    #[schema(value_type = String, format = DateTime)]
    seen_at: Timestamp,
    /// Orders that have a checkout, or something left of one.
    orders: usize,
    /// Bytes of them, with what was kept of their states.
    bytes: u64,
}

impl From<DiskUse> for WorkspacesDetail {
    fn from(DiskUse { seen_at, orders, bytes }: DiskUse) -> Self {
        Self { seen_at, orders, bytes }
    }
}

/// An agent, and whether it can be used.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AgentDetail {
    /// Its name.
    #[schema(example = "claude")]
    name: String,
    /// When it was looked at; null if that has not ended for the first time, and all else is unknown then.
    seen_at: Option<String>,
    /// Whether nothing is known to be in the way of using it.
    usable: Option<bool>,
    /// Where the program is.
    #[schema(example = "/usr/local/bin/claude")]
    program: Option<String>,
    /// Its version, as it says itself.
    #[schema(example = "2.1.330 (Claude Code)")]
    version: Option<String>,
    /// `found`, `missing`, `not_needed` or `unknown`: whether a key or a login is there. Whether it is still good, only
    /// the service knows.
    #[schema(example = "found")]
    login: Option<&'static str>,
    /// What is in the way of using it.
    problem: Option<String>,
    /// What to do about it.
    cure: Option<String>,
}

impl From<AgentStatus> for AgentDetail {
    fn from(status: AgentStatus) -> Self {
        let seen_at = status.seen.as_ref().map(|(_, at)| at.to_string());
        let health = status.seen.map(|(health, _)| health);
        let login = health.as_ref().map(|health| match health.login {
            Login::Found => "found",
            Login::Missing => "missing",
            Login::NotNeeded => "not_needed",
            Login::Unknown => "unknown",
        });
        let usable = health.as_ref().map(AgentHealth::is_usable);
        let (program, version, problem, cure) =
            health.map(|health| (health.program, health.version, health.problem, health.cure)).unwrap_or_default();
        Self { name: status.name, seen_at, usable, program, version, login, problem, cure }
    }
}

/// That the process answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Live {
    /// Always `live`.
    status: &'static str,
}

/// That new orders are taken and stored.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ready {
    /// Always `ready`.
    status: &'static str,
}

/// What this service is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceInformation<'a> {
    /// Always `agent-work-orders`.
    service: &'static str,
    /// Version of the program.
    version: &'a str,
    /// In one sentence.
    description: &'static str,
    /// Path of the orders.
    api: &'static str,
    /// Path of the health.
    health: &'static str,
    /// Path of the description of all routes.
    openapi: &'static str,
}

fn health(api: &Api) -> Health<'_> {
    let engine = api.work_orders.health();
    let healthy = engine.accepting && !engine.is_degraded();
    Health {
        status: if healthy { "healthy" } else { "degraded" },
        service: SERVICE,
        version: &api.version,
        running: engine.running,
        waiting: engine.waiting,
        queued: engine.queued,
        accepting: engine.accepting,
        persistence: if engine.is_degraded() { "degraded" } else { "ok" },
        degraded_orders: engine.degraded_orders,
        unsaved_results: engine.unsaved_results,
        agents: engine.agents,
        agent_details: api.work_orders.agents().into_iter().map(AgentDetail::from).collect(),
        isolation: api
            .isolation
            .as_deref()
            .map(|(effective, reason)| IsolationHealth { effective, reason: reason.as_deref() }),
        workspaces: api.work_orders.disk_use().map(WorkspacesDetail::from),
        workers: api.work_orders.fleet_last_seen().map(WorkersDetail::from),
    }
}

/// Get the health
///
/// Answers at once with what is known; 200 when healthy and when degraded.
#[utoipa::path(
    get,
    path = "/health",
    tag = "server",
    responses((status = 200, description = "How the server is", body = Health<'static>))
)]
pub(crate) async fn get_health(State(api): ApiState) -> Response {
    answer::json(StatusCode::OK, &health(&api))
}

/// Get whether the process answers
#[utoipa::path(
    get,
    path = "/health/live",
    tag = "server",
    responses((status = 200, description = "It does", body = Live))
)]
pub(crate) async fn get_liveness() -> Response {
    answer::json(StatusCode::OK, &Live { status: "live" })
}

/// Get whether new orders are taken and stored
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "server",
    responses((status = 200, description = "They are", body = Ready))
)]
pub(crate) async fn get_readiness(State(api): ApiState) -> Result<Response, Problem> {
    let engine = api.work_orders.health();
    let reason = match (engine.accepting, engine.is_degraded()) {
        (true, false) => return Ok(answer::json(StatusCode::OK, &Ready { status: "ready" })),
        (false, _) => "the server is shutting down and takes no new orders",
        (true, true) => "the store does not take the saves of some order at present; the orders that run go on",
    };
    Err(Problem::new(ProblemType::NotReady, reason).retry_after(READY_PAUSE))
}

/// Get the figures of this process
///
/// In the text format of Prometheus. Empty if the program counts nothing.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "server",
    responses((status = 200, description = "The figures", body = String, content_type = FIGURES))
)]
pub(crate) async fn get_metrics(State(api): ApiState) -> Response {
    api.work_orders.set_gauges().await;
    ([(CONTENT_TYPE, FIGURES)], (api.metrics.render)()).into_response()
}

/// Get what this service is
///
/// Browsers, which name HTML before JSON, get the page that shows the orders, if the program was built with it.
#[utoipa::path(
    get,
    path = "/",
    tag = "server",
    responses((status = 200, description = "What it is, or the page", content(
        (ServiceInformation<'static> = "application/json"),
        (String = "text/html"),
    )))
)]
pub(crate) async fn get_service(State(api): ApiState, headers: HeaderMap) -> Response {
    #[cfg(feature = "dashboard")]
    if crate::dashboard::is_wanted(&headers) {
        return crate::dashboard::page(&headers);
    }
    #[cfg(not(feature = "dashboard"))]
    drop(headers);
    answer::json(
        StatusCode::OK,
        &ServiceInformation {
            service: SERVICE,
            version: &api.version,
            description: "Runs coding agents through a workflow of small steps; every step is saved the moment it ends",
            api: ORDERS,
            health: "/health",
            openapi: "/openapi.json",
        },
    )
}

/// Get the description of all routes
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "server",
    responses((status = 200, description = "The description (OpenAPI 3.1)", body = Value,
               example = json!({"openapi": "3.1.0", "info": {"title": "Agent work orders"}, "paths": {}})))
)]
pub(crate) async fn get_openapi() -> Response {
    static DESCRIPTION: LazyLock<OpenApi> = LazyLock::new(crate::routes::openapi);
    answer::json(StatusCode::OK, &*DESCRIPTION)
}
