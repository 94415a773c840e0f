//! Owns the connections to the proxy: how many there are, how long they last, and what is carried through a tunnel.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::reach::Outward;
use super::refusals::Refusals;
use super::requests::Requests;

/// Time before a listener that failed is asked again: most likely there are too many open files.
const PAUSE: Duration = Duration::from_millis(200);

/// What the connections of one execution may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Connections at once; others wait.
    pub(super) connections: usize,
    /// Bytes of a head.
    pub(super) head_bytes: usize,
    /// Time for a head, and between two requests.
    pub(super) head_time: Duration,
    /// Time without a byte from either end. A model may think for long.
    pub(super) idle: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 128,
            head_bytes: 16 * 1024,
            head_time: Duration::from_secs(30),
            idle: Duration::from_mins(30),
        }
    }
}

/// Serves a socket until this is dropped, and all connections with it.
pub(super) async fn serve(listener: UnixListener, outward: Outward, refusals: Arc<Refusals>, bounds: Bounds) {
    let places = Arc::new(Semaphore::new(bounds.connections));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let (outward, refusals) = (outward.clone(), Arc::clone(&refusals));
                connections.spawn(async move {
                    attend(stream, outward, refusals, bounds).await;
                    drop(place);
                });
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// Answers what is asked on a connection, until either end leaves or both are silent for too long.
async fn attend(stream: UnixStream, outward: Outward, refusals: Arc<Refusals>, bounds: Bounds) {
    let activity = Activity::new();
    let requests = Requests::new(outward, refusals, activity.clone());
    let stream = Observed::new(stream, activity.clone());
    tokio::select! {
        // Either may leave in the middle of a word, which says nothing about the other.
        _ = converse(stream, &requests, bounds) => {}
        () = activity.ceases(bounds.idle) => {}
    }
}

async fn converse(
    stream: Observed<UnixStream>,
    requests: &Requests,
    bounds: Bounds,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let answer = service_fn(async |request| Ok::<_, Infallible>(requests.answer(request).await));
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(bounds.head_time).max_buf_size(bounds.head_bytes);
    server.serve_connection(TokioIo::new(stream), answer).with_upgrades().await?;
    if let Some((upgrade, mut outside)) = requests.take_tunnel() {
        let mut inside = TokioIo::new(upgrade.await?);
        copy_bidirectional(&mut inside, &mut outside).await?;
    }
    Ok(())
}

/// When bytes last came from either end of a connection.
#[derive(Debug, Clone)]
pub(super) struct Activity(Arc<Mutex<Instant>>);

impl Activity {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Ends when there was none for so long.
    async fn ceases(&self, idle: Duration) {
        loop {
            let end = self.last() + idle;
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }
}

/// A stream of which it is known when bytes came.
#[derive(Debug)]
pub(super) struct Observed<T> {
    stream: T,
    activity: Activity,
}

impl<T> Observed<T> {
    pub(super) fn new(stream: T, activity: Activity) -> Self {
        Self { stream, activity }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Observed<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_ready() {
            self.activity.note();
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Observed<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
