//! The least server of a stream: it hands each event to everybody as it is, and knows no HTTP but its words.

use std::io::Write as _;
use std::time::Duration;

use awo_engine::ports::{Clock as _, SystemClock};
use hyper::body::Bytes;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::Outcome;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
const END: &[u8] = b"event: end\ndata: {}\n\n";
/// Between two events: long enough for all to have the one before.
const PAUSE: Duration = Duration::from_millis(100);
/// What an event says besides: about as much as those of an order do.
const WORDS: usize = 300;

/// Waits for so many clients, sends them so many events, and ends.
pub(crate) async fn serve(clients: usize, events: u64) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut output = std::io::stdout();
    writeln!(output, "listening on http://{}", listener.local_addr()?)?;
    output.flush()?;
    let (told, _) = broadcast::channel(16);
    let mut streams = JoinSet::new();
    for _ in 0..clients {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        streams.spawn(follow(stream, told.subscribe()));
    }
    // The last ones have yet to ask, and the clients to begin.
    sleep(10 * PAUSE).await;
    let (clock, words) = (SystemClock::default(), "x".repeat(WORDS));
    for number in 1..=events {
        let event = json!({"timestamp": clock.now(), "words": words});
        told.send(Bytes::from(format!("id: {number}\ndata: {event}\n\n")))?;
        sleep(PAUSE).await;
    }
    told.send(Bytes::from_static(END))?;
    drop(told);
    while let Some(followed) = streams.join_next().await {
        followed??;
    }
    Ok(())
}

async fn follow(mut stream: TcpStream, mut told: broadcast::Receiver<Bytes>) -> Outcome {
    let mut request = [0; 1024];
    if stream.read(&mut request).await? == 0 {
        return Err("a client left before it asked".into());
    }
    stream.write_all(HEAD).await?;
    while let Ok(event) = told.recv().await {
        stream.write_all(&event).await?;
    }
    Ok(())
}
