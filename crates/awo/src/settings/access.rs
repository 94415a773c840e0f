//! Settings of who may call, and how much of it.

use awo_http::Limits;
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

/// The table `[http]`: what is not set is as the API has it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Http {
    requests_per_minute: Option<u32>,
    failures_per_minute: Option<u32>,
    max_connections: Option<usize>,
    max_streams: Option<u32>,
    max_orders_per_key: Option<usize>,
    max_streams_per_key: Option<u32>,
    max_streams_per_order: Option<u32>,
}

impl Http {
    /// As the API is given them; or what cannot be used.
    pub(crate) fn limits(&self) -> Result<Limits, String> {
        let usual = Limits::default();
        let limits = Limits {
            requests_per_minute: self.requests_per_minute.unwrap_or(usual.requests_per_minute),
            failures_per_minute: self.failures_per_minute.unwrap_or(usual.failures_per_minute),
            max_connections: self.max_connections.unwrap_or(usual.max_connections),
            max_streams: self.max_streams.unwrap_or(usual.max_streams),
            max_orders_per_key: self.max_orders_per_key.unwrap_or(usual.max_orders_per_key),
            max_streams_per_key: self.max_streams_per_key.unwrap_or(usual.max_streams_per_key),
            max_streams_per_order: self.max_streams_per_order.unwrap_or(usual.max_streams_per_order),
            ..usual
        };
        let rates = limits.requests_per_minute.min(limits.failures_per_minute);
        if rates == 0 || limits.max_orders_per_key == 0 || limits.max_connections == 0 {
            return Err("the limits of [http] are at least 1; leave one out for the usual".into());
        }
        if limits.max_connections <= limits.max_streams as usize {
            let Limits { max_connections, max_streams, .. } = limits;
            return Err(format!(
                "http.max_streams is {max_streams}, and http.max_connections is {max_connections}: there must be more \
                 connections than streams, or nobody could ask anything beside them"
            ));
        }
        Ok(limits)
    }
}
