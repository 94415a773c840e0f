//! How requests are named, and what the log tells of each.

use awo_http::Scope;
use rstest::rstest;
use serde_json::{Value, json};
use tracing::Level;

use crate::guarded::Guarded;
use crate::listening::Log;
use crate::sse::Stream;
use crate::support::{World, body};

const ORDERS: &str = "/agent-work-orders";

#[tokio::test]
async fn a_plain_id_that_a_client_gives_is_kept_everywhere() {
    let log = Log::listen(Level::DEBUG);
    let world = World::new();
    let id = "0f4c.from_the-proxy";
    let mut held = body();
    held["start"] = json!(false);
    let created = world.post_with(ORDERS, &[("x-request-id", id)], &held).await;
    assert_eq!((created.status.as_u16(), created.header("x-request-id")), (201, Some(id)));
    let path = created.header("location").unwrap();
    let mut lines = Stream::open(&world.router, &format!("{path}/logs/stream"), &[]).await;
    let line = lines.message().await.unwrap();
    assert_eq!(line.data()["request_id"], id, "the order's own log");
    let told = log.told("agent_work_order_created");
    assert_eq!(told[0]["span"], json!({"name": "request", "request_id": id}), "the program's log");
    let problem = world.get_with("/none", &[("x-request-id", id)]).await.problem(404, "path-not-found");
    assert_eq!(problem["request_id"], id);
    // A second start changes nothing, and is not told.
    for (change, is_told) in [("start", true), ("start", false), ("cancel", true)] {
        let changed = world.post(&format!("{path}/{change}"), &json!({})).await;
        assert_eq!(changed.status, 202, "{change}");
        if is_told {
            let line = lines.message().await.unwrap();
            assert_eq!(line.data()["request_id"], changed.header("x-request-id").unwrap(), "{change}");
        }
    }
}

#[rstest]
#[case("")]
#[case("two words")]
#[case("a\u{fc}")]
#[case("req-0123456789abcdef-1")]
#[case("12345678901234567890123456789012345678901234567890123456789012345")]
#[tokio::test]
async fn other_ids_are_not_taken(#[case] id: &str) {
    let answer = World::new().get_with("/health/live", &[("x-request-id", id)]).await;
    let given = answer.header("x-request-id").unwrap();
    assert!(given.starts_with("req-") && given != id, "{given}");
}

/// Level, method, route, path, status, bytes and key of each line.
fn lines(log: &Log) -> Vec<Value> {
    let told = log.told("request_ended");
    let fields = ["level", "method", "route", "path", "status", "bytes", "key"];
    told.iter().map(|line| fields.iter().map(|field| line[*field].clone()).collect()).collect()
}

#[tokio::test]
async fn each_request_has_one_line_and_those_of_reads_and_refusals_are_for_who_asks() {
    let log = Log::listen(Level::DEBUG);
    let guarded = Guarded::new();
    let bearer = guarded.bearer(Scope::Admin);
    let key = guarded.token(Scope::Admin).id().to_string();
    let created = guarded.create(&bearer).await;
    let path = created.header("location").unwrap().to_owned();
    let read = guarded.send("GET", &path, &[("authorization", &bearer)], &json!({})).await;
    let refused = guarded.send("DELETE", &path, &[], &json!({})).await;
    let unknown = guarded.send("GET", "/no%1b[31m?secret=1", &[("authorization", &bearer)], &json!({})).await;
    assert_eq!(
        lines(&log),
        [
            json!(["INFO", "POST", ORDERS, ORDERS, 201, created.body.len(), key]),
            json!(["DEBUG", "GET", "/agent-work-orders/{id}", path, 200, read.body.len(), key]),
            json!(["DEBUG", "DELETE", "/agent-work-orders/{id}", path, 401, refused.body.len(), null]),
            json!(["DEBUG", "GET", null, "/no%1b[31m", 404, unknown.body.len(), key]),
        ]
    );
    let all = log.text();
    assert!(!all.contains("secret=1") && !all.contains(bearer.rsplit('_').next().unwrap()), "{all}");
    assert!(log.told("request_ended").iter().all(|line| line["target"] == "awo_http::access"));
}

#[tokio::test]
async fn the_line_of_a_stream_is_written_at_its_end_and_counts_what_was_taken() {
    let log = Log::listen(Level::INFO);
    let world = World::new();
    let id = world.order().await;
    let mut stream =
        Stream::open(&world.router, &format!("{ORDERS}/{id}/events"), &[("accept", "text/event-stream")]).await;
    stream.next().await.unwrap();
    assert_eq!(lines(&log).len(), 1, "the order's creation alone");
    drop(stream);
    let line = &lines(&log)[1];
    assert_eq!((&line[0], &line[2], &line[4]), (&json!("INFO"), &json!("/agent-work-orders/{id}/events"), &json!(200)));
    assert!(line[5].as_u64().unwrap() > 50, "{line}");
}

#[tokio::test]
async fn a_request_whose_client_has_gone_has_its_line_without_a_status() {
    let log = Log::listen(Level::DEBUG);
    let world = World::new();
    let id = world.order().await;
    let path = format!("{ORDERS}/{id}/steps?wait=60&after=99");
    let gone = tokio::time::timeout(std::time::Duration::ZERO, world.get(&path)).await;
    assert!(gone.is_err());
    let line = &lines(&log)[1];
    assert_eq!((&line[2], &line[4]), (&json!("/agent-work-orders/{id}/steps"), &Value::Null));
}
