//! The door: who calls, whether that one may, and how much of it. Stands between the router, which knows the route by then,
//! and the handlers. What is not in the table of routes is shut to all without a key.

mod buckets;
mod caller;
mod change;

use std::net::IpAddr;
use std::sync::Arc;

use awo_engine::carried;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, ORIGIN, UPGRADE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use crate::access::{Access, Rule, Rules, SESSION_COOKIE};
use crate::api::Api;
use crate::audit::Refused;
use crate::keys::{Fault, Holder, KeyRing};
use crate::problem::{Problem, ProblemType};
use crate::request_log::Attended;

pub(crate) use buckets::{Buckets, seconds};
pub(crate) use caller::{Caller, Ends, neighbourhood};
pub(crate) use change::Actor;
use change::{Change, subject};

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
pub(crate) async fn enter(State(door): State<Door>, attended: Attended, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let seen = Seen::of(&door.rules, &parts, attended);
    let caller = match door.admit(seen.rule.as_ref(), seen.ends, &parts.method, &parts.headers) {
        Ok(caller) => caller,
        Err(Stop { problem, reason, key }) => {
            door.tell(&seen, reason, problem.kind.status(), key.as_deref());
            return problem.into_response();
        }
    };
    if let Some(key) = caller.key() {
        seen.attended.called_by(key);
    }
    parts.extensions.insert(caller.clone());
    let Some(rule) = seen.changes(&parts.method) else {
        return while_good(&caller, next.run(Request::from_parts(parts, body))).await;
    };
    let change = Change { what: rule, subject: subject(&mut parts).await, method: parts.method.clone(), caller, seen };
    // On a task of its own: what changes something is not cut when the client goes away or its key ends meanwhile, and is
    // recorded however it ends.
    let calls = door.api.calls.clone();
    let made = calls.spawn(carried(change.made(door, next.run(Request::from_parts(parts, body)))));
    made.await.unwrap_or_else(|died| Problem::internal(format!("a call has no answer: {died}")).into_response())
}

/// What is known of a request at the door.
struct Seen {
    route: Option<MatchedPath>,
    rule: Option<Rule>,
    ends: Option<Ends>,
    attended: Attended,
}

impl Seen {
    fn of(rules: &Rules, parts: &Parts, attended: Attended) -> Self {
        let route = parts.extensions.get::<MatchedPath>().cloned();
        let rule = route.as_ref().and_then(|route| rules.of(route.as_str(), &parts.method)).cloned();
        if let Some(rule) = &rule {
            attended.routed(rule);
        }
        Self { route, rule, ends: parts.extensions.get::<Ends>().copied(), attended }
    }

    fn route(&self) -> Option<&str> {
        self.route.as_ref().map(MatchedPath::as_str)
    }

    /// The rule of a request that may change something.
    fn changes(&self, method: &Method) -> Option<Rule> {
        self.rule.clone().filter(|rule| !method.is_safe() || &*rule.operation == "follow_login_link")
    }
}

impl Door {
    fn tell(&self, seen: &Seen, reason: &'static str, status: StatusCode, key: Option<&str>) {
        seen.attended.refused();
        let (client, route, request_id) =
            (seen.ends.and_then(|ends| ends.client), seen.route(), &**seen.attended.request_id());
        let refused = Refused { reason, status: status.as_u16(), client, key, route, request_id };
        self.api.refusals.tell(self.api.clock.monotonic(), &refused);
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
        let address = ends.and_then(Ends::neighbourhood);
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
