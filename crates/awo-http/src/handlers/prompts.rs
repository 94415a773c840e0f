//! Follow-up prompts to an order.

use awo_engine::Prompted;
use awo_models::Idempotency;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::ApiState;
use crate::answer;
use crate::body::{digest, read_json};
use crate::create::{Field, body_schema, check_body};
use crate::door::Caller;
use crate::idempotency::idempotency_key;
use crate::paths::{Base, OrderPath};
use crate::problem::{InputError, Problem};
use crate::quotas::Quotas;
use crate::views::OrderView;

/// The fields of a prompt.
const FIELDS: &[Field] = &[
    Field::text("prompt_text", true, "What is wanted, in a person's words; at most 64 KiB."),
    Field::text("agent_work_order_id", false, "Id of the order. The path's counts, and the two must be equal."),
];

/// The body of a prompt, for the documentation only.
#[derive(Debug)]
pub(crate) struct PromptRequest;

impl ToSchema for PromptRequest {}

impl PartialSchema for PromptRequest {
    fn schema() -> RefOr<Schema> {
        body_schema(FIELDS, "A follow-up prompt.")
    }
}

/// Prompt an order
///
/// The prompt is stored when this answers, and becomes a further step: after the step that is at work or comes next, or,
/// if the order has ended, at once, in a new round that tries again what had failed. The agent goes on in its last
/// session where it can. What it changes is committed and pushed to the order's branch as far as the order's steps have
/// done that before.
#[utoipa::path(
    post,
    path = "/agent-work-orders/{id}/prompt",
    tag = "orders",
    params(
        ("id" = String, Path, description = "Id of the order"),
        ("Idempotency-Key" = Option<String>, Header,
         description = "1 to 255 printable characters. The same key with the same body is one prompt to this order, \
                        however often it is sent; with another body it is refused."),
    ),
    request_body(content = PromptRequest, example = json!({"prompt_text": "Say it in Basque, too"})),
    responses(
        (status = 202, description = "The order, with the prompt", body = OrderView<'static>),
        (status = 200, description = "The order; an earlier request with this key brought the prompt",
         body = OrderView<'static>),
    )
)]
pub(crate) async fn prompt_order(
    State(api): ApiState,
    caller: Caller,
    base: Base,
    OrderPath(id): OrderPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers)?;
    let body = read_json(&headers, body, &api.limits).await?;
    let mut errors = check_body(&body, FIELDS, "must be an object with prompt_text", api.lenient);
    if let Some(named) = body.get("agent_work_order_id").and_then(Value::as_str)
        && named != id.to_string()
    {
        errors.push(InputError {
            loc: vec![json!("body"), json!("agent_work_order_id")],
            msg: format!("is not the order of the path, which is {id}; leave it out"),
            kind: "value_error",
            input: None,
        });
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let text = body.get("prompt_text").and_then(Value::as_str).unwrap_or_default();
    let room = Quotas::room(&api, &caller, |order| order.agent_work_order_id == id).await?;
    let (seen, existed) = match key {
        None => (api.work_orders.prompt(id, text).await?, false),
        Some(key) => {
            let key = Idempotency { key, body_digest: digest(&body).into() };
            let Prompted { view, existed } = api.work_orders.prompt_once(id, text, key).await?;
            (view, existed)
        }
    };
    room.goes_to(id);
    let status = if existed { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(answer::json(status, &OrderView::of(&seen, base)))
}
