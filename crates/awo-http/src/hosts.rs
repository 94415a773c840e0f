//! Decides which names a client may call the server by: what closes DNS rebinding and requests forged by web pages.

use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Uri};

use crate::problem::{Problem, ProblemType};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Names of this machine for itself; good together with the server's own port.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The names a client may call the server by.
#[derive(Debug, Clone)]
pub(crate) struct AllowedHosts {
    pub(crate) port: u16,
    names: Vec<(String, Option<u16>)>,
}

/// The text is not a host name with or without a port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a host: expected a name such as awo.example or awo.example:8443, without scheme and path")]
pub struct InvalidHost(String);

impl Default for AllowedHosts {
    fn default() -> Self {
        Self { port: 80, names: Vec::new() }
    }
}

impl AllowedHosts {
    pub(crate) fn add(&mut self, host: &str) -> Result<(), InvalidHost> {
        let parsed = split(host).ok_or_else(|| InvalidHost(host.chars().take(200).collect()))?;
        self.names.push(parsed);
        Ok(())
    }

    /// Whether a request may be answered.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let mut named = headers.get_all(HOST).iter();
        let host = named.next().and_then(|value| value.to_str().ok());
        let one = named.next().is_none() && host.is_some_and(|host| self.allows(host, 80, true));
        if !one || uri.authority().is_some_and(|authority| !self.allows(authority.as_str(), 80, true)) {
            return Err(Problem::new(
                ProblemType::HostRefused,
                format!(
                    "this server does not answer to the name in the Host header; call it as http://localhost:{}, or \
                     add the name to its allowed hosts",
                    self.port
                ),
            ));
        }
        let mut origins = headers.get_all(ORIGIN).iter();
        if !origins.all(|origin| origin.to_str().is_ok_and(|origin| self.allows_origin(origin))) {
            return Err(Problem::new(
                ProblemType::OriginRefused,
                "this server does not answer web pages of other origins; call it from a program without an Origin \
                 header, or add the page's host to its allowed hosts",
            ));
        }
        if headers.get_all(SEC_FETCH_SITE).iter().any(|site| site.as_bytes() == b"cross-site") {
            return Err(Problem::new(
                ProblemType::OriginRefused,
                "the browser says that another site made this request; open the server's own address instead",
            ));
        }
        Ok(())
    }

    fn allows_origin(&self, origin: &str) -> bool {
        if let Some(host) = origin.strip_prefix("http://") {
            self.allows(host, 80, true)
        } else if let Some(host) = origin.strip_prefix("https://") {
            self.allows(host, 443, false)
        } else {
            false
        }
    }

    fn allows(&self, authority: &str, default_port: u16, loopback: bool) -> bool {
        let Some((host, port)) = split(authority) else { return false };
        let port = port.unwrap_or(default_port);
        (loopback && port == self.port && LOOPBACK.contains(&&*host))
            || self.names.iter().any(|(name, at)| *name == host && at.is_none_or(|at| at == port))
    }
}

/// Host in lower case, and port; `None` for anything that is not just these two.
fn split(text: &str) -> Option<(String, Option<u16>)> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    if text.is_empty() || text.ends_with(':') || !text.bytes().all(plain) {
        return None;
    }
    let authority: Authority = text.parse().ok()?;
    let port = match authority.port() {
        Some(port) => Some(port.as_str().parse().ok()?),
        None => None,
    };
    Some((authority.host().to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn hosts() -> AllowedHosts {
        let mut hosts = AllowedHosts { port: 8888, ..AllowedHosts::default() };
        hosts.add("awo.example").unwrap();
        hosts.add("box.lan:8443").unwrap();
        hosts
    }

    #[rstest]
    #[case("localhost:8888", true)]
    #[case("LOCALHOST:8888", true)]
    #[case("127.0.0.1:8888", true)]
    #[case("[::1]:8888", true)]
    #[case("awo.example", true)]
    #[case("awo.example:1234", true)]
    #[case("box.lan:8443", true)]
    #[case("box.lan", false)]
    #[case("localhost", false)]
    #[case("localhost:80", false)]
    #[case("localhost:", false)]
    #[case("localhost:99999", false)]
    #[case("127.0.0.2:8888", false)]
    #[case("evil.example:8888", false)]
    #[case("localhost:8888@evil.example", false)]
    #[case("localhost.evil.example:8888", false)]
    #[case("", false)]
    fn hosts_are_listed_ones(#[case] host: &str, #[case] allowed: bool) {
        assert_eq!(hosts().allows(host, 80, true), allowed);
    }

    #[rstest]
    #[case("http://localhost:8888", true)]
    #[case("https://awo.example", true)]
    #[case("https://box.lan:8443", true)]
    #[case("https://localhost:8888", false)]
    #[case("http://localhost:3000", false)]
    #[case("http://localhost:8888/", false)]
    #[case("null", false)]
    #[case("", false)]
    #[case("file://", false)]
    #[case("http://evil.example", false)]
    fn origins_are_listed_ones(#[case] origin: &str, #[case] allowed: bool) {
        assert_eq!(hosts().allows_origin(origin), allowed);
    }

    #[test]
    fn an_address_is_not_a_host() {
        assert!(hosts().add("https://awo.example/").is_err());
        assert!(hosts().add("user@awo.example").is_err());
    }
}
