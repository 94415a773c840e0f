//! A world that asks for keys.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use awo_engine::Settings;
use awo_engine::ports::{Clock as _, SystemClock};
use awo_http::{Api, AuditTrail, AuditedCall, Key, KeyRing, KeyToken, Limits, Scope};
use awo_models::OrderId;
use awo_state::InMemory;
use axum::body::Body;
use axum::response::Response;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::serve::{Server, server_with};
use crate::support::{Answer, HOST, World, body, request, stopped_clock};

/// A world that asks for keys, with one for each scope.
pub(crate) struct Guarded {
    pub(crate) world: World,
    pub(crate) ring: KeyRing,
    keys: Vec<(Scope, KeyToken)>,
    pub(crate) trail: Trail,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Trail(Arc<Mutex<Vec<AuditedCall>>>);

#[async_trait::async_trait]
impl AuditTrail for Trail {
    async fn record(&self, call: AuditedCall) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.0.lock().unwrap().push(call);
        Ok(())
    }
}

impl Trail {
    pub(crate) fn calls(&self) -> Vec<AuditedCall> {
        self.0.lock().unwrap().clone()
    }
}

impl Guarded {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let clock = SystemClock::default();
        let keys: Vec<_> = Scope::ALL.map(|scope| (scope, KeyToken::new(&clock))).into();
        let (ring, trail) = (KeyRing::default(), Trail::default());
        let (given, audit) = (ring.clone(), Arc::new(trail.clone()));
        let world = World::with(Arc::new(InMemory::default()), Settings::default(), |api| {
            api.with_keys(given).with_audit(audit).with_limits(limits).with_clock(stopped_clock())
        });
        let guarded = Self { world, ring, keys, trail };
        guarded.store(|_| true);
        guarded
    }

    /// Stores the keys, revoked unless they are good.
    pub(crate) fn store(&self, is_good: impl Fn(Scope) -> bool) {
        let key = |(scope, token): &(Scope, KeyToken)| Key {
            id: token.id().into(),
            secret_sha256: token.digest(),
            scopes: [*scope].into(),
            expires_at: None,
            revoked: !is_good(*scope),
        };
        self.ring.replace(self.keys.iter().map(key), SystemClock::default().now());
    }

    pub(crate) fn token(&self, scope: Scope) -> &KeyToken {
        &self.keys.iter().find(|(of, _)| *of == scope).unwrap().1
    }

    pub(crate) fn bearer(&self, scope: Scope) -> String {
        format!("Bearer {}", self.token(scope).reveal())
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let headers = [&[("content-type", "application/json")], headers].concat();
        self.world.send(request(method, path, &headers, Body::from(body.to_string()))).await
    }

    /// The status alone: some answers have no end.
    pub(crate) async fn status(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
        let asked = request(method, path, headers, Body::from("{}"));
        self.world.router.clone().oneshot(asked).await.unwrap().status().as_u16()
    }

    pub(crate) async fn create(&self, authorization: &str) -> Answer {
        self.send("POST", "/agent-work-orders", &[("authorization", authorization)], &body()).await
    }

    /// Creates an order and gives its id.
    pub(crate) async fn order(&self) -> OrderId {
        let created = self.create(&self.bearer(Scope::Admin)).await.json();
        created["agent_work_order_id"].as_str().unwrap().parse().unwrap()
    }

    /// Asks for a stream.
    pub(crate) async fn follow(&self, path: &str, scope: Scope) -> Response {
        let authorization = self.bearer(scope);
        let headers = [("authorization", authorization.as_str()), ("accept", "text/event-stream")];
        self.world.router.clone().oneshot(request("GET", path, &headers, Body::empty())).await.unwrap()
    }

    /// Logs a page in; its cookie.
    pub(crate) async fn session(&self, authorization: &str) -> String {
        let link = self.send("POST", "/login-links", &[("authorization", authorization)], &json!({})).await.json();
        let path = link["url"].as_str().unwrap().split_once(HOST).unwrap().1.to_owned();
        let entered = self.world.get(&path).await;
        entered.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    }

    /// Serves its orders on a port, with its keys.
    pub(crate) async fn serve(&self, limits: Limits) -> Server {
        self.serve_with(limits, |server| server).await
    }

    /// The same, with a server of another kind.
    pub(crate) async fn serve_with(
        &self,
        limits: Limits,
        shape: impl FnOnce(awo_http::Server) -> awo_http::Server,
    ) -> Server {
        let ring = self.ring.clone();
        let configure = |api: Api| api.with_keys(ring).with_limits(limits).with_clock(stopped_clock());
        server_with(&self.world, Duration::from_secs(5), configure, shape).await
    }
}
