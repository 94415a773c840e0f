//! Clauses about how far those outside were told.

use std::time::Duration;

use awo_models::EventSeq;

use super::ToldFixture;
use super::kit::id;
use crate::Told;

/// Longer than any clause takes.
const LONG: Duration = Duration::from_hours(1);

/// What is kept of a recipient is read by all handles, is what was noted last, and is apart from that of others.
pub async fn what_was_told_is_kept_by_recipient(fixture: &dyn ToldFixture) {
    let (here, elsewhere) = (fixture.told().await, fixture.told().await);
    assert!(here.take_turn("page", LONG).await.unwrap());
    assert_eq!(elsewhere.find("page").await.unwrap(), None, "to have the turn is not to have told");
    here.replace("page", &Told::new()).await.unwrap();
    assert_eq!(elsewhere.find("page").await.unwrap(), Some(Told::new()));
    let first: Told = [(id(1), EventSeq(4)), (id(2), EventSeq(7))].into();
    here.replace("page", &first).await.unwrap();
    here.note("page", id(1), EventSeq(5)).await.unwrap();
    here.note("page", id(3), EventSeq(1)).await.unwrap();
    let noted = [(id(1), EventSeq(5)), (id(2), EventSeq(7)), (id(3), EventSeq(1))];
    assert_eq!(elsewhere.find("page").await.unwrap(), Some(noted.into()));
    here.note("page", id(1), EventSeq(5)).await.unwrap();
    let fewer: Told = [(id(1), EventSeq(5)), (id(4), EventSeq(u64::MAX >> 1))].into();
    here.replace("page", &fewer).await.unwrap();
    assert_eq!(elsewhere.find("page").await.unwrap(), Some(fewer));
    assert_eq!(elsewhere.find("bell").await.unwrap(), None);
}

/// A turn is one handle's until it ends it or its time is over, and each recipient has turns of its own.
pub async fn one_at_a_time_has_the_turn(fixture: &dyn ToldFixture) {
    let (here, elsewhere) = (fixture.told().await, fixture.told().await);
    assert!(here.take_turn("page", LONG).await.unwrap());
    assert!(!elsewhere.take_turn("page", LONG).await.unwrap());
    assert!(elsewhere.take_turn("bell", LONG).await.unwrap());
    assert!(here.take_turn("page", LONG).await.unwrap(), "it prolongs its own");
    elsewhere.end_turn("page").await.unwrap();
    assert!(!elsewhere.take_turn("page", LONG).await.unwrap(), "nobody ends that of another");
    here.end_turn("page").await.unwrap();
    assert!(elsewhere.take_turn("page", Duration::ZERO).await.unwrap());
    assert!(here.take_turn("page", LONG).await.unwrap(), "the time of the other is over");
    assert!(!elsewhere.take_turn("page", LONG).await.unwrap());
}

/// Of those who ask at the same moment one has the turn.
pub async fn one_of_those_who_ask_at_once_has_the_turn(fixture: &dyn ToldFixture) {
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let handle = fixture.told().await;
        asking.spawn(async move { handle.take_turn("page", LONG).await.unwrap() });
    }
    let answers = asking.join_all().await;
    assert_eq!(answers.iter().filter(|is_ours| **is_ours).count(), 1, "{answers:?}");
}
