//! Many connections that ask for nothing, and healthy ones between them.

use std::time::Duration;

use awo_http::Limits;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::floods::resident;
use crate::frames::PREFACE;
use crate::serve::{Server, server};
use crate::support::World;

const MANY: u16 = 2_000;

/// Connections from some addresses that say half of something.
async fn crowd(server: &Server, addresses: u8) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for n in 0..MANY {
        let mut stream = server.connect_from(&format!("127.0.1.{}", n % u16::from(addresses) + 1)).await;
        let half: &[u8] = match n % 4 {
            0 => b"",
            1 => b"GET /health HTTP/1.1\r\nHost: loc",
            2 => &PREFACE[..12],
            _ => b"POST /agent-work-orders HTTP/1.1\r\nContent-Length: 10",
        };
        let _ = stream.write_all(half).await; // it may have lost its place already
        crowd.push(stream);
    }
    crowd
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_half_open_connections_keep_nobody_out() {
    let world = World::new();
    let limits = Limits { header_timeout: Duration::from_mins(1), ..Limits::default() };
    let server = server(&world, limits, Duration::from_secs(1)).await;
    let before = resident();
    for addresses in [1, 40] {
        let crowd = crowd(&server, addresses).await;
        for n in 0..50 {
            let same = format!("127.0.1.{}", n % u16::from(addresses) + 1);
            for from in ["127.0.0.1", &same] {
                let stream = server.connect_from(from).await;
                let answer = server.ask_on(stream, "/health/live").await;
                assert!(answer.starts_with("HTTP/1.1 200"), "{n} from {from}: {answer}");
            }
        }
        drop(crowd);
    }
    assert!(resident() < before + (64 << 20), "{before} bytes became {}", resident());
}
