//! The settings of the network of orders: what they have of it, and which hosts awo's proxy leads to.

use awo_adapters::{AllowedHosts, AllowedHostsError};
use awo_models::Network as Kind;
use serde::Deserialize;

/// The table `[network]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Network {
    /// What orders get that leave it to awo.
    pub(crate) default: Preferred,
    /// Hosts that every agent may reach through awo's proxy.
    allowed_hosts: PublicHosts,
    /// The same of hosts that may lie outside the public internet.
    trusted_hosts: TrustedHosts,
}

/// What an order has of the network, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Preferred(pub(crate) Kind);

/// Hosts that are reached where they are of the public internet.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(crate) struct PublicHosts(AllowedHosts);

/// Hosts that are reached wherever they are.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "Vec<String>")]
struct TrustedHosts(AllowedHosts);

impl Network {
    /// The hosts that an agent may reach beside those of its own service.
    pub(crate) fn hosts(&self, of_agent: &PublicHosts) -> AllowedHosts {
        let all = self.allowed_hosts.0.clone().and(self.trusted_hosts.0.clone());
        all.and(of_agent.0.clone())
    }
}

impl Default for Preferred {
    fn default() -> Self {
        Self(Kind::Auto)
    }
}

impl TryFrom<String> for Preferred {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        let kinds = [Kind::Auto, Kind::Proxy, Kind::Off, Kind::Host];
        let found = kinds.into_iter().find(|kind| kind.as_str() == word);
        let names = || kinds.map(Kind::as_str).join(", ");
        found.map(Self).ok_or_else(|| format!("{word:?} is not a network that there is; there are {}", names()))
    }
}

impl TryFrom<Vec<String>> for PublicHosts {
    type Error = AllowedHostsError;

    fn try_from(texts: Vec<String>) -> Result<Self, AllowedHostsError> {
        AllowedHosts::public(texts).map(Self)
    }
}

impl TryFrom<Vec<String>> for TrustedHosts {
    type Error = AllowedHostsError;

    fn try_from(texts: Vec<String>) -> Result<Self, AllowedHostsError> {
        AllowedHosts::trusted(texts).map(Self)
    }
}
