//! Telling an address, and what it answers.

use awo_adapters::{Hosts, Wanted, WebhookRecipient, WebhookSettings};
use awo_engine::ports::Recipient as _;
use awo_models::{Notice, Timestamp};
use awo_testkit::{Receiver, Reply};

#[tokio::test]
async fn a_receiver_that_wants_to_be_left_alone_says_until_when() {
    let receiver = Receiver::new();
    let dir = tempfile::tempdir().unwrap();
    let secret_file = dir.path().join("secret");
    std::fs::write(&secret_file, "a secret of some length").unwrap();
    let trusted = Hosts::new(["127.0.0.1"]).unwrap();
    let settings = WebhookSettings { url: receiver.address(), secret_file, trusted, wanted: Wanted::default() };
    let recipient = WebhookRecipient::new("one", settings).unwrap();
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let until = async |answer: &str| {
        receiver.reply_next([Reply::Bytes(
            format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").into(),
        )]);
        let failure = recipient.tell(&Notice::test(now, [7; 16]), now).await.unwrap_err();
        failure.until.map(|until| until.to_string())
    };
    assert_eq!(until("429 No\r\nretry-after: 90").await.as_deref(), Some("2026-01-01T00:01:30Z"));
    let date = "503 No\r\nretry-after: Thu, 01 Jan 2026 00:01:00 GMT";
    assert_eq!(until(date).await.as_deref(), Some("2026-01-01T00:01:00Z"));
    assert_eq!(until("503 No").await, None);
}
