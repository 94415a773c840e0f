//! A connection whose other end must take something of what is sent to it, now and then.
//!
//! Without this a client that does not read would hold its place, and whatever is half sent, for ever.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::CancellationToken;

/// Patience when the server closes: what a reader takes that long for is not taken.
const CLOSING: Duration = Duration::from_secs(1);

/// A stream of bytes that fails when nothing of it is taken for too long.
#[derive(Debug)]
pub(super) struct Patient<S> {
    inner: S,
    patience: Duration,
    closing: CancellationToken,
    /// When patience ends, while something waits to be taken.
    ends: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(super) fn new(inner: S, patience: Duration, closing: CancellationToken) -> Self {
        Self { inner, patience, closing, ends: None }
    }

    /// What came of an attempt to write.
    fn attempted<T>(&mut self, cx: &mut Context<'_>, attempt: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if attempt.is_ready() {
            self.ends = None;
            return attempt;
        }
        let ends = self.ends.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        let soon = Instant::now() + CLOSING;
        if self.closing.is_cancelled() && ends.deadline() > soon {
            ends.as_mut().reset(soon);
        }
        ready!(ends.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "nothing of what was sent has been taken for too long",
        )))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.attempted(cx, attempt)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.attempted(cx, attempt)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_given_up_and_who_takes_a_little_is_not() {
        let (near, mut far) = duplex(8);
        let mut near = Patient::new(near, PATIENCE, CancellationToken::new());
        let begun = Instant::now();
        let slow = tokio::spawn(async move {
            for _ in 0..4 {
                tokio::time::sleep(PATIENCE * 29 / 30).await;
                far.read_exact(&mut [0; 8]).await.unwrap();
            }
            far
        });
        near.write_all(&[0; 40]).await.unwrap();
        let _far = slow.await.unwrap();
        assert!(begun.elapsed() > 3 * PATIENCE, "it was waited for");
        let begun = Instant::now();
        let failed = near.write_all(&[0; 9]).await.unwrap_err();
        assert_eq!((failed.kind(), begun.elapsed()), (io::ErrorKind::TimedOut, PATIENCE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_closes_is_less_patient() {
        let (near, _far) = duplex(8);
        let closing = CancellationToken::new();
        let mut near = Patient::new(near, PATIENCE, closing.clone());
        near.write_all(&[0; 8]).await.unwrap();
        closing.cancel();
        let begun = Instant::now();
        near.write_all(&[0; 8]).await.unwrap_err();
        assert_eq!(begun.elapsed(), CLOSING);
    }
}
