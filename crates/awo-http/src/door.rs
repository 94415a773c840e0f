//! The door: who calls, whether that one may, and how much of it. Stands between the router, which knows the route by then,
//! and the handlers. What is not in the table of routes is shut to all without a key.

mod buckets;
mod caller;

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use awo_models::OrderId;
use axum::body::Body;
use axum::extract::{FromRequestParts as _, MatchedPath, RawPathParams, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, UPGRADE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::{FutureExt as _, StreamExt as _};
use tokio_util::sync::CancellationToken;

use crate::access::{Access, Rule, Rules, SESSION_COOKIE};
use crate::api::Api;
use crate::audit::{AuditedCall, Refused, record};
use crate::edge::{RequestId, panicked};
use crate::keys::{Fault, Holder, KeyRing};
use crate::problem::{Problem, ProblemType};

pub(crate) use buckets::{Buckets, seconds};
pub(crate) use caller::{Caller, Ends};

const BEARER: &str = "bearer ";

/// What the door needs.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    api: Arc<Api>,
    rules: Arc<Rules>,
    of_keys: Arc<Buckets<Arc<str>>>,
    of_addresses: Arc<Buckets<IpAddr>>,
    failures: Arc<Buckets<IpAddr>>,
}

impl Door {
    pub(crate) fn new(api: Arc<Api>, rules: Rules) -> Self {
        let requests = api.limits.requests_per_minute;
        Self {
            of_keys: Arc::new(Buckets::new(requests)),
            of_addresses: Arc::new(Buckets::new(requests)),
            failures: Arc::new(Buckets::new(api.limits.failures_per_minute)),
            rules: Arc::new(rules),
            api,
        }
    }
}

/// A request that goes no further.
struct Stop {
    problem: Problem,
    reason: &'static str,
    key: Option<Arc<str>>,
}

/// Somebody who shows a cookie may be used by another page; somebody who shows a header may not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Header,
    Cookie,
}

/// Between router and handlers.
pub(crate) async fn enter(State(door): State<Door>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let route = parts.extensions.get::<MatchedPath>().cloned();
    let rule = route.as_ref().and_then(|route| door.rules.of(route.as_str(), &parts.method)).cloned();
    let ends = parts.extensions.get::<Ends>().copied();
    let request_id = parts.extensions.get::<RequestId>().map_or_else(|| "".into(), |id| Arc::clone(&id.0));
    let client = ends.map(|ends| ends.client);
    let named = route.as_ref().map(MatchedPath::as_str);
    let caller = match door.admit(rule.as_ref(), ends, &parts.method, &parts.headers) {
        Ok(caller) => caller,
        Err(Stop { problem, reason, key }) => {
            let status = problem.kind.status().as_u16();
            door.tell(&Refused { reason, status, client, key: key.as_deref(), route: named, request_id: &request_id });
            return problem.into_response();
        }
    };
    parts.extensions.insert(caller.clone());
    let changes = !parts.method.is_safe() || rule.as_ref().is_some_and(|rule| &*rule.operation == "follow_login_link");
    let audited = rule.filter(|_| changes);
    let Some(rule) = audited else {
        return while_good(&caller, next.run(Request::from_parts(parts, body))).await;
    };
    let subject = subject(&mut parts).await;
    let method = parts.method.clone();
    // What changes something is not cut when a key ends meanwhile, and is recorded however it ends.
    let answered = AssertUnwindSafe(next.run(Request::from_parts(parts, body))).catch_unwind().await;
    let answer = answered.unwrap_or_else(|panic| panicked(&*panic));
    let actor = answer.extensions().get::<Actor>().map(|actor| Arc::clone(&actor.0));
    if actor.is_none() && caller.key().is_none() && door.api.keys.is_some() {
        // Whoever likes may try links; the trail is not theirs to fill.
        let status = answer.status().as_u16();
        let reason = "link_refused";
        door.tell(&Refused { reason, status, client, key: None, route: named, request_id: &request_id });
        return answer;
    }
    let call = AuditedCall {
        at: door.api.clock.now(),
        who: actor.or_else(|| caller.key().cloned()).unwrap_or_else(|| "loopback".into()),
        what: rule.operation,
        subject: subject.or_else(|| created(&answer)).map(|id| id.to_string().into()),
        status: answer.status().as_u16(),
        request_id,
    };
    record(door.api.audit.as_deref(), method.as_str(), named.unwrap_or_default(), call).await;
    answer
}

/// Says in an answer who has acted, where the door could not know.
#[derive(Debug, Clone)]
pub(crate) struct Actor(pub(crate) Arc<str>);

impl Door {
    fn tell(&self, refused: &Refused<'_>) {
        self.api.refusals.tell(self.api.clock.monotonic(), refused);
    }

    fn admit(
        &self,
        rule: Option<&Rule>,
        ends: Option<Ends>,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Caller, Stop> {
        let access = rule.map_or(Access::AnyKey, |rule| rule.access);
        let is_probe = rule.is_some_and(|rule| matches!(&*rule.operation, "get_liveness" | "get_readiness"));
        let address = ends.map(Ends::neighbourhood);
        let now = self.api.clock.monotonic();
        let Some(keys) = self.api.keys.as_ref().filter(|_| access != Access::Open) else {
            return match address.filter(|_| !is_probe).map_or(Ok(()), |address| self.of_addresses.take(address, now)) {
                Ok(()) => Ok(Caller::Anybody),
                Err(wait) => Err(too_many("as many requests came from this address as may", seconds(wait), None)),
            };
        };
        // A good key is looked at first: no number of bad ones, from whatever address, keeps it out.
        let (holder, shown) = self.identify(keys, headers).map_err(|fault| {
            match address.map_or(Ok(()), |address| self.failures.take(address, now)) {
                Ok(()) => Stop { problem: unknown(), reason: fault.as_str(), key: None },
                Err(wait) => {
                    too_many("too many requests without a good key came from this address", seconds(wait), None)
                }
            }
        })?;
        let stop = |problem, reason| Stop { problem, reason, key: Some(Arc::clone(&holder.key)) };
        self.of_keys.take(Arc::clone(&holder.key), now).map_err(|wait| {
            too_many("as many requests came with this key as may", seconds(wait), Some(Arc::clone(&holder.key)))
        })?;
        let acts = !method.is_safe() || headers.contains_key(UPGRADE);
        if shown == Shown::Cookie && acts && !is_from_own_page(headers) {
            let detail = "a session acts for pages of this server only: the Origin header must name it as Host does";
            return Err(stop(Problem::new(ProblemType::OriginRefused, detail), "session_without_origin"));
        }
        match access {
            Access::Key(scope) if !holder.may(scope) => {
                let detail =
                    format!("the key is not good for {scope}; `awo keys create --scope {scope}` makes one that is");
                Err(stop(Problem::new(ProblemType::ScopeMissing, detail), "scope_missing"))
            }
            _ => Ok(Caller::Holder(holder)),
        }
    }

    /// Who shows a good key, or a session of one.
    fn identify(&self, keys: &KeyRing, headers: &HeaderMap) -> Result<(Holder, Shown), Fault> {
        let now = self.api.clock.now();
        let mut shown = headers.get_all(AUTHORIZATION).iter();
        match (shown.next(), shown.next()) {
            (Some(value), None) => {
                let text = value.to_str().map_err(|_| Fault::Malformed)?;
                let scheme = text.get(..BEARER.len()).filter(|scheme| scheme.eq_ignore_ascii_case(BEARER));
                let token = scheme.map(|scheme| text[scheme.len()..].trim()).ok_or(Fault::Malformed)?;
                keys.admit(token, now).map(|holder| (holder, Shown::Header))
            }
            (Some(_), Some(_)) => Err(Fault::Malformed),
            (None, _) => {
                let session = session(headers).ok_or(Fault::Missing)?;
                let key = self.api.sessions.key_of(session, self.api.clock.monotonic()).ok_or(Fault::NoSession)?;
                keys.admit_again(&key, now).map(|holder| (holder, Shown::Cookie))
            }
        }
    }
}

/// One answer for whoever is not known: which of the reasons it was, only the log tells.
fn unknown() -> Problem {
    let detail = "this server asks for a key: send the header `Authorization: Bearer awo_<id>_<secret>`, with a key that \
                  is good; `awo keys create` makes one";
    Problem::new(ProblemType::Unauthorized, detail)
}

fn too_many(what: &str, seconds: u32, key: Option<Arc<str>>) -> Stop {
    let problem = Problem::new(ProblemType::TooManyRequests, format!("{what} in a minute; ask again in {seconds} s"));
    Stop { problem: problem.retry_after(seconds), reason: "too_many_requests", key }
}

/// The session that a page shows; of two the first, as browsers put the one that fits best there.
pub(crate) fn session(headers: &HeaderMap) -> Option<&str> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == SESSION_COOKIE).map(|(_, value)| value)
}

/// Whether a browser says that a page of this very name made the request. The edge has seen that the names are ours.
fn is_from_own_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text(ORIGIN).and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    origin.zip(text(HOST)).is_some_and(|(origin, host)| origin.eq_ignore_ascii_case(host))
}

/// The answer of what only reads, as long as the caller may have it.
async fn while_good(caller: &Caller, answer: impl Future<Output = Response>) -> Response {
    let Caller::Holder(holder) = caller else { return answer.await };
    let answer = tokio::select! {
        answer = answer => answer,
        () = holder.ended.cancelled() => return unknown().into_response(),
    };
    // A stream ends; all else is as good as sent.
    if answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream") {
        answer.map(|body| until(body, holder.ended.clone()))
    } else {
        answer
    }
}

fn until(body: Body, ended: CancellationToken) -> Body {
    Body::from_stream(body.into_data_stream().take_until(ended.cancelled_owned()))
}

/// The order that a path names, if it is an id.
async fn subject(parts: &mut axum::http::request::Parts) -> Option<OrderId> {
    let parameters = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    parameters.iter().find(|(name, _)| *name == "id").and_then(|(_, id)| id.parse().ok())
}

/// The order that an answer says it has created.
fn created(answer: &Response) -> Option<OrderId> {
    let made = matches!(answer.status(), StatusCode::CREATED | StatusCode::OK);
    let path = answer.headers().get(LOCATION).filter(|_| made)?.to_str().ok()?;
    path.rsplit('/').next()?.parse().ok()
}
