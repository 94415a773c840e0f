//! Repository addresses: the one place that decides which texts may reach git as a remote.

mod hosts;
mod names;
mod network;
mod parse;
mod redirects;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;

pub use hosts::{Hosts, HostsError};
pub use names::{NameLookup, SystemNames};
pub use redirects::{Redirect, Redirects};

pub(crate) use hosts::spelled;
pub(crate) use names::look_up;
#[cfg(feature = "webhooks")]
pub(crate) use network::is_private_text;
pub(crate) use network::{is_public, literal};

/// Longest address that is looked at, in bytes.
pub(crate) const MAX_LENGTH: usize = 2048;

/// A repository address that git may be given.
///
/// Its `Display` is the spelling that git gets: it never begins with a dash and holds neither control characters nor
/// secrets.
///
/// ```
/// use awo_adapters::{AddressPolicy, RepositoryAddress};
/// let address = RepositoryAddress::parse("git@github.com:owner/my.repo.git", &AddressPolicy::default()).unwrap();
/// assert_eq!(address.github(), Some(("owner", "my.repo")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RepositoryAddress {
    /// Over https, without user info.
    Https {
        /// Name or address of the host, in lower case.
        host: String,
        /// Port, if not the usual one.
        port: Option<u16>,
        /// Path without the slash at its beginning and end.
        path: String,
    },
    /// Over ssh; the scp form (`git@host:path`) too.
    Ssh {
        /// Account on the host.
        user: Option<String>,
        /// Name or address of the host, in lower case.
        host: String,
        /// Port, if not the usual one.
        port: Option<u16>,
        /// Path: absolute if it begins with a slash, else relative to the account's home.
        path: String,
    },
    /// A directory of this machine, as an absolute path.
    Local(PathBuf),
}

/// Which addresses callers may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Whether directories of this machine may be used.
    pub allow_local: bool,
    /// Schemes that may be used.
    pub schemes: Vec<Scheme>,
    /// Hosts that may be used; any, if none is listed.
    pub hosts: Hosts,
    /// Hosts that may lie outside the public internet.
    pub trusted_hosts: Hosts,
}

impl Default for AddressPolicy {
    /// https and ssh on the public internet; nothing local.
    fn default() -> Self {
        Self {
            allow_local: false,
            schemes: vec![Scheme::Https, Scheme::Ssh],
            hosts: Hosts::default(),
            trusted_hosts: Hosts::default(),
        }
    }
}

/// Scheme of a remote address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `https://…`
    Https,
    /// `ssh://…` and `user@host:path`
    Ssh,
}

/// The text cannot be used as a repository address. Holds no secrets of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use repository address {address:?}: {reason}")]
pub struct AddressError {
    /// The address with everything taken out that may be secret.
    address: String,
    reason: String,
}

impl AddressError {
    fn new(text: &str, reason: impl Into<String>) -> Self {
        Self { address: redacted(text), reason: reason.into() }
    }
}

impl RepositoryAddress {
    /// Reads an address. Text only: no name is resolved and no file looked at.
    pub fn parse(text: &str, policy: &AddressPolicy) -> Result<Self, AddressError> {
        parse::parse(text, policy)
    }

    /// The host, and the port that is dialled; `None` for a directory.
    pub(crate) fn host(&self) -> Option<(&str, u16)> {
        match self {
            Self::Https { host, port, .. } => Some((host, port.unwrap_or(443))),
            Self::Ssh { host, port, .. } => Some((host, port.unwrap_or(22))),
            Self::Local(_) => None,
        }
    }

    /// Owner and name of a repository on github.com; `None` for every other address.
    pub fn github(&self) -> Option<(&str, &str)> {
        self.on_host("github.com", None)
    }

    /// Owner and name of a repository on a forge; `None` for every other address. `https_port` is its port for https if
    /// that is not the usual one; for ssh it must be the usual one.
    pub(crate) fn on_host(&self, wanted: &str, https_port: Option<u16>) -> Option<(&str, &str)> {
        let (host, path, usual_port) = match self {
            Self::Https { host, port, path } => (host, path, port.unwrap_or(443) == https_port.unwrap_or(443)),
            Self::Ssh { host, port, path, .. } => (host, path, port.is_none_or(|port| port == 22)),
            Self::Local(_) => return None,
        };
        let (owner, name) = path.strip_prefix('/').unwrap_or(path).split_once('/')?;
        let name = name.strip_suffix(".git").unwrap_or(name);
        let plain = |text: &str, also: &[u8]| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || also.contains(&b))
        };
        let fits =
            usual_port && host == wanted && plain(owner, b"-_") && plain(name, b"-_.") && name != "." && name != "..";
        fits.then_some((owner, name))
    }
}

impl fmt::Display for RepositoryAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = |port: &Option<u16>| port.map_or(String::new(), |port| format!(":{port}"));
        match self {
            Self::Https { host, port: p, path } => write!(f, "https://{host}{}/{path}", port(p)),
            Self::Ssh { user, host, port: p, path } => {
                let user = user.as_ref().map_or(String::new(), |user| format!("{user}@"));
                if path.starts_with('/') {
                    write!(f, "ssh://{user}{host}{}{path}", port(p))
                } else {
                    write!(f, "{user}{host}:{path}")
                }
            }
            Self::Local(path) => path.display().fmt(f),
        }
    }
}

/// An address, or what was meant to be one, with everything taken out that may be secret.
pub(crate) fn redacted(text: &str) -> String {
    const SHOWN: usize = 120;
    let scheme_end = text.find("://").filter(|end| text[..*end].bytes().all(parse::in_scheme)).map_or(0, |end| end + 3);
    let (scheme, rest) = text.split_at(scheme_end);
    let mut shown = match rest.rfind('@') {
        Some(at) if &rest[..at] == "git" => text.to_owned(),
        Some(at) => format!("{scheme}***{}", &rest[at..]),
        None if scheme.is_empty() => rest.to_owned(),
        None => {
            // `https://user:token` without a host: what stands where a port should be is not shown.
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            match authority.rsplit_once(':') {
                Some((host, port)) if !authority.ends_with(']') && !port.bytes().all(|b| b.is_ascii_digit()) => {
                    format!("{scheme}{host}:***{path}")
                }
                _ => text.to_owned(),
            }
        }
    };
    if let Some(end) = shown.find(['?', '#']) {
        shown.truncate(end + 1);
        shown.push('…');
    }
    if shown.chars().count() > SHOWN {
        shown = shown.chars().take(SHOWN).chain(['…']).collect();
    }
    shown
}
