//! Requests of HTTP/1.1 that are too large, or that two readers could read in two ways.

use std::time::Duration;

use awo_http::Limits;
use rstest::rstest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::frames::{Frames, PREFACE, RESET, frames_until};
use crate::http2::Client;
use crate::serve::{Server, rest, server};
use crate::support::World;

async fn plain() -> (World, Server) {
    let world = World::new();
    let limits =
        Limits { header_timeout: Duration::from_secs(1), body_timeout: Duration::from_secs(1), ..Limits::default() };
    let server = server(&world, limits, Duration::from_secs(5)).await;
    (world, server)
}

/// Sends up to 100 MB after a beginning; what was answered, and how much of it was taken by then.
async fn pour(server: &Server, head: &str, piece: &[u8]) -> (String, usize) {
    const WHOLE: usize = 100_000_000;
    let (mut reader, mut writer) = server.connect().await.into_split();
    let answer = tokio::spawn(async move {
        let mut bytes = Vec::new();
        let _ = reader.read_to_end(&mut bytes).await;
        String::from_utf8(bytes).unwrap()
    });
    writer.write_all(head.as_bytes()).await.unwrap();
    let mut sent = 0;
    while sent < WHOLE && writer.write_all(piece).await.is_ok() {
        sent += piece.len();
    }
    (answer.await.unwrap(), sent)
}

#[rstest]
#[case::one_field("GET /health HTTP/1.1\r\nHost: {host}\r\nX: ", "x", "431")]
#[case::many_fields("GET /health HTTP/1.1\r\nHost: {host}\r\n", "x: y\r\n", "431")]
#[case::a_name("GET /health HTTP/1.1\r\nHost: {host}\r\n", "x", "431")]
#[case::the_path("GET /", "x", "4")]
#[case::the_method("", "X", "4")]
#[tokio::test]
async fn a_header_of_a_hundred_megabytes_is_refused_early(#[case] head: &str, #[case] piece: &str, #[case] code: &str) {
    let (_world, server) = plain().await;
    let head = head.replace("{host}", &format!("localhost:{}", server.address.port()));
    let (answer, sent) = pour(&server, &head, piece.repeat(60_000 / piece.len()).as_bytes()).await;
    assert!(answer.starts_with(&format!("HTTP/1.1 {code}")), "{answer}");
    assert!(sent < 20_000_000, "{sent}"); // what kernels keep between two sockets
}

#[rstest]
#[case::announced("Content-Length: 100000000", " ".repeat(1024))]
#[case::in_chunks("Transfer-Encoding: chunked", format!("400\r\n{}\r\n", " ".repeat(1024)))]
#[tokio::test]
async fn a_body_of_a_hundred_megabytes_is_refused_early(#[case] header: &str, #[case] piece: String) {
    let (_world, server) = plain().await;
    let head = format!(
        "POST /agent-work-orders HTTP/1.1\r\nHost: localhost:{}\r\nContent-Type: application/json\r\n{header}\r\n\r\n",
        server.address.port()
    );
    let (answer, sent) = pour(&server, &head, piece.repeat(100).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("body-too-large"), "{answer}");
    assert!(sent < 20_000_000, "{sent}");
}

/// What is answered to a request that some may read in another way, with a second one after what some take for its end.
async fn answers(server: &Server, rest_of_head: &str) -> Vec<String> {
    let port = server.address.port();
    let text = format!(
        "POST /nothing HTTP/1.1\r\nHost: localhost:{port}\r\n{rest_of_head}\
         GET /second HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"
    );
    let mut stream = server.connect().await;
    stream.write_all(text.as_bytes()).await.unwrap();
    rest(&mut stream).await.split("HTTP/1.1 ").skip(1).map(str::to_owned).collect()
}

#[rstest]
#[case::two_lengths("Content-Length: 0\r\nContent-Length: 5\r\n\r\n")]
#[case::two_lengths_in_one("Content-Length: 0, 5\r\n\r\n")]
#[case::signed_length("Content-Length: +5\r\n\r\n")]
#[case::hex_length("Content-Length: 0x5\r\n\r\n")]
#[case::huge_length("Content-Length: 99999999999999999999999\r\n\r\n")]
#[case::other_coding("Transfer-Encoding: gzip\r\n\r\n")]
#[case::chunked_first("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n")]
#[case::spelled_otherwise("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")]
#[case::space_before_colon("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n")]
#[case::folded("X: a\r\n Transfer-Encoding: chunked\r\n\r\n")]
#[case::folded_coding("Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n")]
#[case::bare_return("X: a\rContent-Length: 5\r\n\r\n")]
#[case::nul("X: a\0b\r\n\r\n")]
#[case::no_name(": a\r\n\r\n")]
#[tokio::test]
async fn a_header_that_can_be_read_in_two_ways_is_refused(#[case] rest_of_head: &str) {
    let (_world, server) = plain().await;
    let answers = answers(&server, rest_of_head).await;
    let last = answers.last().unwrap();
    assert!(last.starts_with("400 ") && !last.contains("second"), "{answers:?}");
}

/// The coding counts, as the standard says, and whatever follows is not read.
#[rstest]
#[case::length_and_chunks("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
#[case::chunks_and_length("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n")]
#[case::another_version("\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
#[tokio::test]
async fn after_what_can_be_read_in_two_ways_nothing_more_is_read(#[case] rest_of_head: &str) {
    let (_world, server) = plain().await;
    let answers = answers(&server, rest_of_head).await;
    assert!(answers.len() == 1 && answers[0].starts_with("404 ") && !answers[0].contains("second"), "{answers:?}");
}

#[rstest]
#[case::letters("zz\r\n{}\r\n0\r\n\r\n")]
#[case::sign("+2\r\n{}\r\n0\r\n\r\n")]
#[case::prefix("0x2\r\n{}\r\n0\r\n\r\n")]
#[case::overflow("10000000000000002\r\n{}\r\n0\r\n\r\n")]
#[case::longer_than_told("1\r\n{}\r\n0\r\n\r\n")]
#[case::line_feeds("2\n{}\n0\n\n")]
#[case::line_feed_in_an_extension("2;a\nb\r\n{}\r\n0\r\n\r\n")]
#[case::line_feed_after_the_last("2\r\n{}\r\n0\n\n")]
#[tokio::test]
async fn after_a_bad_chunk_nothing_more_is_read(#[case] chunks: &str) {
    let (_world, server) = plain().await;
    let answers = answers(&server, &format!("Transfer-Encoding: chunked\r\n\r\n{chunks}")).await;
    assert!(answers.len() <= 1 && !answers.concat().contains("second"), "{answers:?}");
}

/// The counterpart, without which the others would prove nothing. A line may end with a line feed alone, as the standard
/// allows; where the line ends, all agree.
#[rstest]
#[case::no_body("\r\n")]
#[case::length("Content-Length: 2\r\n\r\n{}")]
#[case::same_length_twice("Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}")]
#[case::chunks("Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n")]
#[case::line_feeds("Content-Length: 0\n\n")]
#[tokio::test]
async fn two_sound_requests_are_two(#[case] rest_of_head: &str) {
    let (_world, server) = plain().await;
    let answers = answers(&server, rest_of_head).await;
    assert!(answers.len() == 2 && answers[1].contains("/second"), "{answers:?}");
}

/// Over HTTP/2 there is no such header; what names one is refused, and the connection goes on.
#[tokio::test]
async fn chunks_have_no_meaning_in_http_2() {
    let (_world, server) = plain().await;
    let mut client = Client::dial(&server).await;
    let mut frames = Frames::new(&format!("localhost:{}", server.address.port()));
    let coding = [&[0, 17], &b"transfer-encoding"[..], &[7], b"chunked"].concat();
    let mut stream = server.connect().await;
    frames.settings(&[]).headers(1, "/health/live", &coding, true, true);
    stream.write_all(&[PREFACE, &frames.take()].concat()).await.unwrap();
    let told = frames_until(&mut stream, RESET).await;
    assert_eq!(told, (1, vec![0, 0, 0, 1]), "a mistake of the protocol, of this request");
    assert_eq!(client.get("/health/live").await.0, 200);
}
