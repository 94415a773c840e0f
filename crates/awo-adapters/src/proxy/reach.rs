//! Decides whether a target may be reached, and reaches it.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::TcpStream;

use super::allowed::{AllowedHosts, Scope};
use super::target::Target;
use crate::address::{is_public, look_up};
use crate::{NameLookup, SystemNames};

/// How long a server may take to answer at one of its addresses.
const PATIENCE: Duration = Duration::from_secs(10);
/// Addresses of a host that are tried.
const MOST: usize = 8;

/// Connects to an address, as it is.
#[async_trait]
pub(super) trait Dial: Debug + Send + Sync {
    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream>;
}

#[derive(Debug)]
struct SystemDial;

#[async_trait]
impl Dial for SystemDial {
    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address).await
    }
}

/// The way to the hosts that are allowed.
#[derive(Debug, Clone)]
pub(crate) struct Outward {
    pub(super) allowed: AllowedHosts,
    pub(super) names: Arc<dyn NameLookup>,
    pub(super) dial: Arc<dyn Dial>,
}

/// Why a target was not reached.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreached {
    #[error("it is not an allowed host; if the work needs it, name it in network.allowed_hosts")]
    NotAllowed,
    #[error(
        "it leads to {0}, which is not of the public internet; if it may be reached all the same, name it in \
         network.trusted_hosts"
    )]
    NotPublic(IpAddr),
    #[error("its address cannot be found: {0}")]
    Unknown(io::Error),
    #[error("it cannot be connected to: {0}")]
    Silent(io::Error),
}

impl Unreached {
    /// Whether it may not be reached, and not only cannot.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self, Self::NotAllowed | Self::NotPublic(_))
    }
}

impl Outward {
    pub(crate) fn new(allowed: AllowedHosts) -> Self {
        Self { allowed, names: Arc::new(SystemNames), dial: Arc::new(SystemDial) }
    }

    /// Connects to a target, if that may be.
    pub(super) async fn reach(&self, target: &Target) -> Result<TcpStream, Unreached> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in self.judged(target).await?.into_iter().take(MOST) {
            let late = |_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
            match tokio::time::timeout(PATIENCE, self.dial.dial(address)).await.unwrap_or_else(late) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(Unreached::Silent(last))
    }

    /// The addresses of a target, all of which may be dialled. Nothing is looked up for one that is not allowed: the
    /// question alone would carry words out.
    async fn judged(&self, target: &Target) -> Result<Vec<SocketAddr>, Unreached> {
        let scope = self.allowed.scope(target).ok_or(Unreached::NotAllowed)?;
        let addresses = match target.literal() {
            Some(address) => vec![address],
            None => look_up(&*self.names, target.host()).await.map_err(Unreached::Unknown)?,
        };
        let inside = addresses.iter().find(|address| !is_public(**address)).filter(|_| scope == Scope::Public);
        match inside {
            Some(address) => Err(Unreached::NotPublic(*address)),
            None => Ok(addresses.into_iter().map(|address| SocketAddr::new(address, target.port())).collect()),
        }
    }
}
