//! Who may call.

use std::sync::Arc;

use awo_engine::Settings;
use awo_state::InMemory;
use axum::body::Body;
use axum::http::{Request, StatusCode};

use crate::support::World;

#[tokio::test]
async fn another_name_of_the_server_is_refused_on_every_path() {
    let world = World::new();
    for path in ["/", "/health", "/agent-work-orders", "/nothing", "/openapi.json"] {
        for host in ["evil.example:8888", "localhost:9999", "localhost"] {
            let request = Request::get(path).header("host", host).body(Body::empty()).unwrap();
            let problem = world.send(request).await.problem(421, "host-refused");
            assert!(problem["detail"].as_str().unwrap().contains("http://localhost:8888"), "{problem}");
        }
        let nameless = Request::get(path).body(Body::empty()).unwrap();
        world.send(nameless).await.problem(421, "host-refused");
        let two = [("host", "localhost:8888"), ("host", "evil.example")];
        let two = two.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
        world.send(two.body(Body::empty()).unwrap()).await.problem(421, "host-refused");
    }
    let absolute = Request::get("http://evil.example/health").header("host", "localhost:8888");
    world.send(absolute.body(Body::empty()).unwrap()).await.problem(421, "host-refused");
}

#[tokio::test]
async fn web_pages_of_others_are_refused() {
    let world = World::new();
    for origin in ["null", "http://evil.example", "http://localhost:3000", "https://localhost:8888"] {
        world.get_with("/agent-work-orders", &[("origin", origin)]).await.problem(403, "origin-refused");
    }
    world.get_with("/health", &[("sec-fetch-site", "cross-site")]).await.problem(403, "origin-refused");
    let followed = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    assert_eq!(world.get_with("/?order=wo-1", &followed).await.status, StatusCode::OK, "a link to our page");
    world.get_with("/agent-work-orders", &followed).await.problem(403, "origin-refused");
    let framed = [followed[0], followed[1], ("sec-fetch-dest", "iframe")];
    world.get_with("/", &framed).await.problem(403, "origin-refused");
    for origin in ["http://localhost:8888", "http://127.0.0.1:8888", "http://[::1]:8888"] {
        let answer = world.get_with("/health", &[("origin", origin), ("sec-fetch-site", "same-origin")]).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    // An origin that equals a refused Host is no better for it.
    let rebound = Request::get("/health").header("host", "evil.example").header("origin", "http://evil.example");
    world.send(rebound.body(Body::empty()).unwrap()).await.problem(421, "host-refused");
}

#[tokio::test]
async fn a_configured_name_is_answered() {
    let world = World::with(Arc::new(InMemory::default()), Settings::default(), |api| {
        api.with_allowed_host("awo.example").unwrap()
    });
    let request = Request::get("/health").header("host", "awo.example").header("origin", "https://awo.example");
    assert_eq!(world.send(request.body(Body::empty()).unwrap()).await.status, StatusCode::OK);
}
