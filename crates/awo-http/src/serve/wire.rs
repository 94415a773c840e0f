//! The bytes of a connection: counted as they come, bounded in patience as they go, and the place of the connection with
//! them, which whoever has the bytes keeps, also when the connection becomes a WebSocket.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::conduct::Conduct;
use super::patience::Patient;
use super::places::Place;
use crate::figures::Present;

/// A stream of bytes, of whatever kind.
pub(super) trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Bytes for S {}

/// The bytes of a connection.
pub(super) struct Wire {
    inner: Patient<Box<dyn Bytes>>,
    conduct: Conduct,
    _place: Arc<Place>,
    _counted: Present,
}

impl Wire {
    pub(super) fn new(inner: Patient<Box<dyn Bytes>>, conduct: Conduct, place: Arc<Place>, counted: Present) -> Self {
        Self { inner, conduct, _place: place, _counted: counted }
    }

    fn attempted(&self, attempt: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &attempt {
            Poll::Ready(Ok(bytes)) => self.conduct.written(Some(*bytes)),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.conduct.written(None),
        }
        attempt
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        if self.conduct.read(buf.filled().len() - before) {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(Err(io::Error::other("too much was sent that is neither a request nor the body of one")))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.attempted(attempt)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.attempted(attempt)
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
