//! `GET /events`: hints over all orders.

use std::time::Duration;

use tokio::time::Instant;

use crate::sse::{Said, Stream};
use crate::support::World;

const PATH: &str = "/agent-work-orders/events";

fn id(said: &Said) -> String {
    match said {
        Said::Message { id: Some(id), .. } => id.clone(),
        other => panic!("it has no id: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_any_order_is_told_with_its_number() {
    let world = World::new();
    let begun = Instant::now();
    let mut stream = Stream::open(&world.router, PATH, &[]).await;
    let reset = stream.next().await.unwrap();
    assert_eq!(reset.event(), "reset");
    let order = world.order().await;
    let created = stream.next().await.unwrap();
    let expected = serde_json::json!({"agent_work_order_id": order.to_string(), "version": 1});
    assert_eq!((created.event(), created.data()), ("order_changed", &expected));
    world.orchestrator.work_orders().cancel(order).await.unwrap();
    assert_eq!(stream.next().await.unwrap().data()["version"], 3);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(stream.next().await, Some(Said::Comment), "and a sign of life");
    assert_eq!(begun.elapsed(), Duration::from_secs(5));
}

#[tokio::test]
async fn who_comes_back_learns_what_it_missed_and_who_is_unknown_begins_anew() {
    let world = World::new();
    let mut stream = Stream::open(&world.router, PATH, &[]).await;
    let begin = id(&stream.next().await.unwrap());
    drop(stream);
    let orders = [world.order().await, world.order().await];
    world.orchestrator.work_orders().cancel(orders[0]).await.unwrap();
    let mut last = String::new();
    for (query, header) in [(String::new(), Some(&*begin)), (format!("?after={begin}"), None)] {
        let headers: Vec<_> = header.map(|id| ("last-event-id", id)).into_iter().collect();
        let mut stream = Stream::open(&world.router, &format!("{PATH}{query}"), &headers).await;
        let told = [stream.next().await.unwrap(), stream.next().await.unwrap()];
        let seen =
            told.each_ref().map(|said| (said.data()["agent_work_order_id"].clone(), said.data()["version"].clone()));
        assert_eq!(seen, [(orders[1].to_string().into(), 1.into()), (orders[0].to_string().into(), 3.into())]);
        last = id(&told[1]);
    }
    let other = World::new();
    for unknown in [&*last, "nonsense", "0000000000000001-1", ""] {
        let mut stream = Stream::open(&other.router, PATH, &[("last-event-id", unknown)]).await;
        assert_eq!(stream.next().await.unwrap().event(), "reset", "{unknown}");
    }
    world.get_with(PATH, &[("accept", "application/json")]).await.problem(406, "not-acceptable");
    world.get(&format!("{PATH}?kinds=x")).await.problem(422, "invalid-request");
}
