//! Decides which names a client may call the server by: what closes DNS rebinding and requests forged by web pages.

use std::net::SocketAddr;

use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Uri};

use crate::door::Ends;
use crate::problem::{Problem, ProblemType};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Names of this machine for itself; good together with the server's own port.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Whether somebody follows a link of another site to our page: it is the same for all, does nothing, and what it asks for then
/// is asked by ourselves.
fn opens_the_page(uri: &Uri, headers: &HeaderMap) -> bool {
    let is = |name: HeaderName, value: &str| headers.get(name).is_some_and(|it| it.as_bytes() == value.as_bytes());
    uri.path() == "/" && is(SEC_FETCH_MODE, "navigate") && is(SEC_FETCH_DEST, "document")
}

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

    /// Adds a host that was read before. A Host header without a port means that of its scheme, which TLS before us keeps
    /// from us; so a standard port is as good as none.
    pub(crate) fn add_at(&mut self, host: &str, standard_port: u16) {
        if let Some((name, port)) = split(host) {
            self.names.push((name, port.filter(|port| *port != standard_port)));
        }
    }

    /// Whether a request may be answered. The address that its connection came in at, if there is one, is as good as a
    /// name: no other site can lead there by its own name. On a socket of this machine, which has no port, `localhost` is
    /// good without one.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap, ends: Option<Ends>) -> Result<(), Problem> {
        let Some(ends) = ends else { return self.check_names(uri, headers, false) };
        let mut all = self.clone();
        all.names.push(match ends.server {
            Some(at) => (host_of(at), Some(at.port())),
            None => (LOOPBACK[0].to_owned(), Some(80)),
        });
        all.check_names(uri, headers, ends.secure)
    }

    /// `secure` says whether the request came over TLS: its names have another port then, where they have none, and pages
    /// of this machine another scheme.
    fn check_names(&self, uri: &Uri, headers: &HeaderMap, secure: bool) -> Result<(), Problem> {
        let port = if secure { 443 } else { 80 };
        let mut named = headers.get_all(HOST).iter();
        let host = named.next().and_then(|value| value.to_str().ok());
        let one = named.next().is_none() && host.is_some_and(|host| self.allows(host, port, true));
        if !one || uri.authority().is_some_and(|authority| !self.allows(authority.as_str(), port, true)) {
            return Err(Problem::new(
                ProblemType::HostRefused,
                format!(
                    "this server does not answer to the name in the Host header; call it as {}://localhost:{}, or \
                     add the name to its allowed hosts",
                    if secure { "https" } else { "http" },
                    self.port
                ),
            ));
        }
        let mut origins = headers.get_all(ORIGIN).iter();
        if !origins.all(|origin| origin.to_str().is_ok_and(|origin| self.allows_origin(origin, secure))) {
            return Err(Problem::new(
                ProblemType::OriginRefused,
                "this server does not answer web pages of other origins; call it from a program without an Origin \
                 header, or add the page's host to its allowed hosts",
            ));
        }
        let is_cross_site = headers.get_all(SEC_FETCH_SITE).iter().any(|site| site.as_bytes() == b"cross-site");
        if is_cross_site && !opens_the_page(uri, headers) {
            return Err(Problem::new(
                ProblemType::OriginRefused,
                "the browser says that another site made this request; open the server's own address instead",
            ));
        }
        Ok(())
    }

    fn allows_origin(&self, origin: &str, secure: bool) -> bool {
        if let Some(host) = origin.strip_prefix("http://") {
            self.allows(host, 80, !secure)
        } else if let Some(host) = origin.strip_prefix("https://") {
            self.allows(host, 443, secure)
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

/// An address as it stands in a header.
fn host_of(at: SocketAddr) -> String {
    match at {
        SocketAddr::V4(at) => at.ip().to_string(),
        SocketAddr::V6(at) => format!("[{}]", at.ip()),
    }
}

/// The address that clients reach a server by, where that is not its own: scheme, host and perhaps a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicUrl {
    text: String,
    host_at: usize,
}

/// The text is not the address of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not the address of a server: expected https:// or http://, a host and perhaps a port, without a path"
)]
pub struct InvalidPublicUrl(String);

impl PublicUrl {
    pub(crate) fn new(text: &str) -> Result<Self, InvalidPublicUrl> {
        let bare = text.strip_suffix('/').unwrap_or(text);
        let host_at = bare.find("://").map(|end| end + 3);
        let sound =
            host_at.filter(|at| matches!(&bare[..*at], "https://" | "http://") && split(&bare[*at..]).is_some());
        sound
            .map(|host_at| Self { text: bare.to_ascii_lowercase(), host_at })
            .ok_or_else(|| InvalidPublicUrl(text.chars().take(200).collect()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn host(&self) -> &str {
        &self.text[self.host_at..]
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.text.starts_with("https://")
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
        assert_eq!(hosts().allows_origin(origin, false), allowed);
    }

    #[test]
    fn the_address_of_a_connection_is_as_good_as_a_name() {
        let check = |host: &str, origin: &str, at: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            headers.insert(ORIGIN, origin.parse().unwrap());
            let ends = at.map(|at| Ends { server: Some(at.parse().unwrap()), ..Ends::local() });
            hosts().check(&Uri::from_static("/"), &headers, ends).is_ok()
        };
        let v4 = Some("192.0.2.7:8888");
        assert!(check("192.0.2.7:8888", "http://192.0.2.7:8888", v4));
        assert!(check("[2001:db8::1]:8888", "http://[2001:db8::1]:8888", Some("[2001:db8::1]:8888")));
        assert!(!check("192.0.2.7:8888", "http://192.0.2.7:8888", None));
        assert!(!check("192.0.2.8:8888", "http://192.0.2.8:8888", v4));
        assert!(!check("192.0.2.7:8888", "http://192.0.2.8:8888", v4));
        assert!(!check("192.0.2.7:80", "http://192.0.2.7:8888", v4));
    }

    #[test]
    fn a_public_address_has_a_scheme_and_a_host() {
        let url = PublicUrl::new("https://Awo.example:8443/").unwrap();
        assert_eq!((url.as_str(), url.host()), ("https://awo.example:8443", "awo.example:8443"));
        assert!(url.is_secure() && !PublicUrl::new("http://awo.example").unwrap().is_secure());
        for other in ["awo.example", "ftp://awo.example", "https://", "https://awo.example/x", "https://u@awo.example"]
        {
            assert!(PublicUrl::new(other).is_err(), "{other}");
        }
    }

    #[test]
    fn an_address_is_not_a_host() {
        assert!(hosts().add("https://awo.example/").is_err());
        assert!(hosts().add("user@awo.example").is_err());
    }
}
