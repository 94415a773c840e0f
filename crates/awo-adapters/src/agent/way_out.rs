//! Owns an execution's way to the network: which hosts it may reach, and how it finds the proxy that leads there.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use awo_models::{Failure, Network};

use super::{ProgramAgent, environment};
use crate::AllowedHosts;
use crate::proxy::{Outward, Proxy, variables};
use crate::walls::{Account, PROXY, Reach};

/// What an execution has of the network.
#[derive(Debug)]
pub(super) enum WayOut {
    Nothing,
    Proxy(Proxy, AllowedHosts),
    Everything,
}

impl ProgramAgent {
    /// Opens the way, in a directory that only awo can enter.
    pub(super) async fn way_out(
        &self,
        network: Network,
        directory: &Path,
        account: Option<Account>,
    ) -> io::Result<WayOut> {
        Ok(match network {
            Network::Proxy => {
                let allowed = self.allowed_hosts()?;
                WayOut::Proxy(Proxy::open(directory, account, Outward::new(allowed.clone())).await?, allowed)
            }
            Network::Off => WayOut::Nothing,
            _ => WayOut::Everything,
        })
    }

    /// What the program needs itself, and what the operator adds.
    fn allowed_hosts(&self) -> io::Result<AllowedHosts> {
        let facts = self.driver.facts();
        let own = AllowedHosts::public(&facts.hosts).map_err(io::Error::other)?;
        let services =
            facts.services.iter().filter_map(|name| environment::value(&self.config.passed_env, name)?.to_str());
        Ok(services.map(AllowedHosts::of_service).fold(own.and(self.config.allowed_hosts.clone()), AllowedHosts::and))
    }
}

impl WayOut {
    /// What is set so that programs find it, over what was passed on.
    pub(super) fn variables(&self) -> Vec<(OsString, OsString)> {
        let Self::Proxy(_, allowed) = self else { return Vec::new() };
        let variables = variables(&format!("http://{PROXY}"), allowed);
        variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    pub(super) fn reach(&self) -> Reach {
        match self {
            Self::Nothing => Reach::Nothing,
            Self::Proxy(proxy, _) => Reach::Proxy(proxy.socket().to_owned()),
            Self::Everything => Reach::Everything,
        }
    }

    /// What was not let through, told to a person.
    pub(super) fn refused(&self) -> Vec<Failure> {
        match self {
            Self::Proxy(proxy, _) => proxy.refused(),
            Self::Nothing | Self::Everything => Vec::new(),
        }
    }
}
