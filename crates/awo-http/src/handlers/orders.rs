//! Orders: create, list, get, start, cancel, delete, retry.

use awo_engine::{EngineError, FieldError, OrderList, OrderQuery};
use awo_models::{AgentWorkOrder, AgentWorkOrderStatus, Idempotency, OrderId, StepName};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, LINK, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use tracing::warn;
use utoipa::ToSchema;

use super::ApiState;
use crate::answer;
use crate::body::{digest, read_json};
use crate::create::{CreateOrder, read_new_order};
use crate::door::Caller;
use crate::idempotency::idempotency_key;
use crate::paths::{Base, OrderPath};
use crate::problem::Problem;
use crate::query::Parameters;
use crate::quotas::Quotas;
use crate::version_tag::VersionTag;
use crate::views::{CreatedOrderView, OrderView};

const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");
const DAMAGED: HeaderName = HeaderName::from_static("x-damaged-orders");

/// Orders of a page, unless the client asks for another number.
const PAGE: usize = 200;
/// Orders of a page at most.
const LARGEST_PAGE: usize = 1000;
/// Damaged orders that a header names at most.
const DAMAGED_NAMED: usize = 20;

/// Create an order
///
/// The order is stored and queued when this answers; with `start: false` it is stored and held, whatever happens to the
/// server, until somebody starts it.
#[utoipa::path(
    post,
    path = "/agent-work-orders",
    tag = "orders",
    params((
        "Idempotency-Key" = Option<String>, Header,
        description = "1 to 255 printable characters. The same key with the same body gives the order that the first \
                       request made; with another body it is refused."
    )),
    request_body(content = CreateOrder, example = json!({
        "repository_url": "https://github.com/octo/hello", "user_request": "Say hello in more languages",
    })),
    responses(
        (status = 201, description = "The new order", body = CreatedOrderView<'static>,
         headers(("Location" = String, description = "Path of the order"))),
        (status = 200, description = "The order that an earlier request with this key made",
         body = CreatedOrderView<'static>, headers(("Location" = String, description = "Path of the order"))),
    )
)]
pub(crate) async fn create_order(
    State(api): ApiState,
    caller: Caller,
    base: Base,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let key = idempotency_key(&parts.headers)?;
    let body = read_json(&parts.headers, body, &api.limits).await?;
    let mut order = read_new_order(&body, &api.work_orders, api.lenient)?;
    order.idempotency = key.map(|key| Idempotency { key, body_digest: digest(&body).into() });
    let asked = order.idempotency.clone();
    let is_made = move |made: &AgentWorkOrder| {
        asked.as_ref().zip(made.spec.idempotency.as_ref()).is_some_and(|(asked, made)| asked.key == made.key)
    };
    let room = Quotas::room(&api, &caller, is_made).await?;
    let created = api.work_orders.create(order).await?;
    room.goes_to(created.view.order.agent_work_order_id);

    let view = OrderView::of(&created.view, base);
    let location = HeaderValue::from_str(view.path()).map_err(|defect| Problem::internal(defect.to_string()))?;
    let (status, message) = if created.existed {
        (StatusCode::OK, "Agent work order exists already: an earlier request with this Idempotency-Key created it")
    } else if created.view.order.state.held {
        (StatusCode::CREATED, "Agent work order created; it is held until it is started")
    } else {
        (StatusCode::CREATED, "Agent work order created and workflow execution started")
    };
    let mut response = answer::json(status, &CreatedOrderView { order: view, message });
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// List orders
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/agent-work-orders",
    tag = "orders",
    params(
        ("status" = Option<Vec<String>>, Query, description = "Only orders of this status; may be repeated"),
        ("repository_url" = Option<String>, Query, description = "Only orders of exactly this repository"),
        ("q" = Option<String>, Query,
         description = "Only orders whose request, repository, branch or id contains this text"),
        ("limit" = Option<usize>, Query, description = "At most so many, 1 to 1000; 200 if absent"),
        ("cursor" = Option<String>, Query, description = "Only orders older than this one (an id)"),
    ),
    responses(
        (status = 200, description = "The orders", body = Vec<OrderView<'static>>, headers(
            ("Link" = String, description = "Address of the next page, with rel=\"next\", if there is one"),
            ("X-Total-Count" = usize, description = "Orders that match, on all pages"),
            ("X-Damaged-Orders" = String, description = "Ids of stored orders that cannot be read, if there are any"),
        )),
    )
)]
pub(crate) async fn list_orders(State(api): ApiState, base: Base, uri: Uri) -> Result<Response, Problem> {
    let mut parameters = Parameters::of(&uri);
    let query = OrderQuery {
        status: parameters.all::<AgentWorkOrderStatus>("status"),
        repository_url: parameters.one("repository_url"),
        text: parameters.one("q").filter(|text: &String| !text.is_empty()),
        limit: parameters.number("limit", 1..=LARGEST_PAGE).unwrap_or(PAGE),
        after: parameters.one::<OrderId>("cursor"),
    };
    parameters.finish(api.lenient)?;
    let page = api.work_orders.list(&query).await?;

    let rows = page.items.iter().map(|row| OrderView::of_row(row, base));
    let mut response = answer::json(StatusCode::OK, &rows.collect::<Vec<_>>());
    let headers = response.headers_mut();
    headers.insert(TOTAL_COUNT, page.total.into());
    if let Some(next) = next_page(&page, base, &uri) {
        headers.insert(LINK, next);
    }
    if !page.damaged.is_empty() {
        warn!(orders = ?page.damaged, "agent_work_orders_damaged: they are left out of the list");
        let named: Vec<_> = page.damaged.iter().take(DAMAGED_NAMED).map(ToString::to_string).collect();
        if let Ok(named) = HeaderValue::from_str(&named.join(", ")) {
            headers.insert(DAMAGED, named);
        }
    }
    Ok(response)
}

/// The same query with another cursor. The text of the others is the client's own, encoded as it was.
fn next_page(page: &OrderList, base: Base, uri: &Uri) -> Option<HeaderValue> {
    let next = page.next?;
    let kept = uri.query().unwrap_or("").split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let mut query: String = kept.flat_map(|pair| [pair, "&"]).collect();
    query = query.replace('>', "%3E").replace('<', "%3C");
    HeaderValue::from_str(&format!("<{}?{query}cursor={next}>; rel=\"next\"", base.0)).ok()
}

/// Get an order
#[utoipa::path(
    get,
    path = "/agent-work-orders/{id}",
    tag = "orders",
    params(
        ("id" = String, Path, description = "Id of the order"),
        ("If-None-Match" = Option<String>, Header, description = "Version that the client has"),
    ),
    responses(
        (status = 200, description = "The order", body = OrderView<'static>,
         headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "The client has this version"),
    )
)]
pub(crate) async fn get_order(
    State(api): ApiState,
    base: Base,
    OrderPath(id): OrderPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let seen = api.work_orders.get(id).await?;
    let tag = VersionTag::of(&seen);
    if tag.is_known_to(&headers) {
        return Ok(answer::not_modified(&tag));
    }
    let view = OrderView::of(&seen, base);
    Ok(answer::tagged(answer::json(StatusCode::OK, &view), &tag))
}

/// Start an order
///
/// One that was created with `start: false`: it is queued when this answers. Starting it again changes nothing.
#[utoipa::path(
    post,
    path = "/agent-work-orders/{id}/start",
    tag = "orders",
    params(("id" = String, Path, description = "Id of the order")),
    responses((status = 202, description = "The order", body = OrderView<'static>))
)]
pub(crate) async fn start_order(
    State(api): ApiState,
    base: Base,
    OrderPath(id): OrderPath,
) -> Result<Response, Problem> {
    let seen = api.work_orders.start(id).await?;
    Ok(answer::json(StatusCode::ACCEPTED, &OrderView::of(&seen, base)))
}

/// Cancel an order
///
/// The request is stored when this answers. A pending order is cancelled at once, a running one when its agent has
/// ended.
#[utoipa::path(
    post,
    path = "/agent-work-orders/{id}/cancel",
    tag = "orders",
    params(("id" = String, Path, description = "Id of the order")),
    responses((status = 202, description = "The order", body = OrderView<'static>))
)]
pub(crate) async fn cancel_order(
    State(api): ApiState,
    base: Base,
    OrderPath(id): OrderPath,
) -> Result<Response, Problem> {
    let seen = api.work_orders.cancel(id).await?;
    let view = OrderView::of(&seen, base);
    Ok(answer::json(StatusCode::ACCEPTED, &view))
}

/// Delete an order
///
/// Only one that has ended; with its artifacts, its log, its checkout and its sessions. A branch that was pushed, and its
/// pull request, stay.
#[utoipa::path(
    delete,
    path = "/agent-work-orders/{id}",
    tag = "orders",
    params(("id" = String, Path, description = "Id of the order")),
    responses((status = 204, description = "It is gone"))
)]
pub(crate) async fn delete_order(State(api): ApiState, OrderPath(id): OrderPath) -> Result<Response, Problem> {
    api.work_orders.delete(id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What may be said with a retry.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryRequest {
    /// Step to begin with: one that is done, or the first that is not (the default).
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
    from_step: Option<String>,
}

/// Retry an order
///
/// An order that has ended is queued again, from its first step that is not done or from an earlier one. What is run
/// again begins with the checkout as it was then; earlier results stay and are shown as superseded.
#[utoipa::path(
    post,
    path = "/agent-work-orders/{id}/retry",
    tag = "orders",
    params(("id" = String, Path, description = "Id of the order")),
    request_body(content = RetryRequest, description = "May be left out", example = json!({"from_step": "plan"})),
    responses((status = 202, description = "The order", body = OrderView<'static>))
)]
pub(crate) async fn retry_order(
    State(api): ApiState,
    caller: Caller,
    base: Base,
    OrderPath(id): OrderPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let request = if headers.contains_key(CONTENT_TYPE) {
        let value = read_json(&headers, body, &api.limits).await?;
        serde_json::from_value(value).map_err(|error| unusable(format!("cannot be used: {error}")))?
    } else {
        RetryRequest::default()
    };
    let from_step = request.from_step.map(|name| StepName::new(&name).map_err(|error| unusable(error.to_string())));
    let from_step = from_step.transpose()?;
    let room = Quotas::room(&api, &caller, |order| order.agent_work_order_id == id).await?;
    let seen = api.work_orders.retry(id, from_step.as_ref()).await?;
    room.goes_to(id);
    let view = OrderView::of(&seen, base);
    Ok(answer::json(StatusCode::ACCEPTED, &view))
}

fn unusable(message: String) -> Problem {
    EngineError::Invalid(vec![FieldError { field: "from_step", message }]).into()
}
