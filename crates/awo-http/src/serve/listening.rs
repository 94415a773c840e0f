//! Where a server listens: ports, and sockets of this machine.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::tls::Tls;
use super::wire::Bytes;
use crate::door::Ends;

/// Something that a [`Server`](super::Server) accepts connections from.
#[derive(Debug)]
pub struct Listener(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self(Kind::Tcp(listener))
    }
}

/// Whoever can open the socket counts as the account that made it: give it a mode that lets nobody else in.
impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self(Kind::Unix(listener))
    }
}

impl Listener {
    /// The address of a port.
    pub(super) fn address(&self) -> io::Result<Option<SocketAddr>> {
        match &self.0 {
            Kind::Tcp(listener) => listener.local_addr().map(Some),
            Kind::Unix(_) => Ok(None),
        }
    }

    /// The next connection. Nothing is lost when this is dropped.
    pub(super) async fn accept(&self) -> io::Result<(Link, Ends)> {
        match &self.0 {
            Kind::Tcp(listener) => {
                let (stream, client) = listener.accept().await?;
                let _ = stream.set_nodelay(true);
                let ends = Ends::new(client, stream.local_addr()?);
                Ok((Link::Tcp(stream), ends))
            }
            Kind::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Link::Unix(stream), Ends::local()))
            }
        }
    }
}

/// A connection that was accepted.
#[derive(Debug)]
pub(super) enum Link {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Link {
    /// Says as much of this as the other end takes at once, and closes.
    pub(super) fn dismiss(self, text: &[u8]) {
        let _ = match &self {
            Self::Tcp(stream) => stream.try_write(text),
            Self::Unix(stream) => stream.try_write(text),
        };
    }

    /// The bytes that are spoken on it: those within TLS where there is TLS, which takes a while then. A socket of this
    /// machine has none.
    pub(super) async fn into_bytes(self, tls: Option<Tls>) -> io::Result<Box<dyn Bytes>> {
        Ok(match (self, tls) {
            (Self::Tcp(stream), None) => Box::new(stream),
            (Self::Tcp(stream), Some(tls)) => Box::new(tls.begin(stream).await?),
            (Self::Unix(stream), _) => Box::new(stream),
        })
    }
}

/// Whether accepting failed because the client went away.
pub(super) fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, NotConnected};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | NotConnected)
}
