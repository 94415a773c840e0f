//! Many clients that follow one order by server-sent events, beside some that take nothing of what is sent to them.

use std::time::Duration;

use awo_engine::ports::{Clock as _, SystemClock};
use awo_models::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::{Outcome, percentile, tell, wire};

/// What a client that is stuck has room for; the kernel makes a little more of it.
const LITTLE: u32 = 2048;

/// Opens all streams, says so, and follows to the end of the order. A delay is the time from when an event happened, which is
/// before it is saved, until a client has it; events that were there already do not count.
pub(crate) async fn run(address: &str, path: &str, readers: usize, stuck: usize) -> Outcome<Value> {
    let mut held = Vec::new();
    for _ in 0..stuck {
        held.push(open(address, path, Some(LITTLE)).await?);
    }
    let mut streams = Vec::new();
    for _ in 0..readers {
        let mut stream = BufReader::new(open(address, path, None).await?);
        let (status, _) = wire::head(&mut stream).await?;
        if status != 200 {
            return Err(format!("a stream was answered with {status}").into());
        }
        streams.push(stream);
    }
    let begun = SystemClock::default().now();
    tell(&json!({"open": readers + stuck}))?;
    let mut clients = JoinSet::new();
    for stream in streams {
        clients.spawn(follow(stream, begun));
    }
    let (mut delays, mut ended, mut heard) = (Vec::new(), 0, Vec::new());
    while let Some(followed) = clients.join_next().await {
        let followed = followed??;
        delays.extend(followed.delays);
        ended += usize::from(followed.ended);
        heard.push(followed.heard);
    }
    delays.sort_unstable();
    // Those that took nothing have what there was room for; if they were cut, that is not the end.
    let mut cut = 0;
    for stream in &mut held {
        let sent = tokio::time::timeout(Duration::from_mins(1), wire::drain(stream)).await?;
        cut += usize::from(!sent.ends_with(b"\r\n0\r\n\r\n"));
    }
    Ok(json!({
        "ended": ended, "cut": cut,
        "heard_least": heard.iter().min(), "heard_most": heard.iter().max(),
        "p50": percentile(&delays, 50), "p99": percentile(&delays, 99),
    }))
}

async fn open(address: &str, path: &str, room: Option<u32>) -> Outcome<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(room) = room {
        socket.set_recv_buffer_size(room)?;
    }
    let mut stream = socket.connect(address.parse()?).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    Ok(stream)
}

/// What a client heard.
#[derive(Default)]
struct Followed {
    delays: Vec<Duration>,
    /// Number of the last event; they came in their order, and none was missing before it.
    heard: u64,
    /// Whether it got to the end of the order.
    ended: bool,
}

/// Follows to the end of the stream; an error if an event is missing, or comes twice.
async fn follow(mut stream: BufReader<TcpStream>, begun: Timestamp) -> Outcome<Followed> {
    let (mut followed, mut line, mut numbered, clock) =
        (Followed::default(), Vec::new(), false, SystemClock::default());
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(followed);
        }
        if let Some(number) = line.strip_prefix(b"id: ") {
            let number: u64 = std::str::from_utf8(number)?.trim().parse()?;
            if number != followed.heard + 1 {
                return Err(format!("event {number} came after event {}", followed.heard).into());
            }
            (followed.heard, numbered) = (number, true);
        } else if line.starts_with(b"event: end\n") {
            followed.ended = true;
            return Ok(followed);
        } else if numbered && line.starts_with(b"data: ") {
            numbered = false;
            let now = clock.now();
            let event: Value = serde_json::from_slice(&line[b"data: ".len()..])?;
            let happened: Timestamp = event["timestamp"].as_str().unwrap_or_default().parse()?;
            if happened >= begun {
                followed.delays.push(now.duration_since(happened).try_into().unwrap_or_default());
            }
        }
    }
}
