//! The workers that share the orders, and pausing their queue.

use std::sync::Arc;
use std::time::Duration;

use awo_http::Scope;
use awo_models::OrderId;
use awo_state::{InMemory, Leases as _, Wants, Worker};
use awo_testkit::{FailingLeases, Fault};
use axum::body::Body;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::guarded::{Guarded, Trail};
use crate::support::{Answer, World, request};

const PATH: &str = "/agent-work-orders/workers";
const LEASE: Duration = Duration::from_secs(15);

/// A store that workers share, and a server of it.
struct Shared {
    store: InMemory,
    leases: Arc<FailingLeases>,
    trail: Trail,
    world: World,
}

impl Shared {
    fn new() -> Self {
        let (store, trail) = (InMemory::default(), Trail::default());
        let leases = Arc::new(FailingLeases::new(Arc::new(store.clone())));
        let audit = Arc::new(trail.clone());
        let world = World::shared(&store, Arc::<FailingLeases>::clone(&leases), |api| api.with_audit(audit));
        Self { store, leases, trail, world }
    }

    /// A worker says that it is there, and asks for an order; those that it is given.
    async fn hear(&self, worker: &Worker) -> Vec<OrderId> {
        self.store.renew(worker, &[], LEASE).await.unwrap();
        self.store.acquire(worker, &Wants::default(), LEASE).await.unwrap()
    }

    async fn post(&self, verb: &str) -> Answer {
        self.world.send(request("POST", &format!("{PATH}/{verb}"), &[], Body::empty())).await
    }

    async fn list(&self) -> Value {
        let answer = self.world.get(PATH).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }
}

fn worker(name: &str) -> Worker {
    Worker {
        host: "build-1".into(),
        version: "1.2.3".into(),
        labels: vec!["gpu".into(), "large".into()],
        max_running: 4,
        ..Worker::named(name)
    }
}

#[tokio::test(start_paused = true)]
async fn workers_are_listed_with_what_they_run() {
    let shared = Shared::new();
    assert_eq!(shared.list().await, json!({"shared": true, "paused": false, "workers": []}));
    let id = shared.world.order().await;
    assert_eq!(shared.hear(&worker("build-1-42")).await, [id]);
    tokio::time::advance(Duration::from_millis(2_500)).await;
    assert_json_snapshot!("workers", shared.list().await, {".workers[].orders[]" => "[id]"});
    let listed = shared.list().await;
    assert_eq!(listed["workers"][0]["orders"], json!([id.to_string()]));
    for path in ["/api/agent-work-orders/workers", "/agent-work-orders/workers/"] {
        assert_eq!(shared.world.get(path).await.json(), listed, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_not_heard_of_is_silent_and_one_that_left_is_gone() {
    let shared = Shared::new();
    let id = shared.world.order().await;
    assert_eq!(shared.hear(&worker("dead")).await, [id]);
    tokio::time::advance(LEASE).await;
    assert_eq!(shared.hear(&worker("living")).await, [id]);
    let told = |listed: &Value| {
        let workers = listed["workers"].as_array().unwrap().iter();
        workers.map(|it| (it["name"].clone(), it["alive"].clone(), it["orders"].clone())).collect::<Vec<_>>()
    };
    let (none, one) = (json!([]), json!([id.to_string()]));
    let listed = shared.list().await;
    assert_eq!(told(&listed), [("dead".into(), false.into(), none), ("living".into(), true.into(), one)]);
    assert_eq!(listed["workers"][0]["unheard_seconds"], 15.0);
    shared.store.leave("living").await.unwrap();
    assert_eq!(told(&shared.list().await).len(), 1);
}

#[tokio::test]
async fn a_paused_queue_gives_no_order_until_it_is_resumed() {
    let shared = Shared::new();
    let id = shared.world.order().await;
    for _ in 0..2 {
        let paused = shared.post("pause").await;
        assert_eq!((paused.status.as_u16(), &paused.json()["paused"]), (200, &true.into()));
        assert_eq!(shared.hear(&worker("w")).await, [], "none is given");
    }
    assert_eq!(
        (&shared.list().await["paused"], shared.list().await["workers"].as_array().unwrap().len()),
        (&true.into(), 1)
    );
    assert_eq!(shared.world.get("/health").await.json()["workers"]["paused"], true);
    let resumed = shared.post("resume").await;
    assert_eq!((resumed.status.as_u16(), &resumed.json()["paused"]), (200, &false.into()));
    assert_eq!(shared.hear(&worker("w")).await, [id]);
    let calls = shared.trail.calls();
    let told: Vec<_> = calls.iter().map(|call| (&*call.what, call.status)).collect();
    assert_eq!(told, [("create_order", 201), ("pause_queue", 200), ("pause_queue", 200), ("resume_queue", 200)]);
}

#[tokio::test]
async fn alone_there_is_nobody_to_list_and_no_queue_to_pause() {
    let world = World::new();
    assert_eq!(world.get(PATH).await.json(), json!({"shared": false, "paused": false, "workers": []}));
    for verb in ["pause", "resume"] {
        let problem = world.post(&format!("{PATH}/{verb}"), &json!({})).await.problem(409, "queue-not-shared");
        assert_eq!(
            problem["detail"],
            "no workers share these orders, so there is no queue of theirs to pause or resume; `awo serve` runs them by \
             itself, and begins none while it is stopped. Workers share those of a database: set state (AWO_STATE) to postgres"
        );
    }
    assert_eq!(world.get("/health").await.json()["workers"], json!(null));
}

#[tokio::test]
async fn the_health_tells_of_the_workers_without_waiting_for_the_store() {
    let shared = Shared::new();
    shared.hear(&worker("w")).await;
    shared.leases.fail(Fault::Hang);
    assert_eq!(shared.world.get("/health").await.json()["workers"], json!(null), "nobody has looked yet");
    shared.leases.fail(Fault::Before);
    shared.world.get(PATH).await.problem(503, "store-unavailable");
    shared.post("pause").await.problem(503, "store-unavailable");
    shared.leases.fail(Fault::None);
    shared.list().await;
    let seen = json!({"seen_at": "2026-01-02T03:00:00Z", "paused": false, "alive": 1, "silent": 0});
    shared.leases.fail(Fault::Before);
    assert_eq!(shared.world.get("/health").await.json()["workers"], seen, "as it was seen last");
}

#[tokio::test]
async fn the_health_has_the_workers_looked_at_in_the_background() {
    let shared = Shared::new();
    shared.hear(&worker("w")).await;
    for _ in 0..100 {
        if shared.world.get("/health").await.json()["workers"]["alive"] == 1 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("nobody has looked");
}

#[tokio::test]
async fn who_may_only_see_orders_may_not_pause_their_queue() {
    let guarded = Guarded::new();
    for verb in ["pause", "resume"] {
        let refused = guarded
            .send(
                "POST",
                &format!("{PATH}/{verb}"),
                &[("authorization", &guarded.bearer(Scope::OrdersRead))],
                &json!({}),
            )
            .await;
        refused.problem(403, "scope-missing");
    }
}
