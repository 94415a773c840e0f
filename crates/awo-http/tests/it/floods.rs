//! Clients of HTTP/2 that send as much as they can of what asks for nothing: each is cut, and healthy requests are answered
//! meanwhile.

use std::time::Duration;

use awo_http::Limits;
use rstest::rstest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::frames::{CONTINUATION, DATA, Frames, HEADERS, PING, PREFACE, PRIORITY, RESET, SETTINGS, WINDOW_UPDATE};
use crate::http2::Client;
use crate::serve::{Server, server};
use crate::support::World;

/// More than any of them gets through.
const MOST: usize = 16 << 20;
/// What a flood may take of memory: client and server are one process here.
const MEMORY: usize = 64 << 20;

/// Bytes of this process in memory; nothing where that is not told.
pub(crate) fn resident() -> usize {
    let told = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    told.split(' ').nth(1).and_then(|pages| pages.parse().ok()).map_or(0, |pages: usize| pages * 4096)
}

/// The n-th piece of a flood.
type Piece = fn(&mut Frames, u32);

fn stream(n: u32) -> u32 {
    2 * n + 1
}

fn rapid_reset(frames: &mut Frames, n: u32) {
    frames.headers(stream(n), "/agent-work-orders", &[], true, true).frame(RESET, 0, stream(n), &[0, 0, 0, 8]);
}

fn made_to_reset(frames: &mut Frames, n: u32) {
    // The server resets them, for a window that is too large.
    frames.headers(stream(n), "/health/live", &[], false, true);
    frames.frame(WINDOW_UPDATE, 0, stream(n), &[0x7f, 0xff, 0xff, 0xff]);
}

fn pings(frames: &mut Frames, _: u32) {
    frames.frame(PING, 0, 0, &[0; 8]);
}

fn settings(frames: &mut Frames, n: u32) {
    frames.settings(&[(1, n % 4096), (4, 65_535 - n % 2)]);
}

fn settings_that_are_empty(frames: &mut Frames, _: u32) {
    frames.frame(SETTINGS, 0, 0, &[]);
}

fn continuations(frames: &mut Frames, n: u32) {
    match n {
        0 => frames.headers(1, "/health/live", &[], true, false),
        _ => frames.frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b"),
    };
}

fn continuations_that_are_empty(frames: &mut Frames, n: u32) {
    match n {
        0 => frames.headers(1, "/health/live", &[], true, false),
        _ => frames.frame(CONTINUATION, 0, 1, &[]),
    };
}

fn empty_data(frames: &mut Frames, n: u32) {
    match n {
        0 => frames.headers(1, "/agent-work-orders", &json(), false, true),
        _ => frames.frame(DATA, 0, 1, &[]),
    };
}

fn tiny_data(frames: &mut Frames, n: u32) {
    match n {
        0 => frames.headers(1, "/agent-work-orders", &json(), false, true),
        _ => frames.frame(DATA, 0, 1, b" "),
    };
}

fn padding(frames: &mut Frames, n: u32) {
    let mut padded = vec![255];
    padded.extend([0; 255]);
    match n {
        0 => frames.headers(1, "/agent-work-orders", &json(), false, true),
        _ => frames.frame(DATA, 8, 1, &padded),
    };
}

fn windows(frames: &mut Frames, _: u32) {
    frames.frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]);
}

fn windows_of_nothing(frames: &mut Frames, _: u32) {
    frames.frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 0]);
}

fn priorities(frames: &mut Frames, n: u32) {
    frames.frame(PRIORITY, 0, stream(n), &[0, 0, 0, 0, 16]);
}

fn frames_of_no_kind(frames: &mut Frames, _: u32) {
    frames.frame(0xfa, 0, 0, &[0; 8]);
}

fn resets_of_nothing(frames: &mut Frames, n: u32) {
    frames.frame(RESET, 0, stream(n), &[0, 0, 0, 8]);
}

fn trailers(frames: &mut Frames, n: u32) {
    frames.headers(stream(n), "/agent-work-orders", &json(), false, true);
    frames.frame(HEADERS, 4 | 1, stream(n), b"\x00\x01a\x01b");
}

/// A header that unpacks to thousands of times its size.
fn bombs(frames: &mut Frames, n: u32) {
    let mut block = Vec::new();
    if n == 0 {
        // A field of nearly all that the table takes, to be remembered.
        block.extend([0x40, 1, b'a', 0x7f, 0x81, 0x1e]);
        block.extend([b'x'; 4_000]);
    }
    block.extend([0xbe; 12_000]);
    frames.headers(stream(n), "/health/live", &block, true, true);
}

fn json() -> Vec<u8> {
    [&[0x0f, 0x10, 16], &b"application/json"[..]].concat()
}

/// Floods a connection until it is cut; how many bytes that took.
async fn flood(server: &Server, piece: Piece, reads: bool) -> usize {
    let stream = server.connect_from("127.0.0.2").await;
    let (mut reader, mut writer) = stream.into_split();
    let reading = tokio::spawn(async move {
        let mut buffer = vec![0; 64 * 1024];
        while reads && reader.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
        reader
    });
    let mut frames = Frames::new(&format!("localhost:{}", server.address.port()));
    frames.settings(&[]);
    writer.write_all(&[PREFACE, &frames.take()].concat()).await.unwrap();
    let (mut sent, mut n) = (0, 0);
    while sent < MOST {
        while frames.len() < 16 * 1024 {
            piece(&mut frames, n);
            n += 1;
        }
        let bytes = frames.take();
        if writer.write_all(&bytes).await.is_err() {
            let _reader = reading.await.unwrap();
            return sent;
        }
        sent += bytes.len();
    }
    panic!("{sent} bytes of it were taken");
}

#[rstest]
#[case::rapid_reset(rapid_reset)]
#[case::made_to_reset(made_to_reset)]
#[case::pings(pings)]
#[case::settings(settings)]
#[case::settings_that_are_empty(settings_that_are_empty)]
#[case::continuations(continuations)]
#[case::continuations_that_are_empty(continuations_that_are_empty)]
#[case::empty_data(empty_data)]
#[case::tiny_data(tiny_data)]
#[case::padding(padding)]
#[case::windows(windows)]
#[case::windows_of_nothing(windows_of_nothing)]
#[case::priorities(priorities)]
#[case::frames_of_no_kind(frames_of_no_kind)]
#[case::resets_of_nothing(resets_of_nothing)]
#[case::trailers(trailers)]
#[case::bombs(bombs)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_floods_is_cut_and_others_are_answered(#[case] piece: Piece, #[values(true, false)] reads: bool) {
    let world = World::new();
    let limits = Limits { write_timeout: Duration::from_secs(1), ..Limits::default() };
    let server = server(&world, limits, Duration::from_secs(5)).await;
    let mut client = Client::dial(&server).await;
    assert_eq!(client.get("/health/live").await.0, 200);
    let before = resident();
    let mut flood = std::pin::pin!(flood(&server, piece, reads));
    let sent = loop {
        tokio::select! {
            sent = &mut flood => break sent,
            answer = client.get("/health/live") => assert_eq!(answer.0, 200),
        }
    };
    assert!(resident() < before + MEMORY, "{before} bytes became {} by {sent}", resident());
    assert_eq!(client.get("/health/live").await.0, 200);
}
