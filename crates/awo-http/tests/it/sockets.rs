//! Streams over real sockets: clients that do not read, and a server that closes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use awo_engine::{OrderQuery, OrderSnapshot, Page, Settings, StateError, StateRepository};
use awo_http::Limits;
use awo_models::{AgentWorkOrder, Event, EventSeq, OrderId, StepHistory};
use awo_state::{Change, Committed, InMemory};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::serve::{Server, rest, server};
use crate::sse::{Said, take};
use crate::support::{Worker, World, current};

/// Counts the pages of events that are read.
#[derive(Debug)]
struct Paged {
    inner: InMemory,
    pages: Arc<AtomicUsize>,
}

#[async_trait::async_trait]
#[deny(clippy::missing_trait_methods)]
impl StateRepository for Paged {
    async fn create(&self, order: AgentWorkOrder) -> Result<Committed, StateError> {
        self.inner.create(order).await
    }
    async fn get(&self, id: OrderId) -> Result<Option<OrderSnapshot>, StateError> {
        self.inner.get(id).await
    }
    async fn list(&self, query: &OrderQuery) -> Result<Page, StateError> {
        self.inner.list(query).await
    }
    async fn update(&self, id: OrderId, change: &Change) -> Result<Committed, StateError> {
        self.inner.update(id, change).await
    }
    async fn save_step_history(&self, id: OrderId, h: &StepHistory, c: &Change) -> Result<Committed, StateError> {
        self.inner.save_step_history(id, h, c).await
    }
    async fn events(&self, id: OrderId, after: EventSeq, limit: usize) -> Result<Vec<Arc<Event>>, StateError> {
        self.pages.fetch_add(1, Ordering::Relaxed);
        self.inner.events(id, after, limit).await
    }
    async fn delete(&self, id: OrderId, at: EventSeq) -> Result<(), StateError> {
        self.inner.delete(id, at).await
    }
}

const WARNINGS: usize = 3_000;
const EVENTS: u64 = WARNINGS as u64 + 5;
const EACH: usize = 8 * 1024;
/// Pages that a client reads who takes all of them.
const WHOLE: usize = WARNINGS / 100 + 1;

/// An order with more events than all buffers between two sockets hold, and the count of pages that were read.
async fn large() -> (World, OrderId, Arc<AtomicUsize>) {
    let pages = Arc::new(AtomicUsize::new(0));
    let repository = Paged { inner: InMemory::default(), pages: Arc::clone(&pages) };
    let world = World::with(Arc::new(repository), Settings::default(), |api| api);
    let id = world.order().await;
    let mut worker = Worker::claim(&world, id, current("classify", "classifier")).await;
    worker.warn(WARNINGS, &"x".repeat(EACH)).await;
    worker.complete().await;
    (world, id, pages)
}

async fn follow(server: &Server, id: OrderId, after: u64) -> TcpStream {
    let mut stream = server.connect().await;
    let more = format!("Accept: text/event-stream\r\nLast-Event-ID: {after}\r\nConnection: close\r\n");
    stream.write_all(server.head(&format!("/agent-work-orders/{id}/events"), &more).as_bytes()).await.unwrap();
    stream
}

/// The messages of an answer that may be cut anywhere.
fn messages(answer: &str) -> Vec<Said> {
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{}", answer.chars().take(200).collect::<String>());
    let (_, mut chunks) = answer.split_once("\r\n\r\n").unwrap();
    let mut text = String::new();
    while let Some((length, after)) = chunks.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        let Some(chunk) = after.get(..length) else {
            text.push_str(after);
            break;
        };
        text.push_str(chunk);
        chunks = after[length..].trim_start_matches("\r\n");
    }
    std::iter::from_fn(|| take(&mut text)).collect()
}

/// On the real clock, since what a kernel has taken of a stream is on its way without any task that waits for it.
#[tokio::test]
async fn a_client_that_does_not_read_is_cut_and_resumes_while_others_go_on() {
    let (world, id, pages) = large().await;
    let idle = world.order().await;
    let limits = Limits { max_streams: 2, write_timeout: Duration::from_secs(3), ..Limits::default() };
    let server = server(&world, limits, Duration::from_secs(5)).await;
    let mut silent = follow(&server, id, 0).await;

    let mut other = follow(&server, id, 0).await;
    let all = messages(&rest(&mut other).await);
    assert_eq!(all.iter().filter_map(Said::id).collect::<Vec<_>>(), (1..=EVENTS).collect::<Vec<_>>());
    assert_eq!(all.last().unwrap().event(), "end");

    let _held = follow(&server, idle, 0).await;
    let mut third = granted(&server, id, EVENTS).await;
    rest(&mut third).await;
    let read = pages.load(Ordering::Relaxed);
    assert!(read < WHOLE + WHOLE / 2, "{read} pages were read in all, {WHOLE} of them for the one that takes them");

    let got = messages(&rest(&mut silent).await);
    let last = got.iter().rev().find_map(Said::id).unwrap();
    assert!(last < EVENTS, "it was cut");
    let resumed = messages(&rest(&mut follow(&server, id, last).await).await);
    let ids = got.iter().chain(&resumed).filter_map(Said::id);
    assert_eq!(ids.collect::<Vec<_>>(), (1..=EVENTS).collect::<Vec<_>>());
}

/// A stream as soon as there is a place for one.
async fn granted(server: &Server, id: OrderId, after: u64) -> TcpStream {
    loop {
        let stream = follow(server, id, after).await;
        let mut begin = [0; 12];
        while stream.peek(&mut begin).await.unwrap() < begin.len() {}
        if &begin == b"HTTP/1.1 200" {
            return stream;
        }
        assert_eq!(&begin, b"HTTP/1.1 429");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The clock stands still and jumps to the next deadline when there is nothing to do, so this takes no time.
#[tokio::test(start_paused = true)]
async fn streams_do_not_hold_up_a_server_that_closes() {
    let (world, id, _) = large().await;
    let idle = world.order().await;
    let server = server(&world, Limits::default(), Duration::from_mins(1)).await;
    let _silent = follow(&server, id, 0).await;
    let mut waits = follow(&server, idle, 0).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let begun = Instant::now();
    server.shutdown.cancel();
    server.ended.await.unwrap().unwrap();
    assert!(begun.elapsed() <= Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(messages(&rest(&mut waits).await).iter().filter_map(Said::id).collect::<Vec<_>>(), [1]);
}
