//! What proxies say of whom they ask for.

use std::time::Duration;

use awo_http::{Limits, Scope, TrustedProxies};
use tokio::io::AsyncWriteExt as _;

use crate::guarded::Guarded;
use crate::listening::Log;
use crate::serve::{Server, rest, server_with};
use crate::support::World;

/// Trusts 127.0.0.9, and nobody else.
fn behind_a_proxy(server: awo_http::Server) -> awo_http::Server {
    server.with_trusted_proxies(TrustedProxies::new(["127.0.0.9"]).unwrap())
}

async fn told(server: &Server, from: &str, method: &str, path: &str, more: &str) -> String {
    let mut stream = server.connect_from(from).await;
    let head = server.head(path, &format!("{more}Connection: close\r\n")).replacen("GET", method, 1);
    stream.write_all(head.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

fn status(answer: &str) -> &str {
    &answer["HTTP/1.1 ".len()..][..3]
}

#[tokio::test]
async fn tries_count_for_the_client_and_not_for_its_proxy() {
    let log = Log::listen(tracing::Level::INFO);
    let guarded = Guarded::new();
    let limits = Limits { failures_per_minute: 2, ..Limits::default() };
    let server = guarded.serve_with(limits, behind_a_proxy).await;
    let tried = async |from: &str, of: &str| {
        let answer = told(&server, from, "GET", "/health", &format!("X-Forwarded-For: {of}\r\n")).await;
        status(&answer).to_owned()
    };
    for of in ["203.0.113.1", "203.0.113.2", "9.9.9.9, 203.0.113.3"] {
        assert_eq!([tried("127.0.0.9", of).await, tried("127.0.0.9", of).await], ["401", "401"], "{of}");
    }
    assert_eq!(tried("127.0.0.9", "1.2.3.4, 203.0.113.3").await, "429", "what the client itself wrote changes nothing");
    assert!(log.text().contains(r#""client":"203.0.113.3""#), "{}", log.text());
    // Somebody who is no proxy is itself, whatever it says.
    assert_eq!(tried("127.0.0.2", "203.0.113.1").await, "401");
    assert_eq!(tried("127.0.0.2", "203.0.113.2").await, "401");
    assert_eq!(tried("127.0.0.2", "203.0.113.4").await, "429");
    assert!(log.text().contains(r#""client":"127.0.0.2""#) && !log.text().contains("203.0.113.4"), "{}", log.text());
}

#[tokio::test]
async fn links_and_cookies_are_those_of_the_name_that_a_proxy_is_called_by() {
    let guarded = Guarded::new();
    let key = format!("Authorization: {}\r\n", guarded.bearer(Scope::Admin));
    let server = guarded.serve_with(Limits::default(), behind_a_proxy).await;
    let said = format!("{key}X-Forwarded-Proto: https\r\nX-Forwarded-Host: localhost:{}\r\n", server.address.port());
    let link = |answer: String| answer.split_once("\"url\":\"").unwrap().1.split('"').next().unwrap().to_owned();
    let of_proxy = link(told(&server, "127.0.0.9", "POST", "/login-links", &said).await);
    let of_other = link(told(&server, "127.0.0.2", "POST", "/login-links", &said).await);
    assert!(
        of_proxy.starts_with("https://localhost:") && of_other.starts_with("http://localhost:"),
        "{of_proxy} {of_other}"
    );
    for (from, link, secure) in [("127.0.0.9", of_proxy, true), ("127.0.0.2", of_other, false)] {
        let (_, path) = link.rsplit_once("/login").unwrap();
        let entered = told(&server, from, "GET", &format!("/login{path}"), "X-Forwarded-Proto: https\r\n").await;
        assert_eq!((status(&entered), entered.contains("; Secure")), ("303", secure), "{entered}");
    }
}

#[tokio::test]
async fn the_name_that_a_proxy_tells_is_held_against_the_list() {
    let world = World::new();
    let named = |api: awo_http::Api| api.with_allowed_host("awo.example").unwrap();
    let server = server_with(&world, Duration::from_secs(5), named, behind_a_proxy).await;
    let asked = async |from: &str, host: &str| {
        let answer = told(&server, from, "GET", "/health/live", &format!("X-Forwarded-Host: {host}\r\n")).await;
        status(&answer).to_owned()
    };
    assert_eq!(asked("127.0.0.9", "awo.example").await, "200");
    assert_eq!(asked("127.0.0.9", "evil.example").await, "421");
    assert_eq!(asked("127.0.0.2", "evil.example").await, "200", "it is nobody's word");
}

#[tokio::test]
async fn a_proxy_may_bring_more_connections_than_an_address() {
    let world = World::new();
    let limits = Limits { max_connections_per_address: 1, ..Limits::default() };
    let server = server_with(&world, Duration::from_secs(5), |api| api.with_limits(limits), behind_a_proxy).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut stream = server.connect_from("127.0.0.9").await;
        stream.write_all(server.head("/health/live", "").as_bytes()).await.unwrap();
        let mut begin = [0; 12];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut begin).await.unwrap();
        assert_eq!(&begin, b"HTTP/1.1 200");
        held.push(stream);
    }
}
