//! Owns the lists of hosts and ports that agents may reach.

use url::Url;

use super::target::{Target, port_of};
use crate::address::Hosts;

/// Port where none is named.
const USUAL: u16 = 443;

/// Hosts, each with its port, that agents may reach through awo's proxy. Empty at first.
///
/// ```
/// use awo_adapters::AllowedHosts;
/// let hosts = AllowedHosts::public(["api.example", "*.corp.example:8443"]).unwrap();
/// assert!(hosts.allows("api.example", 443) && hosts.allows("a.corp.example", 8443));
/// assert!(!hosts.allows("api.example", 80) && !hosts.allows("a.corp.example", 443));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedHosts(Vec<Rule>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    hosts: Hosts,
    port: u16,
    anywhere: bool,
}

/// Where the addresses of a host may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// In the public internet.
    Public,
    /// Wherever they are, this machine too.
    Anywhere,
}

/// The text names no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot use host {text:?}: write a name (api.example), all names below one (*.example), an IP address, or *; with a \
     port if it is not 443 (api.example:8443)"
)]
pub struct AllowedHostsError {
    text: String,
}

impl AllowedHosts {
    /// Reads hosts as [`Hosts`] does, each with a port if it is not 443. They are reached where their addresses are of the
    /// public internet.
    pub fn public<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, AllowedHostsError> {
        Self::read(texts, false)
    }

    /// The same, wherever their addresses are.
    pub fn trusted<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, AllowedHostsError> {
        Self::read(texts, true)
    }

    /// The host of the address of a service, wherever that is; none if the text is no such address.
    pub fn of_service(address: &str) -> Self {
        let target = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https")).and_then(|url| {
            let hosts = Hosts::new([url.host_str()?]).ok()?;
            Some(Rule { hosts, port: url.port_or_known_default()?, anywhere: true })
        });
        Self(target.into_iter().collect())
    }

    /// These and others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Whether a host may be reached at a port. Its spelling is that of a [`RepositoryAddress`](crate::RepositoryAddress).
    pub fn allows(&self, host: &str, port: u16) -> bool {
        self.rules(host, port).next().is_some()
    }

    /// Whether a host is trusted at some port.
    pub(super) fn names(&self, host: &str) -> bool {
        self.0
            .iter()
            .any(|rule| rule.anywhere && (rule.hosts.contains(host) || rule.hosts.contains(&format!("[{host}]"))))
    }

    /// Where a target may be; `None` if it may not be reached.
    pub(super) fn scope(&self, target: &Target) -> Option<Scope> {
        let scope = |rule: &Rule| if rule.anywhere { Scope::Anywhere } else { Scope::Public };
        self.rules(target.host(), target.port()).map(scope).max()
    }

    fn rules(&self, host: &str, port: u16) -> impl Iterator<Item = &Rule> {
        self.0.iter().filter(move |rule| rule.port == port && rule.hosts.contains(host))
    }

    fn read<T: AsRef<str>>(texts: impl IntoIterator<Item = T>, anywhere: bool) -> Result<Self, AllowedHostsError> {
        let rule = |text: T| {
            let text = text.as_ref();
            let (host, port) = match text.rsplit_once(':') {
                // An address of IPv6 has colons of its own, and may lack its brackets.
                Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port_of(port)),
                _ => (text, Some(USUAL)),
            };
            let hosts = Hosts::new([host]).ok().zip(port);
            let rule = hosts.map(|(hosts, port)| Rule { hosts, port, anywhere });
            rule.ok_or_else(|| AllowedHostsError { text: text.to_owned() })
        };
        texts.into_iter().map(rule).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(hosts: &AllowedHosts, target: &str) -> Option<Scope> {
        hosts.scope(&Target::parse(target, None).unwrap())
    }

    #[test]
    fn a_host_is_allowed_at_its_port_and_where_its_list_says() {
        let public = AllowedHosts::public(["Api.Example", "*.corp.example:8443", "::1", "[::2]:80"]).unwrap();
        let hosts = public.and(AllowedHosts::trusted(["10.0.0.1:80", "near.corp.example:8443"]).unwrap());
        assert_eq!(scope(&hosts, "API.example:443"), Some(Scope::Public));
        assert_eq!(scope(&hosts, "a.corp.example:8443"), Some(Scope::Public));
        assert_eq!(scope(&hosts, "near.corp.example:8443"), Some(Scope::Anywhere));
        assert_eq!(scope(&hosts, "[::1]:443"), Some(Scope::Public));
        assert_eq!(scope(&hosts, "[0::2]:80"), Some(Scope::Public));
        assert_eq!(scope(&hosts, "10.0.0.1:80"), Some(Scope::Anywhere));
        for other in ["api.example:80", "corp.example:8443", "10.0.0.1:443", "api.example.evil:443", "[::2]:443"] {
            assert_eq!(scope(&hosts, other), None, "{other}");
        }
        for refused in ["", ":443", "a:", "a:0", "a:+1", "a:080", "a:65536", "a b", "https://a", "a/b", "[::1", "a:b:1"]
        {
            assert!(AllowedHosts::public([refused]).is_err(), "{refused}");
        }
    }

    #[test]
    fn the_address_of_a_service_allows_its_host_and_port() {
        for (address, host, port) in [
            ("https://model.example/v1", "model.example", 443),
            ("http://127.0.0.1:4000", "127.0.0.1", 4000),
            ("http://me:pw@[::1]:81/", "[::1]", 81),
            ("http://127.1/v1", "127.0.0.1", 80),
        ] {
            let hosts = AllowedHosts::of_service(address);
            assert_eq!(scope(&hosts, &format!("{host}:{port}")), Some(Scope::Anywhere), "{address}");
            assert!(hosts.0.len() == 1 && !hosts.allows(host, port + 1));
        }
        for none in ["", "model.example", "file:///etc", "unix:/run/x", "https://"] {
            assert_eq!(AllowedHosts::of_service(none), AllowedHosts::default(), "{none}");
        }
    }
}
