//! How much of the server one caller may take, and how much of its log.

use std::io;
use std::sync::{Arc, Mutex};

use awo_http::{Limits, Scope};
use axum::response::Response;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tracing_subscriber::fmt::MakeWriter;

use crate::guarded::Guarded;
use crate::serve::{Server, rest};
use crate::support::{Answer, body};

async fn order(guarded: &Guarded) -> String {
    format!("/agent-work-orders/{}/events", guarded.order().await)
}

async fn refused(answer: Response) -> String {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap().to_vec();
    let answer = Answer { status, headers, body };
    assert!(answer.header("retry-after").is_some());
    answer.problem(429, "too-many-streams")["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_and_an_order_have_so_many_streams_and_those_that_end_make_room() {
    let guarded = Guarded::with(Limits { max_streams_per_key: 2, max_streams_per_order: 1, ..Limits::default() });
    let (one, two, three) = (order(&guarded).await, order(&guarded).await, order(&guarded).await);
    let first = guarded.follow(&one, Scope::OrdersRead).await;
    assert_eq!(first.status(), 200);
    let told = refused(guarded.follow(&one, Scope::Admin).await).await;
    assert!(told.starts_with("1 streams of this order are open"), "{told}");
    let of_another = guarded.follow(&two, Scope::Admin).await;
    assert_eq!(of_another.status(), 200);
    let of_all = guarded.follow("/agent-work-orders/events", Scope::OrdersRead).await;
    assert_eq!(of_all.status(), 200);
    let told = refused(guarded.follow(&three, Scope::OrdersRead).await).await;
    assert!(told.starts_with("2 streams of this key are open"), "{told}");
    drop(first);
    let again = guarded.follow(&one, Scope::OrdersRead).await;
    assert_eq!(again.status(), 200);
}

/// Asks from an address of this machine; the status, and how long to wait.
async fn asked(server: &Server, from: &str, token: &str) -> (u16, bool) {
    let mut stream = server.connect_from(from).await;
    let head = server.head("/health", &format!("Authorization: {token}\r\nConnection: close\r\n"));
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.to_ascii_lowercase().contains("\r\nretry-after: "))
}

#[tokio::test]
async fn tries_from_an_address_are_limited_and_a_good_key_from_there_is_let_in() {
    let guarded = Guarded::new();
    let server = guarded.serve(Limits { failures_per_minute: 2, ..Limits::default() }).await;
    let good = guarded.bearer(Scope::Admin);
    for expected in [401, 401, 429, 429] {
        assert_eq!(asked(&server, "127.0.0.1", "Bearer none").await, (expected, expected == 429));
        assert_eq!(asked(&server, "127.0.0.1", &good).await, (200, false));
    }
    assert_eq!(asked(&server, "127.0.0.2", "Bearer none").await, (401, false), "another address has its own tries");
}

/// What is written to the log on this thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_log_tells_of_so_many_refusals_and_of_none_what_was_shown() {
    let log = Log::default();
    let _logging =
        tracing::subscriber::set_default(tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone()).finish());
    let guarded = Guarded::new();
    let unknown = guarded.bearer(Scope::Admin);
    guarded.store(|scope| scope != Scope::Admin);
    for _ in 0..50 {
        guarded.send("GET", "/health", &[("authorization", &unknown)], &json!({})).await.problem(401, "unauthorized");
    }
    let told = log.text();
    assert_eq!(told.matches("call_refused").count(), 20, "{told}");
    assert!(told.contains("reason=\"key_revoked\" status=401"), "{told}");
    assert!(!told.contains(unknown.rsplit('_').next().unwrap()), "{told}");
}

#[tokio::test]
async fn what_is_under_way_needs_no_more_room() {
    let guarded = Guarded::with(Limits { max_orders_per_key: 1, ..Limits::default() });
    let key = guarded.bearer(Scope::OrdersWrite);
    let create = async |name: &str| {
        let headers = [("authorization", key.as_str()), ("idempotency-key", name)];
        guarded.send("POST", "/agent-work-orders", &headers, &body()).await
    };
    let first = create("one").await;
    assert_eq!(first.status, 201);
    create("two").await.problem(429, "quota-used");
    let again = create("one").await;
    assert_eq!(again.status, 200, "the order of the first request");
    assert_eq!(again.header("location"), first.header("location"));
    create("two").await.problem(429, "quota-used");

    let prompt = async |path: &str| {
        let headers = [("authorization", key.as_str())];
        let path = format!("{path}/prompt");
        guarded.send("POST", &path, &headers, &json!({"prompt_text": "Say more"})).await
    };
    assert_eq!(prompt(first.header("location").unwrap()).await.status, 202);
    let other = guarded.create(&guarded.bearer(Scope::Admin)).await;
    prompt(other.header("location").unwrap()).await.problem(429, "quota-used");
}
