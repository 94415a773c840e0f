//! Owns the reading of what a program wants to reach.

use std::fmt;
use std::net::IpAddr;

use crate::address::{literal, spelled};

/// A host in its one spelling, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    host: String,
    port: u16,
}

impl Target {
    /// Reads `host:port`, or a host alone where there is a usual port. `None` for all else: user info, zones, numbers that
    /// some programs take for addresses, names that are not plain.
    pub(super) fn parse(authority: &str, usual: Option<u16>) -> Option<Self> {
        let (host, port) = match authority.rsplit_once(':') {
            // Of an address in brackets, the colon may be one of its own.
            Some((host, port)) if !port.ends_with(']') => (host, port_of(port)?),
            _ => (authority, usual?),
        };
        Some(Self { host: spelled(host)?, port })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The address that it is written as; `None` if it has a name.
    pub(super) fn literal(&self) -> Option<IpAddr> {
        literal(&self.host)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A port in its one spelling.
pub(super) fn port_of(text: &str) -> Option<u16> {
    let port: u16 = text.parse().ok().filter(|port| *port != 0)?;
    (port.to_string() == text).then_some(port)
}
