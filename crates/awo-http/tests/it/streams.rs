//! `GET /{id}/events` as a stream.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use awo_engine::Settings;
use awo_http::Limits;
use awo_models::{EventSeq, OrderId};
use awo_state::InMemory;
use insta::assert_snapshot;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::sse::{Said, Stream};
use crate::support::{Worker, World, current};
use crate::wait::watched;

fn path(id: OrderId) -> String {
    format!("/agent-work-orders/{id}/events")
}

/// An order that is at work, with three events.
async fn at_work(world: &World) -> (OrderId, Worker) {
    let id = world.order().await;
    (id, Worker::claim(world, id, current("classify", "classifier")).await)
}

/// An order that has ended after five events.
async fn ended(world: &World) -> OrderId {
    let (id, mut worker) = at_work(world).await;
    worker.complete().await;
    id
}

fn told(all: &[Said]) -> Vec<(Option<u64>, &str)> {
    all.iter().map(|said| (said.id(), said.event())).collect()
}

#[tokio::test]
async fn stored_events_come_first_and_the_end_last() {
    let world = World::new();
    let id = ended(&world).await;
    let mut stream = Stream::open(&world.router, &path(id), &[]).await;
    let all = stream.until("end").await;
    assert_eq!(stream.next().await, None, "the stream ends");
    let lines = all.iter().map(|said| match said {
        Said::Message { id, event, data } => format!("{id:?} {event:?}\n{data}\n"),
        Said::Comment => unreachable!(),
    });
    assert_snapshot!("stream", lines.collect::<String>());
    let stored = world.get(&path(id)).await.json();
    let sent: Vec<_> = all.iter().filter(|said| said.id().is_some()).map(|said| said.data().clone()).collect();
    assert_eq!(Value::from(sent), stored, "the same as in the array");
}

#[tokio::test]
async fn a_client_resumes_after_what_it_has() {
    let world = World::new();
    let id = ended(&world).await;
    let rest = async |query: &str, headers: &[(&str, &str)]| {
        let mut stream = Stream::open(&world.router, &format!("{}{query}", path(id)), headers).await;
        let all = stream.until("end").await;
        all.iter().filter_map(Said::id).collect::<Vec<_>>()
    };
    assert_eq!(rest("?after=3", &[]).await, [4, 5]);
    assert_eq!(rest("", &[("last-event-id", "4")]).await, [5]);
    assert_eq!(rest("?after=1", &[("last-event-id", "4")]).await, [5], "the address stays, the header moves on");
    assert_eq!(rest("?after=2", &[("last-event-id", "")]).await, [3, 4, 5], "an empty id is none");
    assert_eq!(rest("?after=5", &[]).await, [0; 0]);
    for (query, headers) in [("?after=x", vec![]), ("", vec![("last-event-id", "x")]), ("?limit=3", vec![])] {
        let headers = [&[("accept", "text/event-stream")], &headers[..]].concat();
        world.get_with(&format!("{}{query}", path(id)), &headers).await.problem(422, "invalid-request");
    }
    world.get_with(&path(id), &[("accept", "text/html")]).await.problem(406, "not-acceptable");
    let unknown = OrderId::new(1, [1; 10]);
    world.get_with(&path(unknown), &[("accept", "text/event-stream")]).await.problem(404, "order-not-found");
}

#[tokio::test]
async fn a_number_of_another_history_is_reset() {
    let world = World::new();
    let id = ended(&world).await;
    let mut stream = Stream::open(&world.router, &path(id), &[("last-event-id", "6")]).await;
    let all = stream.until("end").await;
    assert_eq!(all[0].event(), "reset");
    assert_eq!(all.iter().filter_map(Said::id).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn only_the_kinds_that_are_wanted_come() {
    let world = World::new();
    let (id, mut worker) = at_work(&world).await;
    worker.warn(250, "of no interest").await;
    worker.complete().await;
    let mut stream = Stream::open(&world.router, &format!("{}?kinds=step_finished,ended", path(id)), &[]).await;
    assert_eq!(told(&stream.until("end").await), [(Some(254), "step_finished"), (Some(255), "ended"), (None, "end")]);
    let wrong = world.get_with(&format!("{}?kinds=step_finishd", path(id)), &[("accept", "text/event-stream")]).await;
    assert!(wrong.problem(422, "invalid-request")["detail"].as_str().unwrap().contains("`step_finished`"));
}

/// The clock stands still and jumps to the next deadline when there is nothing to do.
#[tokio::test(start_paused = true)]
async fn a_silent_order_gives_signs_of_life_and_news_at_once() {
    let world = World::new();
    let id = world.order().await;
    let mut stream = Stream::open(&world.router, &path(id), &[]).await;
    let first = [stream.next().await.unwrap(), stream.next().await.unwrap()];
    assert_eq!(told(&first), [(None, "state"), (Some(1), "created")]);
    let begun = Instant::now();
    for beat in 1..=3 {
        assert_eq!(stream.next().await, Some(Said::Comment));
        assert_eq!(begun.elapsed(), Duration::from_secs(5 * beat));
    }
    let asked = Instant::now();
    world.orchestrator.work_orders().cancel(id).await.unwrap();
    let all = stream.until("end").await;
    assert_eq!(told(&all), [(Some(2), "cancel_requested"), (Some(3), "ended"), (None, "end")]);
    assert_eq!(asked.elapsed(), Duration::ZERO, "a hint wakes it");
}

/// A worker of another process gives no hints here.
#[tokio::test(start_paused = true)]
async fn what_gives_no_hint_is_seen_all_the_same() {
    let world = World::new();
    let (id, mut worker) = at_work(&world).await;
    let mut stream = Stream::open(&world.router, &path(id), &[]).await;
    stream.until("step_started").await;
    let begun = Instant::now();
    worker.warn(1, "").await;
    assert_eq!(told(&stream.until("warning").await), [(Some(4), "warning")]);
    assert!(begun.elapsed() <= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_removed_ends_its_streams() {
    let world = World::new();
    let id = world.order().await;
    let mut stream = Stream::open(&world.router, &path(id), &[]).await;
    stream.until("created").await;
    world.orchestrator.work_orders().cancel(id).await.unwrap();
    world.repository.delete(id, EventSeq(3)).await.unwrap();
    assert_eq!(stream.message().await, None);
    world.get_with(&path(id), &[("accept", "text/event-stream")]).await.problem(404, "order-not-found");
}

#[tokio::test]
async fn there_are_only_so_many_streams() {
    let limits = Limits { max_streams: 2, ..Limits::default() };
    let world = World::with(Arc::new(InMemory::default()), Settings::default(), |api| api.with_limits(limits));
    let id = world.order().await;
    let mut open = vec![
        Stream::open(&world.router, &path(id), &[]).await,
        Stream::open(&world.router, "/agent-work-orders/events", &[]).await,
    ];
    for refused in [path(id), "/agent-work-orders/events".into(), format!("/agent-work-orders/{id}/logs/stream")] {
        let answer = world.get_with(&refused, &[("accept", "text/event-stream")]).await;
        answer.problem(429, "too-many-streams");
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(world.get(&path(id)).await.status, 200, "a question needs no place");
    open.pop();
    Stream::open(&world.router, &path(id), &[]).await;
    Stream::open(&world.router, &path(id), &[]).await;
}

/// What was stored before the server closed is still sent.
#[tokio::test(start_paused = true)]
async fn a_server_that_closes_ends_its_streams() {
    let closing = CancellationToken::new();
    let (world, id, _) = watched(&closing).await;
    let mut worker = Worker::claim(&world, id, current("classify", "classifier")).await;
    let mut streams = [
        Stream::open(&world.router, &path(id), &[]).await,
        Stream::open(&world.router, "/agent-work-orders/events", &[]).await,
        Stream::open(&world.router, &format!("/agent-work-orders/{id}/logs/stream"), &[]).await,
    ];
    streams[0].until("step_started").await;
    streams[1].until("reset").await;
    streams[2].message().await.unwrap();
    worker.warn(1, "").await;
    closing.cancel();
    let begun = Instant::now();
    assert_eq!(told(&[streams[0].message().await.unwrap()]), [(Some(4), "warning")]);
    for mut stream in streams {
        assert_eq!(stream.message().await, None);
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

/// Numbers that look random and come again with the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A client that loses its connection again and again, anywhere, while the order goes on.
/// `AWO_STREAM_CUTS` sets how often.
#[tokio::test]
async fn a_thousand_cuts_lose_nothing_and_repeat_nothing() {
    let cuts: usize = std::env::var("AWO_STREAM_CUTS").map_or(1_000, |text| text.parse().unwrap());
    let world = World::new();
    let (id, mut worker) = at_work(&world).await;
    let mut chance = Chance(0x2545_f491_4f6c_dd1d);
    let mut record: BTreeMap<u64, Value> = BTreeMap::new();
    let (mut last, mut stored) = (0, 3);
    for cut in 0..cuts {
        let new = chance.below(4);
        if new > 0 {
            worker.warn(usize::try_from(new).unwrap(), "one of many").await;
        }
        stored += new;
        let headers = [("last-event-id", &*last.to_string())];
        let mut stream = Stream::open(&world.router, &path(id), &headers[..usize::from(last > 0)]).await;
        // Some messages, of which the last one may be lost on its way: the client does not know of it.
        let all = stored - last + 1;
        for _ in 0..chance.below(all + 1) {
            let said = stream.message().await.unwrap();
            if let Some(number) = said.id() {
                assert_eq!(number, last + 1, "cut {cut}");
                assert!(record.insert(number, said.data().clone()).is_none());
                last = number;
            } else {
                assert_eq!(said.event(), "state");
            }
        }
    }
    worker.complete().await;
    let mut stream = Stream::open(&world.router, &path(id), &[("last-event-id", &*last.to_string())]).await;
    for said in stream.until("end").await {
        if let Some(number) = said.id() {
            assert!(record.insert(number, said.data().clone()).is_none());
        }
    }
    let all = world.repository.events(id, EventSeq(0), usize::MAX).await.unwrap();
    assert_eq!(record.keys().copied().collect::<Vec<_>>(), (1..=all.len() as u64).collect::<Vec<_>>());
    for page in (0..all.len()).step_by(1_000) {
        let array = world.get(&format!("{}?limit=1000&after={page}", path(id))).await.json();
        let stored = array.as_array().unwrap();
        assert!(record.values().skip(page).take(1_000).eq(stored), "events after {page}");
    }
}

/// Many clients follow while a worker saves: all see the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_clients_see_the_same() {
    let world = Arc::new(World::new());
    let (id, mut worker) = at_work(&world).await;
    let clients: Vec<_> = (0..50)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                let mut stream = Stream::open(&world.router, &path(id), &[]).await;
                let all = stream.until("end").await;
                all.iter().filter_map(Said::id).collect::<Vec<_>>()
            })
        })
        .collect();
    for _ in 0..40 {
        worker.warn(5, "and another").await;
        tokio::task::yield_now().await;
    }
    worker.complete().await;
    for client in clients {
        assert_eq!(client.await.unwrap(), (1..=205).collect::<Vec<_>>());
    }
}
