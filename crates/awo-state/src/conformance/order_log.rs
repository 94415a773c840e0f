//! Clauses about logs.

use std::sync::Arc;

use awo_models::StepName;
use serde_json::json;

use super::OrderLogFixture;
use super::kit::{at, id};
use crate::{LogEntry, LogLevel, LogPage, LogQuery, OrderLog, StateError};

/// The n-th entry of a log.
fn entry(n: u64) -> LogEntry {
    LogEntry::new(at(n), LogLevel::Info, &format!("event_{n}"))
}

async fn append(log: &Arc<dyn OrderLog>, order: u64, numbers: std::ops::RangeInclusive<u64>) {
    log.append(id(order), &numbers.map(entry).collect::<Vec<_>>()).await.unwrap();
}

async fn read(log: &Arc<dyn OrderLog>, order: u64) -> LogPage {
    log.read(id(order), &LogQuery { limit: usize::MAX, ..LogQuery::default() }).await.unwrap()
}

/// Checks that the page has these lines, each with the entry of its number.
fn check(page: &LogPage, numbers: impl IntoIterator<Item = u64>) {
    let found: Vec<_> = page.lines.iter().map(|line| (line.number, line.entry.clone())).collect();
    let expected: Vec<_> = numbers.into_iter().map(|n| (n, entry(n))).collect();
    assert_eq!(found, expected);
    assert_eq!(page.total, found.len());
}

/// Lines are numbered from 1 without gaps, in the order they were appended, whoever appended them.
pub async fn log_is_numbered_without_gaps(fixture: &dyn OrderLogFixture) {
    let log = fixture.order_log().await;
    append(&log, 1, 1..=3).await;
    log.append(id(1), &[]).await.unwrap();
    append(&fixture.order_log().await, 1, 4..=4).await;
    append(&log, 1, 5..=6).await;
    let page = read(&log, 1).await;
    check(&page, 1..=6);
    assert_eq!((page.last, page.dropped, page.damaged), (6, 0, 0));
    let racing = (0..8).map(|_| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            for n in 0..8 {
                log.append(id(2), &[entry(n), entry(n)]).await.unwrap();
            }
        })
    });
    for writer in racing.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let page = read(&log, 2).await;
    let numbers: Vec<_> = page.lines.iter().map(|line| line.number).collect();
    assert_eq!(numbers, (1..=128).collect::<Vec<_>>());
    let pairs = page.lines.chunks(2).all(|pair| pair[0].entry == pair[1].entry);
    assert!(pairs, "lines of one append are together");
}

/// What was appended is read as it was, whatever is in it.
pub async fn log_reads_as_it_was_written(fixture: &dyn OrderLogFixture) {
    let log = fixture.order_log().await;
    let full = entry(1)
        .with_step(StepName::new("plan").unwrap())
        .with_message("a \"message\"\nwith\u{0}\u{2028} lines\r\u{1f980}")
        .with_field("number", 7)
        .with_field("", json!({"deep": [null, true, 1.5, "x\n"], "crc": "0"}));
    log.append(id(1), &[full.clone(), entry(2)]).await.unwrap();
    let page = read(&fixture.order_log().await, 1).await;
    assert_eq!(page.lines[0].entry, full);
    assert_eq!(page.lines[1].entry, entry(2));
}

/// Each part of a query narrows what is read; the total counts all pages.
pub async fn log_is_filtered_and_paged(fixture: &dyn OrderLogFixture) {
    let log = fixture.order_log().await;
    let plan = || StepName::new("plan").unwrap();
    let entries = [
        LogEntry::new(at(1), LogLevel::Debug, "workflow_started"),
        LogEntry::new(at(2), LogLevel::Info, "step_started").with_step(plan()),
        LogEntry::new(at(3), LogLevel::Warning, "agent_silent").with_step(plan()).with_message("Nothing for 5 MINUTES"),
        LogEntry::new(at(4), LogLevel::Error, "workflow_failed").with_field("why", json!({"exit": ["Code 3", 137]})),
    ];
    log.append(id(1), &entries).await.unwrap();
    let all = || LogQuery::default();
    let text = |text: &str| LogQuery { text: Some(text.into()), ..all() };
    let cases = [
        (all(), vec![1, 2, 3, 4]),
        (LogQuery { levels: LogLevel::Warning.and_above(), ..all() }, vec![3, 4]),
        (LogQuery { levels: vec![LogLevel::Debug, LogLevel::Error], ..all() }, vec![1, 4]),
        (LogQuery { step: Some(plan()), ..all() }, vec![2, 3]),
        (LogQuery { since: Some(at(3)), ..all() }, vec![3, 4]),
        (LogQuery { after: 2, ..all() }, vec![3, 4]),
        (LogQuery { after: 4, ..all() }, vec![]),
        (LogQuery { after: 1, step: Some(plan()), levels: vec![LogLevel::Info], ..all() }, vec![2]),
        (text("WORKFLOW"), vec![1, 4]),
        (text("minutes"), vec![3]),
        (text("code 3"), vec![4]),
        (text("137"), vec![4]),
        (text("nowhere"), vec![]),
    ];
    for (query, expected) in cases {
        let page = log.read(id(1), &query).await.unwrap();
        let numbers: Vec<_> = page.lines.iter().map(|line| line.number).collect();
        assert_eq!((numbers, page.total, page.last), (expected.clone(), expected.len(), 4), "{query:?}");
    }
    for (offset, limit, expected) in
        [(0, 1, vec![1]), (2, 1, vec![4]), (1, 9, vec![3, 4]), (3, 9, vec![]), (0, 0, vec![])]
    {
        let levels = vec![LogLevel::Debug, LogLevel::Warning, LogLevel::Error];
        let page = log.read(id(1), &LogQuery { levels, offset, limit, ..all() }).await.unwrap();
        let numbers: Vec<_> = page.lines.iter().map(|line| line.number).collect();
        assert_eq!((numbers, page.total), (expected, 3), "offset {offset}, limit {limit}");
    }
}

/// When there are too many lines the oldest go, and the page says how many; numbers go on.
pub async fn log_is_bounded(fixture: &dyn OrderLogFixture) {
    let log = fixture.order_log().await;
    let bounds = fixture.bounds();
    let written = bounds.lines * 3 + 1;
    for first in (1..=written).step_by(50) {
        append(&log, 1, first..=(first + 49).min(written)).await;
    }
    let page = read(&log, 1).await;
    let kept = page.total as u64;
    assert!(kept <= bounds.lines && kept >= bounds.lines / 2, "{kept} lines are kept");
    assert_eq!((page.dropped, page.last), (written - kept, written));
    check(&page, written - kept + 1..=written);
    // By their size too: each of these is a twentieth of what is kept.
    let length = usize::try_from(bounds.bytes / 20).unwrap().min(LogEntry::LARGEST / 2);
    let big = entry(1).with_message(&"x".repeat(length));
    for n in 1..=100 {
        log.append(id(2), std::slice::from_ref(&big)).await.unwrap();
        let size = log.size(id(2)).await.unwrap();
        assert!(size <= bounds.bytes, "{size} bytes after {n} lines");
    }
    let page = read(&log, 2).await;
    assert_eq!(page.dropped + page.total as u64, 100);
    assert!(page.total >= 5 && page.lines.iter().all(|line| line.entry == big));
    drop(log);
    let Some(log) = fixture.reopen().await else { return };
    append(&log, 1, written + 1..=written + 1).await;
    assert_eq!(read(&log, 1).await.last, written + 1);
}

/// An entry that is too large is refused with all that came with it.
pub async fn log_refuses_what_is_too_large(fixture: &dyn OrderLogFixture) {
    let log = fixture.order_log().await;
    append(&log, 1, 1..=1).await;
    let large = entry(3).with_message(&"x".repeat(LogEntry::LARGEST));
    let refused = log.append(id(1), &[entry(2), large]).await;
    assert!(matches!(refused, Err(StateError::Refused(_))), "{refused:?}");
    append(&log, 1, 2..=2).await;
    check(&read(&log, 1).await, 1..=2);
}

/// Orders do not see each other's logs; deleting touches one order only and may be repeated.
pub async fn logs_of_orders_are_apart(fixture: &dyn OrderLogFixture) {
    let log = fixture.order_log().await;
    assert_eq!(read(&log, 1).await, LogPage::default(), "the log of an unknown order is empty");
    assert_eq!(log.size(id(1)).await.unwrap(), 0);
    assert!(log.orders().await.unwrap().is_empty());
    for order in [257, 1, 2] {
        append(&log, order, 1..=order.min(5)).await;
    }
    assert_eq!(log.orders().await.unwrap(), [id(1), id(2), id(257)]);
    assert!(log.size(id(1)).await.unwrap() > 0);
    log.delete(id(1)).await.unwrap();
    log.delete(id(1)).await.unwrap();
    log.delete(id(9)).await.unwrap();
    assert_eq!(read(&log, 1).await, LogPage::default());
    assert_eq!(log.size(id(1)).await.unwrap(), 0);
    assert_eq!(log.orders().await.unwrap(), [id(2), id(257)]);
    check(&read(&log, 2).await, 1..=2);
    check(&read(&log, 257).await, 1..=5);
    append(&log, 1, 1..=1).await;
    check(&read(&log, 1).await, 1..=1);
}

/// What was appended is there after a restart, and numbers go on.
pub async fn log_survives_reopen(fixture: &dyn OrderLogFixture) {
    let log = fixture.order_log().await;
    append(&log, 1, 1..=3).await;
    append(&log, 2, 1..=1).await;
    log.delete(id(2)).await.unwrap();
    drop(log);
    let Some(log) = fixture.reopen().await else { return };
    check(&read(&log, 1).await, 1..=3);
    check(&read(&log, 2).await, []);
    append(&log, 1, 4..=5).await;
    check(&read(&log, 1).await, 1..=5);
}

/// A line whose write was cut is not there; its number is used again.
pub async fn torn_log_line_is_dropped(fixture: &dyn OrderLogFixture) {
    let log = fixture.order_log().await;
    append(&log, 1, 1..=3).await;
    drop(log);
    let Some(log) = fixture.reopen_torn(id(1)).await else { return };
    let page = read(&log, 1).await;
    check(&page, 1..=2);
    assert_eq!((page.last, page.damaged), (2, 0));
    append(&log, 1, 3..=4).await;
    let page = read(&log, 1).await;
    check(&page, 1..=4);
    assert_eq!(page.damaged, 0);
}

/// A damaged line is left out and counted; the rest is read, and numbers go on.
pub async fn damaged_log_line_is_skipped_and_counted(fixture: &dyn OrderLogFixture) {
    let log = fixture.order_log().await;
    append(&log, 1, 1..=5).await;
    append(&log, 2, 1..=2).await;
    drop(log);
    let Some(log) = fixture.reopen_damaged(id(1), 2).await else { return };
    let page = read(&log, 1).await;
    check(&page, [1, 3, 4, 5]);
    assert_eq!((page.last, page.dropped, page.damaged), (5, 0, 1));
    append(&log, 1, 6..=6).await;
    drop(log);
    let log = fixture.reopen_damaged(id(1), 6).await.expect("it could be damaged before");
    append(&log, 1, 7..=7).await;
    let page = read(&log, 1).await;
    check(&page, [1, 3, 4, 5, 7]);
    assert_eq!((page.last, page.damaged), (7, 2));
    let other = read(&log, 2).await;
    check(&other, 1..=2);
    assert_eq!(other.damaged, 0);
}
