//! Fifty clients poll while steps are saved: what they see only grows, by one step at a time.

use std::sync::Arc;

use awo_models::OrderPatch;
use tokio::sync::watch;

use crate::support::{SEVEN, Worker, World, current, result};

const POLLERS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_pollers_see_every_step_once_it_is_saved() {
    let world = Arc::new(World::new());
    let id = world.order().await;
    let mut worker = Worker::claim(&world, id, current("classify", "classifier")).await;
    // Each poller says how many steps it has seen; the next step is saved when all have seen the last one.
    let (news, mut seen): (Vec<_>, Vec<_>) = (0..POLLERS).map(|_| watch::channel(None::<usize>)).unzip();
    let pollers: Vec<_> = news
        .into_iter()
        .map(|news| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                let mut lengths = Vec::new();
                while lengths.last() != Some(&SEVEN.len()) {
                    let steps = world.get(&format!("/agent-work-orders/{id}/steps")).await.json();
                    let steps = steps["steps"].as_array().unwrap();
                    for (step, (name, _)) in steps.iter().zip(SEVEN) {
                        assert_eq!(step["step"], name);
                    }
                    lengths.push(steps.len());
                    let _ = news.send(Some(steps.len()));
                    tokio::task::yield_now().await;
                }
                lengths.dedup();
                lengths
            })
        })
        .collect();
    for (saved, (step, agent)) in SEVEN.iter().enumerate() {
        for poller in &mut seen {
            poller.wait_for(|length| *length == Some(saved)).await.unwrap();
        }
        worker.save(result(step, agent), OrderPatch::default()).await;
    }
    for poller in pollers {
        assert_eq!(poller.await.unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}
