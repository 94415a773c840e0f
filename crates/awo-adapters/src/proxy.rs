//! The proxy that leads out of walls without a network: to the hosts that are allowed, and nowhere else.
//!
//! *Invariant*: a host is read once, to a typed value. That value is judged, all that it resolves to is judged, and what
//! was judged is what is dialled.
//! *Bounded*: connections at once, the size and time of a head, and the time without a byte; of what passes, no more than
//! a buffer is held.
//! *Not promised*: what is said within a connection is not looked at, nor the name that its TLS asks for. A host that is
//! allowed can be told anything.

mod allowed;
mod connection;
mod reach;
mod refusals;
mod requests;
mod target;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener as Listener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use awo_models::Failure;
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

pub use allowed::{AllowedHosts, AllowedHostsError};

pub(crate) use reach::Outward;

use crate::walls::Account;
use connection::{Bounds, serve};
use refusals::Refusals;

/// Name of the socket in its directory.
const SOCKET: &str = "proxy";

/// The way out of one execution. It ends, with all connections, when this is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    socket: PathBuf,
    refusals: Arc<Refusals>,
    serving: JoinHandle<()>,
}

impl Proxy {
    /// Opens a socket in a directory that nobody else can enter, for the account that programs run as.
    pub(crate) async fn open(directory: &Path, account: Option<Account>, outward: Outward) -> io::Result<Self> {
        let place = directory.to_owned();
        let listener = tokio::task::spawn_blocking(move || bind(&place, account)).await??;
        let listener = UnixListener::from_std(listener)?;
        let refusals = Arc::new(Refusals::default());
        let serving = tokio::spawn(serve(listener, outward, Arc::clone(&refusals), Bounds::default()));
        Ok(Self { socket: directory.join(SOCKET), refusals, serving })
    }

    /// Where its socket is.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// What it did not let through so far, told to a person.
    pub(crate) fn refused(&self) -> Vec<Failure> {
        self.refusals.told()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The variables by which programs find the proxy at an address, in both spellings that there are. Their own loopback is not
/// behind it, unless it is a host that they may reach out there.
pub(crate) fn variables(address: &str, allowed: &AllowedHosts) -> Vec<(String, String)> {
    let own = ["localhost", "127.0.0.1", "::1"].into_iter().filter(|host| !allowed.names(host));
    let own = own.collect::<Vec<_>>().join(",");
    let found = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].map(|name| (name, address));
    let both = |(name, value): (&str, &str)| {
        [(name.to_owned(), value.to_owned()), (name.to_ascii_lowercase(), value.to_owned())]
    };
    found.into_iter().chain([("NO_PROXY", &*own)]).flat_map(both).collect()
}

fn bind(directory: &Path, account: Option<Account>) -> io::Result<Listener> {
    // The address of a socket has 108 bytes; the path of a directory may have more.
    let opened = fs::File::open(directory)?;
    let listener = Listener::bind(format!("/proc/self/fd/{}/{SOCKET}", opened.as_raw_fd()))?;
    let socket = directory.join(SOCKET);
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o600))?;
    account.map_or(Ok(()), |account| account.take(&socket))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
