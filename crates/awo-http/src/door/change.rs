//! A call that may change something: it is made to its end, and recorded.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use awo_models::OrderId;
use axum::extract::{FromRequestParts as _, RawPathParams};
use axum::http::header::LOCATION;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use futures::FutureExt as _;

use super::{Caller, Door, Seen};
use crate::access::{Access, Rule};
use crate::audit::{AuditedCall, record};
use crate::edge::panicked;
use crate::paths::is_uuid;

/// Says in an answer who has acted, where the door could not know.
#[derive(Debug, Clone)]
pub(crate) struct Actor(pub(crate) Arc<str>);

/// A call, before it is made.
pub(super) struct Change {
    pub(super) what: Rule,
    pub(super) subject: Option<Arc<str>>,
    pub(super) method: Method,
    pub(super) caller: Caller,
    pub(super) seen: Seen,
}

impl Change {
    /// Its answer, once it is recorded.
    pub(super) async fn made(self, door: Door, answer: impl Future<Output = Response>) -> Response {
        let Self { what, subject, method, caller, seen } = self;
        let answer = AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|panic| panicked(&*panic));
        seen.attended.decided(answer.status());
        let actor = answer.extensions().get::<Actor>().map(|actor| Arc::clone(&actor.0));
        if what.access == Access::Open && actor.is_none() {
            // Whoever likes may try links; the trail is not theirs to fill.
            door.tell(&seen, "link_refused", answer.status(), None);
            return answer;
        }
        let call = AuditedCall {
            at: door.api.clock.now(),
            who: actor.or_else(|| caller.key().cloned()).unwrap_or_else(|| "loopback".into()),
            what: what.operation,
            subject: subject.or_else(|| created(&answer)),
            status: answer.status().as_u16(),
            request_id: Arc::clone(seen.attended.request_id()),
        };
        record(door.api.audit.as_deref(), method.as_str(), seen.route().unwrap_or_default(), call).await;
        answer
    }
}

/// The order or repository that a path names, if it is an id.
pub(super) async fn subject(parts: &mut Parts) -> Option<Arc<str>> {
    let parameters = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    parameters.iter().find(|(name, _)| matches!(*name, "id" | "rid")).and_then(|(_, id)| known_form(id))
}

/// The order or repository that an answer says it has created.
fn created(answer: &Response) -> Option<Arc<str>> {
    let made = matches!(answer.status(), StatusCode::CREATED | StatusCode::OK);
    let path = answer.headers().get(LOCATION).filter(|_| made)?.to_str().ok()?;
    known_form(path.rsplit('/').next()?)
}

/// The text, if it is an id, and nothing that a client made up.
fn known_form(id: &str) -> Option<Arc<str>> {
    id.parse().map(|id: OrderId| id.to_string().into()).ok().or_else(|| is_uuid(id).then(|| id.into()))
}
