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

/// Says in an answer who has acted, where the door could not know.
#[derive(Debug, Clone)]
pub(crate) struct Actor(pub(crate) Arc<str>);

/// A call, before it is made.
pub(super) struct Change {
    pub(super) what: Rule,
    pub(super) subject: Option<OrderId>,
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
            subject: subject.or_else(|| created(&answer)).map(|id| id.to_string().into()),
            status: answer.status().as_u16(),
            request_id: Arc::clone(seen.attended.request_id()),
        };
        record(door.api.audit.as_deref(), method.as_str(), seen.route().unwrap_or_default(), call).await;
        answer
    }
}

/// The order that a path names, if it is an id.
pub(super) async fn subject(parts: &mut Parts) -> Option<OrderId> {
    let parameters = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    parameters.iter().find(|(name, _)| *name == "id").and_then(|(_, id)| id.parse().ok())
}

/// The order that an answer says it has created.
fn created(answer: &Response) -> Option<OrderId> {
    let made = matches!(answer.status(), StatusCode::CREATED | StatusCode::OK);
    let path = answer.headers().get(LOCATION).filter(|_| made)?.to_str().ok()?;
    path.rsplit('/').next()?.parse().ok()
}
