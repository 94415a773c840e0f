//! Settings of git on the host: who commits, and which hosts are used.

use std::num::NonZeroU32;

use awo_adapters::{Hosts, HostsError};
use serde::Deserialize;

use super::github::Github;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Git {
    pub(crate) author_name: String,
    pub(crate) author_email: String,
    /// How many commits of a branch are fetched.
    pub(crate) depth: Option<NonZeroU32>,
    pub(crate) redirect: Vec<Redirect>,
    /// Whether repositories may be paths of this machine; if not set, where nobody from elsewhere can call.
    pub(crate) allow_local: Option<bool>,
    /// Hosts that repositories may be on; any, if none is listed.
    allowed_hosts: Vec<String>,
    /// Hosts that may lie outside the public internet.
    trusted_hosts: Vec<String>,
}

impl Default for Git {
    fn default() -> Self {
        Self {
            author_name: "awo".into(),
            author_email: "awo@localhost".into(),
            depth: None,
            redirect: Vec::new(),
            allow_local: None,
            allowed_hosts: Vec::new(),
            trusted_hosts: Vec::new(),
        }
    }
}

/// Host-side git uses `to` where an address begins with `from`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redirect {
    pub(crate) from: String,
    pub(crate) to: String,
}

/// Hosts of repositories.
#[derive(Debug)]
pub(crate) struct RepositoryHosts {
    pub(crate) allowed: Hosts,
    pub(crate) trusted: Hosts,
}

impl Git {
    /// The hosts of repositories, or what is wrong with them. The operator's own server may be anywhere.
    pub(crate) fn hosts(&self, github: &Github) -> Result<RepositoryHosts, String> {
        let told = |key: &'static str| move |error: HostsError| format!("{key}: {error}");
        let own = Some(github.name()).filter(|name| !name.eq_ignore_ascii_case("github.com"));
        let trusted = self.trusted_hosts.iter().map(String::as_str).chain(own);
        Ok(RepositoryHosts {
            allowed: Hosts::new(&self.allowed_hosts).map_err(told("git.allowed_hosts"))?,
            trusted: Hosts::new(trusted).map_err(told("git.trusted_hosts"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_of_ones_own_is_trusted_and_github_is_not() {
        let trusted = |host: &str| {
            let github = Github { host: host.into(), ..Github::default() };
            Git::default().hosts(&github).unwrap().trusted
        };
        assert!(trusted("GitHub.com").is_empty());
        assert!(trusted("git.corp.example:8443").contains("git.corp.example"));
    }
}
