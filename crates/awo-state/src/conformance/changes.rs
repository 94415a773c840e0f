//! Clauses about word of changes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use awo_models::{AgentWorkOrderStatus, EventSeq};

use super::ChangeFixture;
use super::kit::{cancel_requested, ended, id, order};
use crate::{Change, ChangeFeed, Changed, Heard, NOTE_BYTES};

/// How long word may take, on whatever machine.
const LATEST: Duration = Duration::from_secs(20);

fn changed(n: u64, seq: u64) -> Changed {
    Changed { order: id(n), seq: EventSeq(seq) }
}

/// Hears until all of these were told.
async fn hear(feed: &dyn ChangeFeed, mut expected: BTreeSet<(u64, u64)>) {
    let all = async {
        while !expected.is_empty() {
            let Heard::Changed(told) = feed.next().await else { panic!("there was no gap") };
            expected.retain(|(n, seq)| !told.contains(&changed(*n, *seq)));
        }
    };
    tokio::time::timeout(LATEST, all).await.expect("word comes");
}

/// Everybody else hears what was told, and nobody hears themselves.
pub async fn word_reaches_all_others(fixture: &dyn ChangeFixture) {
    let feeds: [Arc<dyn ChangeFeed>; 3] = [fixture.changes().await, fixture.changes().await, fixture.changes().await];
    feeds[0].publish(&[]).await.unwrap();
    feeds[0].publish(&[changed(1, 1), changed(2, 7)]).await.unwrap();
    for other in &feeds[1..] {
        hear(&**other, [(1, 1), (2, 7)].into()).await;
    }
    // Its own word came before this one.
    feeds[1].publish(&[changed(3, 1)]).await.unwrap();
    let first = tokio::time::timeout(LATEST, feeds[0].next()).await.expect("word comes");
    assert_eq!(first, Heard::Changed(vec![changed(3, 1)]));
}

/// However much is told at once, all of it comes.
pub async fn word_of_many_orders_comes_whole(fixture: &dyn ChangeFixture) {
    let (here, elsewhere) = (fixture.changes().await, fixture.changes().await);
    let many: Vec<_> = (0..1000).map(|n| changed(n, u64::MAX >> (n % 64))).collect();
    here.publish(&many).await.unwrap();
    hear(&*elsewhere, (0..1000).map(|n| (n, u64::MAX >> (n % 64))).collect()).await;
}

/// Dropping a question for word loses nothing.
pub async fn word_is_not_lost_by_who_stops_to_listen(fixture: &dyn ChangeFixture) {
    let (here, elsewhere) = (fixture.changes().await, fixture.changes().await);
    let mut missing: BTreeSet<_> = (0..50).map(|n| (n, 1)).collect();
    for n in 0..50 {
        here.publish(&[changed(n, 1)]).await.unwrap();
        let asking = tokio::time::timeout(Duration::from_micros(n * 20), elsewhere.next());
        if let Ok(Heard::Changed(told)) = asking.await {
            missing.retain(|(n, seq)| !told.contains(&changed(*n, *seq)));
        }
    }
    hear(&*elsewhere, missing).await;
}

/// A note comes to everybody else as it was passed on, up to the longest; a longer one is refused.
pub async fn notes_reach_all_others(fixture: &dyn ChangeFixture) {
    let feeds: [Arc<dyn ChangeFeed>; 3] = [fixture.changes().await, fixture.changes().await, fixture.changes().await];
    let start = "= 1:2 \u{1} ";
    let longest = format!("{start}{}", "ä".repeat((NOTE_BYTES - start.len()) / 2));
    assert_eq!(longest.len(), NOTE_BYTES);
    for note in ["hello", &longest] {
        feeds[0].pass_on(note).await.unwrap();
    }
    feeds[0].pass_on(&"x".repeat(NOTE_BYTES + 1)).await.unwrap_err();
    for other in &feeds[1..] {
        for note in ["hello", &longest] {
            let heard = tokio::time::timeout(LATEST, other.next()).await.expect("word comes");
            assert_eq!(heard, Heard::Note(note.into()));
        }
    }
    feeds[1].pass_on("mine").await.unwrap();
    feeds[2].pass_on("theirs").await.unwrap();
    let heard = tokio::time::timeout(LATEST, feeds[1].next()).await.expect("word comes");
    assert_eq!(heard, Heard::Note("theirs".into()), "nobody hears themselves");
}

/// What has not ended is told with its version, however old; what has ended, as long as it is among the newest.
pub async fn versions_are_of_what_goes_on_and_of_the_newest(fixture: &dyn ChangeFixture) {
    let (repository, feed) = (fixture.repository().await, fixture.changes().await);
    assert_eq!(feed.versions(10).await.unwrap(), []);
    for n in 1..=5 {
        repository.create(order(n)).await.unwrap();
    }
    for n in [1, 4, 5] {
        let cancelled = ended(cancel_requested(Change::if_unchanged(EventSeq(1))), AgentWorkOrderStatus::Cancelled);
        repository.update(id(n), &cancelled).await.unwrap();
    }
    let seen = async |newest| {
        let versions = feed.versions(newest).await.unwrap();
        let all: BTreeSet<_> = versions.iter().map(|it| (it.order, it.seq)).collect();
        assert_eq!(all.len(), versions.len(), "each once");
        all
    };
    let version = async |n| repository.get(id(n)).await.unwrap().unwrap().seq;
    assert_eq!(seen(0).await, [(id(2), EventSeq(1)), (id(3), EventSeq(1))].into());
    assert_eq!(seen(1).await, [(id(2), EventSeq(1)), (id(3), EventSeq(1)), (id(5), version(5).await)].into());
    repository.delete(id(5), version(5).await).await.unwrap();
    let all = [(id(1), version(1).await), (id(2), EventSeq(1)), (id(3), EventSeq(1)), (id(4), version(4).await)];
    assert_eq!(seen(100).await, all.into());
}
