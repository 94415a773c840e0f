//! Streams across servers that go away.

use std::time::Duration;

use awo_client::{Error, Following, News};
use futures::StreamExt as _;
use http::StatusCode;

use crate::scripted::{Scripted, Turn};

fn event(number: u64) -> String {
    format!("id: {number}\nevent: step_finished\ndata: {{}}\n\n")
}

/// Numbers of the messages until the stream ends or fails; 0 is one without a number.
async fn numbers(following: Following) -> (Vec<u64>, Option<Error>) {
    let mut stream = Box::pin(following.into_stream());
    let (mut numbers, mut error) = (Vec::new(), None);
    while let Some(news) = stream.next().await {
        match news {
            Ok(News::Message(message)) => numbers.push(message.number().unwrap_or(0)),
            Ok(_) => {}
            Err(failed) => error = Some(failed),
        }
    }
    (numbers, error)
}

/// What the server was told to begin after, each time.
fn places(server: &Scripted) -> Vec<Option<String>> {
    let asked = server.take();
    let place = |headers: &http::HeaderMap| Some(headers.get("last-event-id")?.to_str().unwrap().to_owned());
    asked.iter().map(|request| place(request.headers())).collect()
}

#[tokio::test(start_paused = true)]
async fn each_message_comes_once_wherever_the_connection_breaks() {
    let whole = [event(1), event(2), ": \n\nevent: state\ndata: {}\n\n".into(), event(3)].concat();
    for cut in 0..=whole.len() {
        let server = Scripted::new([
            Turn::Stream(vec![whole[..cut].to_owned()]),
            Turn::Away,
            // A server that does not know better sends what was there before.
            Turn::Stream(vec![event(1), event(2)]),
            Turn::Open(vec![event(3), "event: end\ndata: {}\n\n".into()]),
        ]);
        let (seen, error) = numbers(server.client().follow_order("wo-1", None, &[])).await;
        let stored: Vec<_> = seen.iter().copied().filter(|number| *number > 0).collect();
        assert_eq!((stored, error.is_none()), (vec![1, 2, 3], true), "cut at {cut}");
        assert_eq!(places(&server)[0], None);
    }
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_after_what_it_has() {
    let server = Scripted::new([Turn::Stream(vec![event(8)]), Turn::Open(vec!["event: end\ndata: {}\n\n".into()])]);
    let (seen, _) = numbers(server.client().follow_order("wo-1", Some(7), &[])).await;
    assert_eq!(seen, [8, 0]);
    assert_eq!(places(&server), [Some("7".to_owned()), Some("8".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stays_away_is_given_up_and_one_that_knows_nothing_at_once() {
    let server = Scripted::new(vec![Turn::Away; 100]);
    let mut following = server.client().follow_order("wo-1", None, &[]);
    assert_eq!(following.next().await.unwrap().unwrap(), News::Lost, "said once");
    let error = following.next().await.unwrap().unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    assert_eq!(error.to_string(), "cannot reach the server at http://nowhere.example: connection refused");
    assert_eq!(server.take().len(), 61);

    let unknown = r#"{"type": "urn:awo:problem:order-not-found", "title": "None", "status": 404, "detail": "there is none",
        "instance": "/", "request_id": "r", "retryable": false}"#;
    let server = Scripted::new([Turn::Answer(StatusCode::NOT_FOUND, unknown)]);
    let (seen, error) = numbers(server.client().follow_order("wo-1", None, &[])).await;
    let error = error.unwrap();
    assert_eq!(
        (seen.len(), error.status(), error.to_string().as_str()),
        (0, Some(StatusCode::NOT_FOUND), "there is none")
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_loses_nothing() {
    let server = Scripted::new([Turn::Open(vec![event(1), event(2)[..9].to_owned()])]);
    let mut following = server.client().follow_order("wo-1", None, &[]);
    following.next().await.unwrap().unwrap();
    for _ in 0..3 {
        assert!(tokio::time::timeout(Duration::from_secs(1), following.next()).await.is_err());
    }
    assert_eq!(server.take().len(), 1, "it is the same connection");
}

#[tokio::test(start_paused = true)]
async fn of_another_history_all_is_told() {
    let reset = "event: reset\ndata: {}\n\n".to_owned();
    let server = Scripted::new([
        Turn::Stream(vec![event(1), event(2), event(3)]),
        Turn::Stream(vec![reset, event(1)]),
        Turn::Open(vec![event(2), "event: end\ndata: {}\n\n".into()]),
    ]);
    let (seen, error) = numbers(server.client().follow_order("wo-1", None, &[])).await;
    assert_eq!((seen, error.is_none()), (vec![1, 2, 3, 0, 1, 2, 0], true));
    assert_eq!(places(&server), [None, Some("3".to_owned()), Some("1".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_at_once_each_time_is_given_up() {
    let state = "event: state\ndata: {}\n\n".to_owned();
    let server = Scripted::new(vec![Turn::Stream(vec![state]); 200]);
    let begun = tokio::time::Instant::now();
    let (seen, error) = numbers(server.client().follow_order("wo-1", None, &[])).await;
    assert!(error.unwrap().is_unavailable());
    assert_eq!((seen.len(), server.take().len()), (61, 61));
    assert!(begun.elapsed() > Duration::from_mins(1), "it is not asked as fast as it answers");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_stream_is_not_followed() {
    for (status, text) in [(StatusCode::OK, "<html>"), (StatusCode::MOVED_PERMANENTLY, "")] {
        let server = Scripted::new([Turn::Answer(status, text)]);
        let (seen, error) = numbers(server.client().follow_order("wo-1", None, &[])).await;
        assert!(seen.is_empty() && error.is_some_and(|error| !error.is_unavailable()), "{status}");
        assert_eq!(server.take().len(), 1);
    }
}
