//! `GET /{id}/logs` and its stream.

use std::time::Duration;

use awo_models::{OrderId, StepName};
use awo_state::{LogEntry, LogLevel, OrderLog as _};
use insta::assert_json_snapshot;
use serde_json::Value;
use tokio::time::Instant;

use crate::sse::{Said, Stream};
use crate::support::{World, at};

fn path(id: OrderId) -> String {
    format!("/agent-work-orders/{id}/logs")
}

/// An order whose log has `agent_work_order_created` and three lines more.
async fn logged(world: &World) -> OrderId {
    let id = world.order().await;
    let mut stream = Stream::open(&world.router, &format!("{}/stream", path(id)), &[]).await;
    stream.next().await.unwrap(); // what the engine says is there
    let plan = StepName::known("plan");
    let lines = [
        LogEntry::new(at(1), LogLevel::Info, "step_started").with_step(plan.clone()).with_field("step_number", 2),
        LogEntry::new(at(2), LogLevel::Warning, "agent_silent")
            .with_step(plan)
            .with_message("Nothing for a minute\n\ndata: x"),
        LogEntry::new(at(3), LogLevel::Info, "step_completed").with_field("level", "error").with_field("success", true),
    ];
    world.log.append(id, &lines).await.unwrap();
    id
}

#[tokio::test]
async fn lines_are_given_oldest_first_and_by_what_is_asked() {
    let world = World::new();
    let id = logged(&world).await;
    let all = world.get(&path(id)).await.json();
    assert_json_snapshot!("logs", all, {".log_entries[0].timestamp" => "[time]", ".log_entries[0].request_id" => "[request]"});
    let numbers = async |query: &str| {
        let page = world.get(&format!("{}?{query}", path(id))).await.json();
        let entries = page["log_entries"].as_array().unwrap();
        let numbers = entries.iter().map(|entry| entry["number"].as_u64().unwrap()).collect::<Vec<_>>();
        (numbers, page["total"].as_u64().unwrap())
    };
    assert_eq!(numbers("limit=2&offset=1").await, (vec![2, 3], 4));
    assert_eq!(numbers("level=warning").await, (vec![3], 1));
    assert_eq!(numbers("level=warning&level=info&step=plan").await, (vec![2, 3], 2));
    assert_eq!(numbers(&format!("since={}", at(2))).await, (vec![3, 4], 2));
    assert_eq!(numbers("q=MINUTE").await, (vec![3], 1));
    for wrong in ["limit=0", "limit=1001", "offset=-1", "level=fatal", "step=.", "since=yesterday", "levels=info"] {
        world.get(&format!("{}?{wrong}", path(id))).await.problem(422, "invalid-request");
    }
    let unknown = OrderId::new(1, [1; 10]);
    world.get(&path(unknown)).await.problem(404, "order-not-found");
    world.get(&format!("{}/stream", path(unknown))).await.problem(404, "order-not-found");
}

#[tokio::test(start_paused = true)]
async fn a_log_is_followed_beyond_the_end_of_its_order() {
    let world = World::new();
    let id = logged(&world).await;
    let mut stream = Stream::open(&world.router, &format!("{}/stream", path(id)), &[]).await;
    let page = world.get(&path(id)).await.json();
    for entry in page["log_entries"].as_array().unwrap() {
        let said = stream.next().await.unwrap();
        assert_eq!((said.event(), said.data(), said.id()), ("message", entry, entry["number"].as_u64()));
    }
    let begun = Instant::now();
    world.orchestrator.work_orders().cancel(id).await.unwrap();
    let said = stream.next().await.unwrap();
    assert_eq!(said.data()["event"], "agent_work_order_cancel_requested");
    assert!(begun.elapsed() < Duration::from_secs(1), "a hint wakes it");
    for _ in 0..3 {
        assert_eq!(stream.next().await, Some(Said::Comment), "it stays open");
    }
    assert!(begun.elapsed() <= Duration::from_secs(16));
}

#[tokio::test]
async fn a_follower_resumes_and_chooses() {
    let world = World::new();
    let id = logged(&world).await;
    let first = async |query: &str, headers: &[(&str, &str)]| {
        let mut stream = Stream::open(&world.router, &format!("{}/stream{query}", path(id)), headers).await;
        stream.next().await.unwrap().id().unwrap()
    };
    assert_eq!(first("", &[]).await, 1);
    assert_eq!(first("?after=2", &[]).await, 3);
    assert_eq!(first("?after=1", &[("last-event-id", "3")]).await, 4);
    assert_eq!(first("", &[("last-event-id", "of another stream")]).await, 1);
    assert_eq!(first("?level=warning", &[]).await, 3);
    assert_eq!(first(&format!("?since={}", at(3)), &[]).await, 4);
    // Lines that a power cut took: the numbers come again.
    let mut stream = Stream::open(&world.router, &format!("{}/stream?after=100", path(id)), &[]).await;
    world.log.append(id, &[LogEntry::new(at(4), LogLevel::Info, "after")]).await.unwrap();
    world.orchestrator.work_orders().cancel(id).await.unwrap();
    assert_eq!(stream.next().await.unwrap().id(), Some(5));
}

#[tokio::test]
async fn a_thousand_lines_come_in_order() {
    let world = World::new();
    let id = world.order().await;
    let mut stream = Stream::open(&world.router, &format!("{}/stream", path(id)), &[]).await;
    stream.next().await.unwrap();
    let lines: Vec<_> = (0..1_000).map(|n| LogEntry::new(at(1), LogLevel::Info, "line").with_field("n", n)).collect();
    world.log.append(id, &lines).await.unwrap();
    world.orchestrator.work_orders().cancel(id).await.unwrap();
    for n in 0..1_000 {
        assert_eq!(stream.next().await.unwrap().data()["n"], Value::from(n));
    }
}
