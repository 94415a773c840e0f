//! The description of all routes. Routes and schemas come from the handlers and views; what is the same everywhere,
//! problems above all, is added here.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder, Schema, ServerBuilder,
};
use utoipa::{PartialSchema as _, ToSchema as _};

use crate::problem::{InputError, PROBLEM_JSON, ProblemBody, ProblemType};

const DESCRIPTION: &str = "Creates, shows, follows and cancels agent work orders. Every path that begins with \
    `/agent-work-orders` exists under `/api/agent-work-orders`, too, and every path with a trailing slash. Times are RFC \
    3339 in UTC, durations seconds. Every answer has an `X-Request-Id`, which the server's log has, too.";

/// What every description begins with.
pub(crate) fn begin() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Agent work orders")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .build();
    OpenApiBuilder::new().info(info).servers(Some([ServerBuilder::new().url("/").build()])).build()
}

/// Adds what is the same everywhere.
pub(crate) fn complete(mut openapi: OpenApi) -> OpenApi {
    let components = openapi.components.get_or_insert_default();
    for (name, schema) in &mut components.schemas {
        if let (RefOr::T(schema), false) = (schema, name == "CreateOrder") {
            require_all(schema);
        }
    }
    components.schemas.insert("Problem".into(), ProblemBody::schema());
    components.schemas.insert(InputError::name().into_owned(), InputError::schema());
    for item in openapi.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten() {
            add_problems(operation);
        }
    }
    openapi
}

/// Answers have every field always.
fn require_all(schema: &mut Schema) {
    match schema {
        Schema::Object(object) => object.required = object.properties.keys().cloned().collect(),
        // One kind of data may look like another, so at least one fits, not exactly one.
        Schema::OneOf(one) => {
            let mut any = AnyOfBuilder::new().description(one.description.take());
            for item in &mut one.items {
                if let RefOr::T(schema) = item {
                    require_all(schema);
                }
                any = any.item(item.clone());
            }
            *schema = Schema::AnyOf(any.build());
        }
        Schema::AllOf(all) => all.items.iter_mut().for_each(|item| {
            if let RefOr::T(schema) = item {
                require_all(schema);
            }
        }),
        _ => {}
    }
}

/// The problems that an operation can answer with, by status.
fn add_problems(operation: &mut Operation) {
    let mut by_status: BTreeMap<StatusCode, Vec<ProblemType>> = BTreeMap::new();
    let everywhere = [ProblemType::OriginRefused, ProblemType::HostRefused, ProblemType::Internal];
    let own = problems_of(operation.operation_id.as_deref().unwrap_or(""));
    for kind in everywhere.into_iter().chain(own.iter().copied()) {
        by_status.entry(kind.status()).or_default().push(kind);
    }
    for (status, kinds) in by_status {
        let lines: Vec<_> = kinds.iter().map(|kind| format!("{} (`{}`)", kind.title(), kind.urn())).collect();
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response = ResponseBuilder::new().description(lines.join("; ")).content(PROBLEM_JSON, content).build();
        operation.responses.responses.insert(status.as_u16().to_string(), RefOr::T(response));
    }
}

fn problems_of(operation: &str) -> &'static [ProblemType] {
    use ProblemType::{
        BodyTimeout, BodyTooLarge, DiffNotFound, IdempotencyKeyReused, InvalidRequest, MalformedJson, NotAcceptable,
        NotAllowed, NotReady, OrderDamaged, OrderNotFound, OrderTooNew, OutputNotFound, QueueFull, ShuttingDown,
        StoreUnavailable, UnsupportedMediaType, WorkspaceUnavailable,
    };
    match operation {
        "create_order" => &[
            MalformedJson,
            BodyTimeout,
            IdempotencyKeyReused,
            BodyTooLarge,
            UnsupportedMediaType,
            InvalidRequest,
            QueueFull,
            StoreUnavailable,
            ShuttingDown,
        ],
        "list_orders" => &[InvalidRequest, StoreUnavailable],
        "get_order" => &[OrderNotFound, OrderDamaged, OrderTooNew, StoreUnavailable],
        "retry_order" | "prompt_order" => &[
            MalformedJson,
            OrderNotFound,
            NotAllowed,
            BodyTimeout,
            BodyTooLarge,
            UnsupportedMediaType,
            InvalidRequest,
            QueueFull,
            OrderDamaged,
            OrderTooNew,
            ShuttingDown,
            StoreUnavailable,
        ],
        "cancel_order" => &[OrderNotFound, NotAllowed, OrderDamaged, OrderTooNew, StoreUnavailable],
        "list_steps" => &[OrderNotFound, InvalidRequest, OrderDamaged, OrderTooNew, StoreUnavailable],
        "get_step_output" => &[OrderNotFound, OutputNotFound, OrderDamaged, OrderTooNew, StoreUnavailable],
        "get_git_progress" => &[OrderNotFound, OrderDamaged, OrderTooNew, StoreUnavailable, WorkspaceUnavailable],
        "get_diff" | "get_step_diff" => {
            &[OrderNotFound, DiffNotFound, OrderDamaged, OrderTooNew, StoreUnavailable, WorkspaceUnavailable]
        }
        "list_events" => &[OrderNotFound, NotAcceptable, InvalidRequest, OrderDamaged, OrderTooNew, StoreUnavailable],
        "verify_repository" => &[MalformedJson, BodyTimeout, BodyTooLarge, UnsupportedMediaType, InvalidRequest],
        "get_readiness" => &[NotReady],
        _ => &[],
    }
}
