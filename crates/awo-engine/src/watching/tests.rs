use awo_models::{StepName, Timestamp};

use super::*;
use crate::activity::ActivityEntry;
use crate::ports::AgentProgress;

fn order(number: u64) -> OrderId {
    OrderId::new(1_700_000_000_000 + number, [7; 10])
}

fn activity(entries: usize, text: &str) -> StepActivity {
    let entry =
        |n: usize| ActivityEntry { at: Timestamp::UNIX_EPOCH, what: AgentProgress::Text(format!("{n} {text}").into()) };
    let entries = (0..entries).map(entry).collect();
    StepActivity { step: StepName::known("plan"), attempt: 1, count: 9, entries, usage: None, usual: None }
}

#[test]
fn what_is_watched_is_asked_for_now_and_then_and_is_bounded() {
    let (mut table, begin) = (Table::default(), Instant::now());
    let mut asks = |millis: u64, number: u64| {
        assert_eq!(table.look(order(number), begin + Duration::from_millis(millis)), None);
        std::mem::take(&mut table.asks).len()
    };
    assert_eq!([asks(0, 1), asks(19_999, 1), asks(20_000, 1), asks(20_001, 1)], [1, 0, 1, 0]);
    let asked: usize = (2..2_000).map(|number| asks(30_000, number)).sum();
    assert_eq!(asked, WATCHED - 1, "as many as there are places");
    assert_eq!(asks(80_000, 1) + asks(80_000, 5_000), 1, "those that were looked at lately stay");
    assert_eq!(asks(90_001, 5_000), 1, "and the others make room");
    assert_eq!(table.here.len(), 2);
}

#[test]
fn nobody_is_told_of_what_nobody_watches() {
    let mut table = Table::default();
    assert!(!table.take(order(1), activity(1, "x")));
    table.look(order(1), Instant::now());
    assert!(table.take(order(1), activity(1, "x")));
    assert_eq!(table.look(order(1), Instant::now()), Some(activity(1, "x")));
    let said = Instant::now();
    table.elsewhere.insert(order(2), said);
    assert!(table.is_watched_elsewhere(order(2), said + Duration::from_secs(59)));
    assert!(!table.is_watched_elsewhere(order(2), said + Duration::from_mins(1)));
}

#[test]
fn a_note_fits_and_keeps_the_last_things() {
    let long = text(Note::Activity(order(1), activity(20, &"\u{1}ä\"".repeat(200)).into()));
    assert!(long.len() <= NOTE_BYTES, "{}", long.len());
    let Ok(Note::Activity(_, kept)) = serde_json::from_str(&long) else { panic!("{long}") };
    let AgentProgress::Text(last) = &kept.entries.last().unwrap().what else { panic!("{long}") };
    assert!(last.starts_with("19 ") && kept.entries.len() < 20);
    let all = text(Note::Watch((0..ASKED_AT_ONCE as u64).map(order).collect()));
    assert!(all.len() <= NOTE_BYTES, "{}", all.len());
}
