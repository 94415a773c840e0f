//! `DELETE /{id}`, of orders that ran.

use awo_engine::{ArtifactStore as _, StateRepository as _};
use awo_http::Api;
use awo_models::{ArtifactName, OrderId};
use awo_state::ArtifactContent;
use awo_testkit::World;
use axum::Router;
use axum::body::{Body, to_bytes};
use tower::ServiceExt as _;

use crate::sse::Stream;
use crate::support::{Answer, request};

async fn send(router: &Router, method: &str, id: OrderId) -> Answer {
    let path = format!("/agent-work-orders/{id}");
    let response = router.clone().oneshot(request(method, &path, &[], Body::empty())).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec();
    Answer { status, headers, body }
}

#[tokio::test]
async fn an_order_that_has_ended_goes_with_all_it_holds() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let router = awo_http::router(Api::new(orchestrator.work_orders(), "1.2.3").with_port(8888));
    let (id, other) = (world.create(&orchestrator).await, world.create(&orchestrator).await);
    send(&router, "DELETE", id).await.problem(409, "not-allowed");
    orchestrator.run_order(id).await.unwrap();
    let name = ArtifactName::new("note.txt").unwrap();
    for order in [id, other] {
        world.artifacts.put(order, &name, ArtifactContent::Bytes(b"kept".to_vec())).await.unwrap();
    }
    let mut changes = Stream::open(&router, "/agent-work-orders/events", &[]).await;
    changes.until("reset").await;

    let gone = send(&router, "DELETE", id).await;
    assert_eq!((gone.status.as_u16(), gone.text()), (204, String::new()));
    assert!(world.store.get(id).await.unwrap().is_none() && !world.sandboxes.has(id));
    assert_eq!(world.artifacts.orders().await.unwrap(), [other], "what belongs to others stays");
    assert_eq!(*world.agent.forgotten.lock().unwrap(), [id]);
    let told = changes.until("order_changed").await;
    assert_eq!(told[0].data()["agent_work_order_id"], id.to_string());
    for method in ["GET", "DELETE"] {
        send(&router, method, id).await.problem(404, "order-not-found");
    }
    assert_eq!(send(&router, "GET", other).await.status, 200);
}
