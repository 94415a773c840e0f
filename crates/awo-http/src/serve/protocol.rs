//! Which version of HTTP a client speaks, and how far it may go in it.
//!
//! A client that knows HTTP/2 is known by its first bytes, with TLS and without; all else is HTTP/1.1. Neither library has a limit
//! on the time that those bytes take, on floods of frames that ask for nothing, and on answers that nobody takes: those are
//! here and in `conduct.rs`.

use std::convert::Infallible;
use std::future::pending;
use std::io::{self, Cursor};
use std::pin::{Pin, pin};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::HttpService;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, join, split};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::conduct::{Bounds, Conduct, Over};
use super::exchange::Answer;
use super::wire::Wire;
use crate::api::Limits;

/// What a client that speaks HTTP/2 says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of a request's header: over HTTP/1.1 what is read of it at once, over HTTP/2 what it is when unpacked, where many
/// may come at once.
const HEADER_BYTES: usize = 64 * 1024;
const UNPACKED_HEADER_BYTES: u32 = 16 * 1024;

/// Requests at once on a connection of HTTP/2.
const REQUESTS: u32 = 64;
/// Bytes of bodies that may come before they are read: of a request, and of a connection. Less than a client's credit.
const WINDOW: u32 = 64 * 1024;
const WINDOW_IN_ALL: u32 = 256 * 1024;
/// Bytes of answers that a connection of HTTP/2 keeps until they can be sent.
const SENT_AHEAD: usize = 64 * 1024;
/// Requests that a client may take back before anybody has looked at them, and its mistakes, until it is told to go.
const RESETS: usize = 20;
const MISTAKES: usize = 64;

/// How long a connection may take for its last words, once it was told to end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves the requests of a connection until it ends, or breaks what is expected of it. When `closing` fires no further request is
/// taken; answers that are under way may end.
pub(super) async fn converse<S>(wire: Wire, service: S, conduct: Conduct, limits: &Limits, closing: CancellationToken)
where
    S: HttpService<Incoming, ResBody = Answer, Error = Infallible, Future: Send + 'static> + Send + 'static,
{
    let (mut reader, writer) = split(wire);
    let begun = tokio::select! {
        begun = tokio::time::timeout(limits.header_timeout, begin(&mut reader)) => begun,
        () = closing.cancelled() => return,
    };
    let Ok(Ok((version, read))) = begun else {
        debug!(timed_out = begun.is_err(), "connection_ended: nothing was asked");
        return;
    };
    let io = TokioIo::new(join(Cursor::new(read).chain(reader), writer));
    match version {
        Version::One => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.header_timeout)
                .max_buf_size(HEADER_BYTES)
                .serve_connection(io, service)
                .with_upgrades();
            // Its silence has a limit there, and an answer that is not taken waits to be written.
            let end = http1::UpgradeableConnection::graceful_shutdown;
            drive(connection, end, pending(), pending(), closing).await;
        }
        Version::Two => {
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(REQUESTS)
                .max_header_list_size(UNPACKED_HEADER_BYTES)
                .initial_stream_window_size(WINDOW)
                .initial_connection_window_size(WINDOW_IN_ALL)
                .max_send_buf_size(SENT_AHEAD)
                .max_pending_accept_reset_streams(RESETS)
                .max_local_error_reset_streams(MISTAKES)
                .keep_alive_interval(limits.header_timeout)
                .keep_alive_timeout(limits.header_timeout)
                .serve_connection(io, service);
            let usual = Bounds { quiet: limits.header_timeout, untaken: limits.write_timeout };
            let last = Bounds { quiet: LAST_WORDS, untaken: LAST_WORDS };
            let end = http2::Connection::graceful_shutdown;
            drive(connection, end, conduct.over(usual), conduct.over(last), closing).await;
        }
    }
}

/// Drives a connection to its end. It is told to `end` when `over` is ready or `closing` fires, and left when `late` is, too.
async fn drive<C: Future<Output = Result<(), hyper::Error>>>(
    connection: C,
    end: impl FnOnce(Pin<&mut C>),
    over: impl Future<Output = Over>,
    late: impl Future<Output = Over>,
    closing: CancellationToken,
) {
    let mut connection = pin!(connection);
    let reason = tokio::select! {
        biased;
        ended = connection.as_mut() => return tell(ended),
        over = over => Some(over),
        () = closing.cancelled() => None,
    };
    if reason == Some(Over::Untaken) {
        debug!("connection_cut: an answer was not taken");
        return;
    }
    end(connection.as_mut());
    tokio::select! {
        biased;
        ended = connection => tell(ended),
        late = late => debug!(?reason, ?late, "connection_cut"),
    }
}

fn tell(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        debug!(%error, "connection_ended");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// Reads until it is known which version is spoken; what was read for that.
async fn begin(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<(Version, Vec<u8>)> {
    let mut read = Vec::with_capacity(PREFACE.len());
    while read.len() < PREFACE.len() {
        let rest = (PREFACE.len() - read.len()) as u64;
        if (&mut *reader).take(rest).read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !PREFACE.starts_with(&read) {
            return Ok((Version::One, read));
        }
    }
    Ok((Version::Two, read))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_bytes_tell_the_version_however_they_come() {
        let told = async |pieces: &[&[u8]]| {
            let mut reader = reader_of(pieces);
            begin(&mut reader).await.map(|(version, read)| (version, read.len())).ok()
        };
        assert_eq!(told(&[PREFACE]).await, Some((Version::Two, 24)));
        assert_eq!(told(&[b"P", b"RI * HTTP/2.0\r\n", b"\r\nSM\r\n\r\nmore"]).await, Some((Version::Two, 24)));
        assert_eq!(told(&[b"GET / HTTP/1.1\r\n"]).await, Some((Version::One, 16)));
        assert_eq!(told(&[b"P", b"OST / HTTP/1.1\r\nHost: a\r\n\r\n"]).await, Some((Version::One, 24)));
        assert_eq!(told(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", b"x"]).await, Some((Version::One, 24)));
        assert_eq!(told(&[b"PRI * HT"]).await, None);
        assert_eq!(told(&[]).await, None);
    }

    /// Gives one piece at a time.
    fn reader_of(pieces: &[&[u8]]) -> impl AsyncRead + Unpin {
        let empty: Box<dyn AsyncRead + Unpin> = Box::new(tokio::io::empty());
        pieces.iter().rev().fold(empty, |rest, piece| Box::new(Cursor::new(piece.to_vec()).chain(rest)))
    }
}
