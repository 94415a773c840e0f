//! A socket of this machine.

use std::path::Path;
use std::time::Duration;

use awo_http::{Api, Limits, Scope, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use crate::guarded::Guarded;
use crate::http2::Client;
use crate::support::World;

async fn ask(path: &Path, host: &str, line: &str, more: &str) -> String {
    let mut stream = UnixStream::connect(path).await.unwrap();
    let head = format!("{line} HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn it_answers_to_the_name_of_the_machine_and_ends_with_the_server() {
    let (world, place) = (World::new(), tempfile::tempdir().unwrap());
    let path = place.path().join("awo.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let shutdown = CancellationToken::new();
    let limits = Limits { max_connections_per_address: 1, ..Limits::default() };
    let api = Api::new(world.orchestrator.work_orders(), "1.2.3").with_limits(limits);
    let serving = tokio::spawn(Server::new(api).with_listener(listener).run(shutdown.clone()));
    for (host, status) in [("localhost", 200), ("localhost:80", 200), ("localhost:81", 421), ("evil.example", 421)] {
        let answer = ask(&path, host, "GET /health/live", "").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{host}: {answer}");
    }
    let page = ask(&path, "localhost", "GET /health/live", "Origin: http://evil.example\r\n").await;
    assert!(page.starts_with("HTTP/1.1 403"), "{page}");
    let mut newer = Client::over(UnixStream::connect(&path).await.unwrap(), "localhost".into()).await;
    assert_eq!(newer.get("/health/live").await.0, 200);
    // It is this account's, so it has as many places as there are.
    assert!(ask(&path, "localhost", "GET /health/live", "").await.starts_with("HTTP/1.1 200"));
    shutdown.cancel();
    serving.await.unwrap().unwrap();
    newer.ended.await.unwrap().unwrap();
    assert!(UnixStream::connect(&path).await.is_err());
}

#[tokio::test]
async fn keys_are_asked_for_as_at_a_port_and_links_lead_to_that() {
    let (guarded, place) = (Guarded::new(), tempfile::tempdir().unwrap());
    let key = format!("Authorization: {}\r\n", guarded.bearer(Scope::Admin));
    for has_port in [true, false] {
        let path = place.path().join(format!("{has_port}.sock"));
        let api = Api::new(guarded.world.orchestrator.work_orders(), "1.2.3").with_keys(guarded.ring.clone());
        let mut server = Server::new(api).with_listener(UnixListener::bind(&path).unwrap());
        let mut expected = "has no address that a browser can open".to_owned();
        if has_port {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            expected = format!("\"url\":\"http://{}/login?link=", listener.local_addr().unwrap());
            server = server.with_listener(listener);
        }
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(server.with_drain(Duration::from_secs(5)).run(shutdown.clone()));
        assert!(ask(&path, "localhost", "GET /health", "").await.starts_with("HTTP/1.1 401"));
        let answer = ask(&path, "localhost", "POST /login-links", &key).await;
        assert!(answer.contains(&expected), "{answer}");
        shutdown.cancel();
        serving.await.unwrap().unwrap();
    }
}
