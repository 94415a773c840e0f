//! A server that closes while its connections are in every state there is.

use std::time::Duration;

use awo_http::Limits;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::frames::{Frames, PREFACE};
use crate::http2::{Client, text};
use crate::serve::{Server, rest, server};
use crate::wait::{held, watched};

const DRAIN: Duration = Duration::from_secs(30);

async fn said(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut stream = server.connect().await;
    stream.write_all(bytes).await.unwrap();
    stream
}

/// The clock stands still and jumps to the next deadline when there is nothing to do, so this takes no time.
#[tokio::test(start_paused = true)]
async fn all_connections_end_within_the_drain() {
    let (world, id, mut reads) = watched(&CancellationToken::new()).await;
    let limits =
        Limits { header_timeout: Duration::from_hours(1), body_timeout: Duration::from_hours(1), ..Limits::default() };
    let server = server(&world, limits, DRAIN).await;
    let order = format!("/agent-work-orders/{id}");
    let poll = format!("{order}/steps?wait=60&after=1");
    let events = format!("{order}/events");
    let port = server.address.port();
    let begun_body = format!(
        "POST /agent-work-orders HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\n\r\n{{"
    );
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

    // Those that can be answered, or told to go.
    let mut waiting = said(&server, server.head(&poll, "").as_bytes()).await;
    held(&mut reads).await;
    let mut stream = said(&server, server.head(&events, "Accept: text/event-stream\r\n").as_bytes()).await;
    let mut socket = said(&server, server.head(&format!("{order}/ws"), upgrade).as_bytes()).await;
    let mut idle = said(&server, server.head("/health/live", "").as_bytes()).await;
    let mut silent = server.connect().await;
    let mut newer = Client::dial(&server).await;
    let newer_stream = newer.open(&events, &[("accept", "text/event-stream")]).await;
    let idle_newer = Client::dial(&server).await;
    let mut half_preface = said(&server, &PREFACE[..10]).await;
    // A client of HTTP/2 that asks for a stream and hears nothing, and one that is stuck in its header.
    let mut frames = Frames::new(&format!("localhost:{port}"));
    frames.settings(&[(4, 0)]).headers(1, &events, &[], true, true);
    let mut deaf = said(&server, &[PREFACE, &frames.take()].concat()).await;
    frames.settings(&[]).headers(1, &events, &[], true, false);
    let mut half_newer = said(&server, &[PREFACE, &frames.take()].concat()).await;
    // Those that only time ends.
    let mut half_header = said(&server, b"GET /health HTTP/1.1\r\nHo").await;
    let mut half_body = said(&server, begun_body.as_bytes()).await;
    tokio::time::sleep(Duration::from_secs(1)).await;

    let begun = Instant::now();
    server.shutdown.cancel();
    server.ended.await.unwrap().unwrap();
    assert!(begun.elapsed() <= DRAIN + Duration::from_secs(1), "{:?}", begun.elapsed());

    let answered = rest(&mut waiting).await;
    assert!(answered.starts_with("HTTP/1.1 200") && answered.contains("\"steps\":[]"), "{answered}");
    assert!(rest(&mut stream).await.ends_with("0\r\n\r\n"), "the stream has its end");
    assert!(rest_of_socket(&mut socket).await.ends_with(b"the server closes"), "and so has the socket");
    assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200"));
    assert!(text(newer_stream).await.contains("event: state"));
    newer.ended.await.unwrap().unwrap();
    idle_newer.ended.await.unwrap().unwrap();
    for stream in [&mut silent, &mut half_preface, &mut deaf, &mut half_newer, &mut half_header, &mut half_body] {
        let _ = rest(stream).await; // it ends
    }
}

async fn rest_of_socket(stream: &mut TcpStream) -> Vec<u8> {
    use tokio::io::AsyncReadExt as _;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    bytes
}
