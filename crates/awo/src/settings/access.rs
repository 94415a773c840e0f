//! Settings of who may call, and how much of it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use awo_http::{Limits, TrustedProxies};
use serde::Deserialize;

/// Whether callers are asked for keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Auth {
    /// No: the server is out of reach from elsewhere.
    Loopback,
    Key,
}

impl TryFrom<String> for Auth {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "loopback" => Ok(Self::Loopback),
            "key" => Ok(Self::Key),
            _ => Err(format!("auth {word:?} is not one; there are loopback (no keys) and key")),
        }
    }
}

/// Where a server listens for callers from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Bind {
    Address(SocketAddr),
    /// At its socket only.
    Nowhere,
}

impl FromStr for Bind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::Nowhere);
        }
        let wrong = |_| format!("{text:?} is not an address with a port, such as 127.0.0.1:8888, nor none");
        text.parse().map(Self::Address).map_err(wrong)
    }
}

impl TryFrom<String> for Bind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Nowhere => f.write_str("its socket"),
        }
    }
}

/// The table `[tls]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tls {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl Tls {
    /// The files of certificate and key, if TLS is spoken.
    pub(crate) fn files(&self) -> Option<[PathBuf; 2]> {
        Some([self.certificate.clone()?, self.key.clone()?])
    }

    /// Makes the paths absolute; or what is missing.
    pub(super) fn check(&mut self) -> Result<(), String> {
        if self.certificate.is_some() != self.key.is_some() {
            return Err("tls has a certificate and a key, or neither; set both tls.certificate and tls.key".into());
        }
        for path in [&mut self.certificate, &mut self.key].into_iter().flatten() {
            *path = std::path::absolute(&*path).map_err(|error| format!("cannot use a file of tls: {error}"))?;
        }
        Ok(())
    }
}

/// The table `[http]`: what is not set is as the API has it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Http {
    requests_per_minute: Option<u32>,
    failures_per_minute: Option<u32>,
    max_connections: Option<usize>,
    max_connections_per_address: Option<usize>,
    trusted_proxies: Vec<String>,
    max_streams: Option<u32>,
    max_orders_per_key: Option<usize>,
    max_streams_per_key: Option<u32>,
    max_streams_per_order: Option<u32>,
}

impl Http {
    /// Those who are believed when they say for whom they ask; or who cannot be.
    pub(crate) fn proxies(&self) -> Result<TrustedProxies, String> {
        TrustedProxies::new(&self.trusted_proxies).map_err(|error| format!("http.trusted_proxies: {error}"))
    }

    /// As the API is given them; or what cannot be used.
    pub(crate) fn limits(&self) -> Result<Limits, String> {
        let usual = Limits::default();
        let limits = Limits {
            requests_per_minute: self.requests_per_minute.unwrap_or(usual.requests_per_minute),
            failures_per_minute: self.failures_per_minute.unwrap_or(usual.failures_per_minute),
            max_connections: self.max_connections.unwrap_or(usual.max_connections),
            max_connections_per_address: self.max_connections_per_address.unwrap_or(usual.max_connections_per_address),
            max_streams: self.max_streams.unwrap_or(usual.max_streams),
            max_orders_per_key: self.max_orders_per_key.unwrap_or(usual.max_orders_per_key),
            max_streams_per_key: self.max_streams_per_key.unwrap_or(usual.max_streams_per_key),
            max_streams_per_order: self.max_streams_per_order.unwrap_or(usual.max_streams_per_order),
            ..usual
        };
        let rates = limits.requests_per_minute.min(limits.failures_per_minute);
        let counts = [limits.max_connections, limits.max_connections_per_address, limits.max_orders_per_key];
        if rates == 0 || counts.contains(&0) {
            return Err("the limits of [http] are at least 1; leave one out for the usual".into());
        }
        let of_one = limits.max_connections_per_address.min(limits.max_connections / 2);
        if of_one <= limits.max_streams as usize {
            return Err(format!(
                "http.max_streams is {}, and one address may have {of_one} connections: it must have more connections than \
                 there are streams, or it could ask nothing beside them; raise http.max_connections_per_address, and \
                 http.max_connections to twice as many",
                limits.max_streams
            ));
        }
        Ok(limits)
    }
}
