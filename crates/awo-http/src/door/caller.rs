//! Who calls, as the handlers see it; and where a request came in.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio_util::sync::CancellationToken;

use crate::keys::Holder;

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// Whoever reaches the server: it asks for no keys, or the route is open.
    Anybody,
    /// Somebody with a key.
    Holder(Holder),
}

impl Caller {
    pub(crate) fn key(&self) -> Option<&Arc<str>> {
        match self {
            Self::Anybody => None,
            Self::Holder(holder) => Some(&holder.key),
        }
    }

    /// Fires when the caller may have nothing open any more.
    pub(crate) fn ended(&self) -> CancellationToken {
        match self {
            Self::Anybody => CancellationToken::new(),
            Self::Holder(holder) => holder.ended.clone(),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or(Self::Anybody))
    }
}

/// The two ends of a connection, as far as it is known what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    /// Who calls; nobody knows the address of a caller on a socket of this machine.
    pub(crate) client: Option<IpAddr>,
    /// Where it came in; `None` is a socket of this machine.
    pub(crate) server: Option<SocketAddr>,
    /// Whether nobody between them can read along.
    pub(crate) secure: bool,
}

impl Ends {
    pub(crate) fn new(client: SocketAddr, server: SocketAddr) -> Self {
        let server = SocketAddr::new(server.ip().to_canonical(), server.port());
        Self { client: Some(client.ip().to_canonical()), server: Some(server), secure: false }
    }

    /// Those of a socket of this machine.
    pub(crate) fn local() -> Self {
        Self { client: None, server: None, secure: false }
    }

    /// The address that counts for what one caller may.
    pub(crate) fn neighbourhood(self) -> Option<IpAddr> {
        self.client.map(neighbourhood)
    }
}

/// Whoever has one address of the newer kind has as many as it likes beside it.
pub(crate) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}
