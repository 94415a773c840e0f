//! The description of all routes. Routes and schemas come from the handlers and views; what is the same everywhere,
//! problems above all, is added here.

mod examples;
mod parameters;
mod problems;

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use serde_json::{Value, json};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{
    Content, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required, ResponseBuilder, Schema,
    ServerBuilder,
};
use utoipa::{PartialSchema as _, ToSchema as _};

use crate::access::{operations, schemes};
use crate::problem::{InputError, PROBLEM_JSON, ProblemBody, ProblemType};

const DESCRIPTION: &str = "Creates, shows, follows and cancels agent work orders. Every path that begins with \
    `/agent-work-orders` exists under `/api/agent-work-orders`, too, and every path with a trailing slash. Times are RFC \
    3339 in UTC, durations seconds. Every answer has an `X-Request-Id`, which the server's log has, too. A server that is reached from elsewhere \
    asks for keys; one that listens on its own machine only asks for none, unless it is told to.";

/// What every description begins with.
pub(crate) fn begin() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Agent work orders")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .build();
    OpenApiBuilder::new().info(info).servers(Some([ServerBuilder::new().url("/").build()])).build()
}

/// Operations whose body may be left out.
const OPTIONAL_BODIES: &[&str] = &["retry_order"];

/// Adds what is the same everywhere.
pub(crate) fn complete(mut openapi: OpenApi) -> OpenApi {
    let bodies = bodies(&mut openapi);
    let components = openapi.components.get_or_insert_default();
    for (name, schema) in &mut components.schemas {
        if let (RefOr::T(schema), false) = (schema, bodies.contains(name)) {
            require_all(schema);
        }
    }
    components.schemas.insert("Problem".into(), ProblemBody::schema());
    components.schemas.insert(InputError::name().into_owned(), InputError::schema());
    components.security_schemes.extend(schemes().map(|(name, scheme)| (name, RefOr::T(scheme))));
    let schemas = serde_json::to_value(&components.schemas).unwrap_or_default();
    for item in openapi.paths.paths.values_mut() {
        for (_, operation) in operations(item) {
            parameters::describe(operation);
            let id = operation.operation_id.as_deref().unwrap_or_default();
            if let (Some(RefOr::T(body)), true) = (&mut operation.request_body, OPTIONAL_BODIES.contains(&id)) {
                body.required = Some(Required::False);
            }
            examples::give(operation, &schemas);
            add_problems(operation);
        }
    }
    openapi
}

/// Names of the schemas of bodies that clients send: what may be left out of them, the types say.
fn bodies(openapi: &mut OpenApi) -> BTreeSet<String> {
    let operations = openapi.paths.paths.values_mut().flat_map(operations);
    let bodies = operations.filter_map(|(_, operation)| match &operation.request_body {
        Some(RefOr::T(body)) => Some(&body.content),
        _ => None,
    });
    let names = bodies.flat_map(BTreeMap::values).filter_map(|content| match content {
        RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) => schema.ref_location.rsplit('/').next(),
        _ => None,
    });
    names.map(str::to_owned).collect()
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
    let everywhere =
        [ProblemType::OriginRefused, ProblemType::HostRefused, ProblemType::TooManyRequests, ProblemType::Internal];
    let guarded = operation.security.iter().flatten().next().is_some();
    let of_the_door: &[_] = if guarded { &[ProblemType::Unauthorized, ProblemType::ScopeMissing] } else { &[] };
    let own = problems::of(operation.operation_id.as_deref().unwrap_or(""));
    for kind in of_the_door.iter().copied().chain(everywhere).chain(own.iter().copied()) {
        by_status.entry(kind.status()).or_default().push(kind);
    }
    for (status, kinds) in by_status {
        let lines: Vec<_> = kinds.iter().map(|kind| format!("{} (`{}`)", kind.title(), kind.urn())).collect();
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
        let content = content.example(kinds.iter().find_map(|kind| example(*kind))).build();
        let response = ResponseBuilder::new().description(lines.join("; ")).content(PROBLEM_JSON, content).build();
        operation.responses.responses.insert(status.as_u16().to_string(), RefOr::T(response));
    }
}

/// What the door answers, as an example.
fn example(kind: ProblemType) -> Option<Value> {
    let detail = match kind {
        ProblemType::Unauthorized => {
            "this server asks for a key: send the header `Authorization: Bearer awo_<id>_<secret>`, with a key that is \
             good; `awo keys create` makes one"
        }
        ProblemType::ScopeMissing => {
            "the key is not good for orders:write; `awo keys create --scope orders:write` makes one that is"
        }
        _ => return None,
    };
    Some(json!({
        "type": kind.urn(), "title": kind.title(), "status": kind.status().as_u16(), "detail": detail,
        "instance": "/agent-work-orders", "request_id": "req-5d0c2f1f6f0a9b3e-7", "retryable": false,
    }))
}
