//! The same request over and over, on so many connections.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::{Outcome, percentile, wire};

/// How many were answered, with which status, in which time.
pub(crate) async fn run(address: &str, request: &str, connections: usize, time: Duration) -> Outcome<Value> {
    let mut streams = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        streams.push(BufReader::with_capacity(64 * 1024, stream));
    }
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for stream in streams {
        clients.spawn(client(stream, request.to_owned(), begun + time));
    }
    let (mut took, mut statuses) = (Vec::new(), BTreeMap::<String, usize>::new());
    while let Some(done) = clients.join_next().await {
        for (status, duration) in done?? {
            *statuses.entry(status.to_string()).or_default() += 1;
            took.push(duration);
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    took.sort_unstable();
    Ok(json!({
        "requests": took.len(), "seconds": seconds, "statuses": statuses,
        "p50": percentile(&took, 50), "p99": percentile(&took, 99),
    }))
}

async fn client(mut stream: BufReader<TcpStream>, request: String, end: Instant) -> Outcome<Vec<(u16, Duration)>> {
    let mut answers = Vec::new();
    while Instant::now() < end {
        let begun = Instant::now();
        stream.get_mut().write_all(request.as_bytes()).await?;
        let status = wire::answer(&mut stream).await?;
        answers.push((status, begun.elapsed()));
    }
    Ok(answers)
}
