//! Owns the look-up of the network addresses of a name.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;

/// How long an answer about a name may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Finds the network addresses of a host.
#[async_trait]
pub trait NameLookup: Debug + Send + Sync {
    /// All addresses of a name, each time anew; an error if there are none.
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// Asks the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemNames;

#[async_trait]
impl NameLookup for SystemNames {
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut addresses: Vec<IpAddr> =
            tokio::net::lookup_host((host, 0)).await?.map(|it: SocketAddr| it.ip()).collect();
        addresses.dedup();
        Ok(addresses)
    }
}

/// The addresses of a name, at least one; an error also if there is no answer in time.
pub(crate) async fn look_up(names: &dyn NameLookup, host: &str) -> io::Result<Vec<IpAddr>> {
    let late = |_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
    let addresses = tokio::time::timeout(PATIENCE, names.addresses(host)).await.unwrap_or_else(late)?;
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it has none"));
    }
    Ok(addresses)
}
