//! `GET /`, `GET /{id}`, `POST /{id}/cancel`, and the spellings of paths.

use awo_models::{FailureCode, OrderPatch, Usage};
use axum::body::Body;
use axum::http::StatusCode;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{Worker, World, at, body, current, request, result};

fn ids(list: &Value) -> Vec<String> {
    let ids = list.as_array().unwrap().iter().map(|order| order["agent_work_order_id"].as_str().unwrap().to_owned());
    ids.collect()
}

#[tokio::test]
async fn both_prefixes_and_the_trailing_slash_are_one_path() {
    let world = World::new();
    for prefix in ["/agent-work-orders", "/api/agent-work-orders"] {
        for slash in ["", "/"] {
            let created = world.post(&format!("{prefix}{slash}"), &body()).await;
            assert_eq!(created.status, StatusCode::CREATED);
            let order = created.json();
            let path = format!("{prefix}/{}", order["agent_work_order_id"].as_str().unwrap());
            assert_eq!(created.header("location"), Some(&*path), "links keep the prefix that was asked");
            for part in ["", "/steps", "/events"] {
                let answer = world.get(&format!("{path}{part}{slash}")).await;
                assert_eq!(answer.status, StatusCode::OK, "{path}{part}{slash}");
            }
            assert_eq!(world.get(&format!("{prefix}{slash}?limit=1")).await.json().as_array().unwrap().len(), 1);
        }
    }
}

#[tokio::test]
async fn the_list_is_newest_first_and_paged() {
    let world = World::new();
    let (a, b, c) = (world.order().await, world.order().await, world.order().await);
    let all = world.get("/agent-work-orders").await;
    assert_eq!(ids(&all.json()), [c, b, a].map(|id| id.to_string()));
    assert_eq!(all.header("x-total-count"), Some("3"));
    assert_eq!(all.header("link"), None);
    assert_eq!(all.json()[0], world.get(&format!("/agent-work-orders/{c}")).await.json(), "one shape");

    let first = world.get("/api/agent-work-orders/?limit=2&status=pending&q=a%20test").await;
    assert_eq!(ids(&first.json()), [c, b].map(|id| id.to_string()));
    assert_eq!(first.header("x-total-count"), Some("3"));
    let link = first.header("link").unwrap();
    assert_eq!(link, format!("</api/agent-work-orders?limit=2&status=pending&q=a%20test&cursor={b}>; rel=\"next\""));
    let next = link.strip_prefix('<').unwrap().split('>').next().unwrap();
    let second = world.get(next).await;
    assert_eq!(ids(&second.json()), [a.to_string()]);
    assert_eq!(second.header("link"), None);
}

#[tokio::test]
async fn the_list_can_be_narrowed() {
    let world = World::new();
    let (a, b) = (world.order().await, world.order().await);
    world.post(&format!("/agent-work-orders/{a}/cancel"), &json!(null)).await;
    let list = async |query: &str| ids(&world.get(&format!("/agent-work-orders?{query}")).await.json());
    assert_eq!(list("status=cancelled").await, [a.to_string()]);
    assert_eq!(list("status=pending&status=cancelled").await, [b, a].map(|id| id.to_string()));
    assert_eq!(list("status=failed").await, [""; 0]);
    assert_eq!(list("repository_url=https://github.com/Wirasm/dylan.git").await.len(), 2);
    assert_eq!(list("repository_url=https%3A%2F%2Fgithub.com%2Fother").await.len(), 0);
    assert_eq!(list("q=TEST+feature").await.len(), 2);
    assert_eq!(list(&format!("q={b}")).await, [b.to_string()]);
}

#[tokio::test]
async fn a_query_names_its_problems_all_at_once() {
    let world = World::new();
    let answer = world.get("/agent-work-orders?status=done&limit=0&cursor=wo-1&sort=up&limt=3").await;
    let problem = answer.problem(422, "invalid-request");
    assert_json_snapshot!("bad_query", json!({"detail": problem["detail"], "errors": problem["errors"]}));
    world.get("/agent-work-orders?limit=1001").await.problem(422, "invalid-request");
    world.get("/agent-work-orders?limit=2&limit=3").await.problem(422, "invalid-request");
}

#[tokio::test]
async fn an_order_at_work_as_it_is_sent() {
    let world = World::new();
    let id = world.order().await;
    let mut worker = Worker::claim(&world, id, current("classify", "classifier")).await;
    let patch = OrderPatch {
        git_branch_name: Some(Some("feature/x".into())),
        agent_session_id: Some(Some("session-1".into())),
        git_commit_count: Some(1),
        git_files_changed: Some(2),
        git_lines_added: Some(30),
        git_lines_removed: Some(4),
        waiting_for: Some(Some("a rate limit".into())),
        waiting_until: Some(Some(at(9))),
        error_code: Some(Some(FailureCode::ForgeFailed)),
        error_message: Some(Some("step `create_pr` failed: no".into())),
        usage: Some(Usage { input_tokens: Some(10), cost_nanousd: Some(1_250_000_000), ..Usage::default() }),
        ..OrderPatch::default()
    };
    worker.save(result("classify", "classifier"), patch).await;
    let order = world.get(&format!("/agent-work-orders/{id}")).await.json();
    assert_json_snapshot!("running_order", order);
}

#[tokio::test]
async fn the_phase_follows_the_work() {
    let world = World::new();
    let id = world.order().await;
    let phase = async || world.get(&format!("/agent-work-orders/{id}")).await.json()["current_phase"].clone();
    assert_eq!(phase().await, Value::Null);
    let mut worker = Worker::claim(&world, id, current("classify", "classifier")).await;
    for (step, agent) in &crate::support::SEVEN[..3] {
        assert_eq!(phase().await, "planning");
        worker.save(result(step, agent), OrderPatch::default()).await;
    }
    assert_eq!(phase().await, "implementing");
    let status = Some(awo_models::AgentWorkOrderStatus::Completed);
    worker.save(result("generate_branch", "branch_generator"), OrderPatch { status, ..OrderPatch::default() }).await;
    assert_eq!(phase().await, "completed");
}

#[tokio::test]
async fn an_unchanged_order_is_not_sent_again() {
    let world = World::new();
    let path = format!("/agent-work-orders/{}", world.order().await);
    let first = world.get(&path).await;
    let tag = first.header("etag").unwrap().to_owned();
    let second = world.get_with(&path, &[("if-none-match", &tag)]).await;
    assert_eq!((second.status, second.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(second.header("etag"), Some(&*tag));
    world.post(&format!("{path}/cancel"), &json!(null)).await;
    let third = world.get_with(&path, &[("if-none-match", &tag)]).await;
    assert_eq!(third.status, StatusCode::OK);
    assert_ne!(third.header("etag"), Some(&*tag));
}

#[tokio::test]
async fn cancelling() {
    let world = World::new();
    let id = world.order().await;
    let path = format!("/agent-work-orders/{id}/cancel");
    let cancelled = world.send(request("POST", &path, &[], Body::empty())).await;
    assert_eq!(cancelled.status, StatusCode::ACCEPTED);
    assert_eq!(cancelled.json()["status"], "cancelled");
    assert_eq!(cancelled.json()["error_code"], "cancelled");
    let again = world.send(request("POST", &path, &[], Body::empty())).await.problem(409, "not-allowed");
    assert_eq!(
        again["detail"],
        format!("agent work order {id} is cancelled: it has ended and can only be read"),
        "the reason, and what is left"
    );

    let running = world.order().await;
    Worker::claim(&world, running, current("classify", "classifier")).await;
    let path = format!("/agent-work-orders/{running}/cancel");
    let asked = world.send(request("POST", &path, &[], Body::empty())).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED);
    assert_eq!((&asked.json()["status"], &asked.json()["cancel_requested"]), (&json!("running"), &json!(true)));
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let world = World::new();
    let id = world.order().await;
    let unknown = "wo-019b7d2d00007fff8fffffffffffffff";
    for path in [
        format!("/agent-work-orders/{unknown}"),
        format!("/agent-work-orders/{unknown}/steps"),
        format!("/agent-work-orders/{unknown}/events"),
        format!("/agent-work-orders/{unknown}/steps/1/output"),
        "/agent-work-orders/wo-1".into(),
        "/agent-work-orders/..%2f..%2fetc%2fpasswd".into(),
        "/agent-work-orders/%ff".into(),
        format!("/agent-work-orders/{}", id.to_string().to_uppercase()),
    ] {
        let problem = world.get(&path).await.problem(404, "order-not-found");
        assert!(problem["detail"].as_str().unwrap().contains("not found"), "{path}: {problem}");
        assert_eq!(problem["instance"], path);
    }
    let cancel = format!("/agent-work-orders/{unknown}/cancel");
    world.send(request("POST", &cancel, &[], Body::empty())).await.problem(404, "order-not-found");
    for path in ["/nothing", "/api", "/api/health", "/agent-work-orders/x/y/z"] {
        let problem = world.get(path).await.problem(404, "path-not-found");
        assert!(problem["detail"].as_str().unwrap().contains("not found"), "{problem}");
    }
    for (method, path, allowed) in [
        ("PUT", "/agent-work-orders".to_owned(), "GET,HEAD,POST"),
        ("PUT", format!("/api/agent-work-orders/{id}/"), "GET,HEAD,DELETE"),
        ("GET", format!("/agent-work-orders/{id}/cancel"), "POST"),
        ("GET", format!("/agent-work-orders/{id}/start"), "POST"),
        ("POST", "/health".to_owned(), "GET,HEAD"),
        ("OPTIONS", "/agent-work-orders".to_owned(), "GET,HEAD,POST"),
    ] {
        let answer = world.send(request(method, &path, &[], Body::empty())).await;
        answer.problem(405, "method-not-allowed");
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
    }
    world.get(&format!("/agent-work-orders/{id}/pause")).await.problem(404, "path-not-found");
}

#[tokio::test]
async fn holding_and_starting() {
    let world = World::new();
    let mut held = body();
    held["start"] = false.into();
    let made = world.post("/agent-work-orders", &held).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert_eq!(made["message"], "Agent work order created; it is held until it is started");
    assert_eq!((&made["status"], &made["waiting_for"]), (&"pending".into(), &"start".into()));
    let path = format!("/api/agent-work-orders/{}", made["agent_work_order_id"].as_str().unwrap());
    let steps = world.get(&format!("{path}/steps")).await.json();
    assert_eq!((&steps["waiting_for"], &steps["waiting_until"]), (&"start".into(), &Value::Null));

    let start = async || world.send(request("POST", &format!("{path}/start/"), &[], Body::empty())).await;
    for again in [false, true] {
        let started = start().await;
        assert_eq!(started.status, 202, "again: {again}");
        assert_eq!((&started.json()["status"], &started.json()["waiting_for"]), (&"pending".into(), &Value::Null));
        assert_eq!(started.json()["version"], 2, "again: {again}");
    }
    let events = world.get_with(&format!("{path}/events"), &[("accept", "application/json")]).await.json();
    assert_eq!((&events[1]["kind"], &events[1]["data"]), (&"start_requested".into(), &json!({})));
    world.send(request("POST", &format!("{path}/cancel"), &[], Body::empty())).await;
    let late = start().await.problem(409, "not-allowed");
    assert!(late["detail"].as_str().unwrap().ends_with("is cancelled: it has ended; retry it"), "{late}");
    let unknown =
        format!("/agent-work-orders/{}/start", made["agent_work_order_id"].as_str().unwrap().replace('7', "6"));
    world.send(request("POST", &unknown, &[], Body::empty())).await.problem(404, "order-not-found");
}

#[tokio::test]
async fn retrying() {
    let world = World::new();
    let id = world.order().await;
    let path = format!("/agent-work-orders/{id}/retry");
    let early = world.send(request("POST", &path, &[], Body::empty())).await.problem(409, "not-allowed");
    assert_eq!(
        early["detail"],
        format!("agent work order {id} is pending: it has not ended; cancel it first, or wait")
    );
    world.send(request("POST", &format!("/agent-work-orders/{id}/cancel"), &[], Body::empty())).await;
    let json = [("content-type", "application/json")];
    let send = async |body: &'static str| world.send(request("POST", &path, &json, Body::from(body))).await;
    for (body, words) in [
        (r#"{"from_step": 7}"#, "invalid type"),
        (r#"{"step": "plan"}"#, "unknown field"),
        (r#"{"from_step": "../x"}"#, "is not a name"),
        (r#"{"from_step": "commit"}"#, "comes after `classify`"),
    ] {
        let problem = send(body).await.problem(422, "invalid-request");
        assert!(problem["errors"][0]["msg"].as_str().unwrap().contains(words), "{problem}");
        assert_eq!(problem["errors"][0]["loc"], json!(["body", "from_step"]));
    }
    let again = send(r#"{"from_step": "classify"}"#).await;
    assert_eq!(again.status, StatusCode::ACCEPTED);
    assert_eq!((&again.json()["status"], &again.json()["error_code"]), (&json!("pending"), &json!(null)));
}
