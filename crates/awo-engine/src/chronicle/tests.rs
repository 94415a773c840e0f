//! What becomes of a line.

use awo_models::Timestamp;
use awo_state::{InMemoryOrderLog, LogLevel, LogQuery};

use super::*;

#[tokio::test]
async fn a_message_is_cut_between_two_characters_after_16_kib() {
    let log = InMemoryOrderLog::default();
    let chronicle = Chronicle::new(Some(Arc::new(log.clone())));
    let id = OrderId::new(1, [7; 10]);
    let said = ["a".repeat(16_384), "a".repeat(16_385), "a".repeat(40_000), format!("a{}", "é".repeat(10_000))];
    for message in &said {
        chronicle.note(id, LogEntry::new(Timestamp::UNIX_EPOCH, LogLevel::Info, "said").with_message(message));
    }
    chronicle.flush(Duration::from_secs(10)).await;
    let page = log.read(id, &LogQuery::default()).await.unwrap();
    let kept: Vec<_> = page.lines.iter().map(|line| line.entry.message.clone().unwrap()).collect();
    assert_eq!(kept.iter().map(|message| message.len()).collect::<Vec<_>>(), [16_384, 16_384, 16_384, 16_383]);
    assert!(said.iter().zip(&kept).all(|(said, kept)| said.starts_with(&**kept)));
}
