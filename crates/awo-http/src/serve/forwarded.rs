//! What a proxy says of the requests that it passes on, and whom that is believed. `Forwarded` says the same in other words, which
//! most proxies pass on as clients write it, so it is read from nobody.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::http::header::HOST;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};

use crate::door::Ends;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The proxies that are believed when they say for whom they ask. Nobody is, unless it is said here.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    networks: Vec<Network>,
    local: bool,
}

/// The text names no proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a proxy that can be trusted: expected an address or a network, such as 192.0.2.7, 10.0.0.0/8 or \
     fd00::/8, or the word unix for whoever comes by the server's socket"
)]
pub struct InvalidProxy(String);

impl TrustedProxies {
    /// Those of a list: addresses, networks, and `unix`. A network of all addresses is refused: it would believe everybody.
    pub fn new<T: AsRef<str>>(list: impl IntoIterator<Item = T>) -> Result<Self, InvalidProxy> {
        let mut all = Self::default();
        for text in list {
            match text.as_ref() {
                "unix" => all.local = true,
                text => all.networks.push(text.parse()?),
            }
        }
        Ok(all)
    }

    /// Whether somebody at the other end of a connection is one of them.
    pub(super) fn trusts(&self, client: Option<IpAddr>) -> bool {
        client.map_or(self.local, |address| self.networks.iter().any(|network| network.has(address)))
    }

    /// The client that a request came from: the last one of the list that is none of them. What cannot be read hides those
    /// before it.
    fn origin(&self, headers: &HeaderMap, from: Option<IpAddr>) -> Option<IpAddr> {
        let texts: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().map(|list| list.to_str().unwrap_or("?")).collect();
        let mut client = from;
        for text in texts.iter().rev().flat_map(|list| list.rsplit(',')) {
            if !self.trusts(client) {
                break;
            }
            let Some(before) = address(text.trim()) else { break };
            client = Some(before);
        }
        client
    }
}

/// Settles for a request what counts: who asks, by which name, and whether others can read along.
pub(super) fn settle<B>(request: &mut Request<B>, mut ends: Ends, proxies: &TrustedProxies) {
    let mut name = None;
    if proxies.trusts(ends.client) {
        let headers = request.headers();
        name = last(headers, &FORWARDED_HOST).and_then(|host| HeaderValue::from_str(host).ok());
        ends.secure = match last(headers, &FORWARDED_PROTO) {
            Some(scheme) => scheme.eq_ignore_ascii_case("https"),
            None => ends.secure,
        };
        ends.client = proxies.origin(headers, ends.client);
    }
    if name.is_none() && !request.headers().contains_key(HOST) {
        // HTTP/2 has the name in the address of a request.
        name = request.uri().authority().and_then(|name| HeaderValue::from_str(name.as_str()).ok());
    }
    if let Some(name) = name {
        request.headers_mut().insert(HOST, name);
        if let Some(path) = request.uri().path_and_query() {
            *request.uri_mut() = Uri::from(path.clone());
        }
    }
    request.extensions_mut().insert(ends);
}

/// What the nearest proxy says, where several have added to a list.
fn last<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let text = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    text.rsplit(',').next().map(str::trim).filter(|text| !text.is_empty())
}

/// An address as proxies write it, perhaps with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse().map(|with_port: SocketAddr| with_port.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

/// Addresses with the same beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    V4(Ipv4Addr, u32),
    V6(Ipv6Addr, u32),
}

impl Network {
    fn has(self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::V4(begin, bits), IpAddr::V4(address)) => {
                (begin.to_bits() ^ address.to_bits()).checked_shr(32 - bits).is_none_or(|rest| rest == 0)
            }
            (Self::V6(begin, bits), IpAddr::V6(address)) => {
                (begin.to_bits() ^ address.to_bits()).checked_shr(128 - bits).is_none_or(|rest| rest == 0)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = InvalidProxy;

    fn from_str(text: &str) -> Result<Self, InvalidProxy> {
        let wrong = || InvalidProxy(text.chars().take(100).collect());
        let (begin, bits) = text.split_once('/').map_or((text, None), |(begin, bits)| (begin, Some(bits)));
        let begin = begin.parse::<IpAddr>().map_err(|_| wrong())?;
        let whole = if begin.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => whole,
            Some(bits) => bits.parse().ok().filter(|bits| (1..=whole).contains(bits)).ok_or_else(wrong)?,
        };
        match begin {
            IpAddr::V4(begin) => Ok(Self::V4(begin, bits)),
            // Whoever comes from such an address is seen without the part before it.
            IpAddr::V6(begin) => match begin.to_ipv4_mapped() {
                Some(begin) if bits > 96 => Ok(Self::V4(begin, bits - 96)),
                _ => Ok(Self::V6(begin, bits)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn proxies() -> TrustedProxies {
        TrustedProxies::new(["192.0.2.1", "10.0.0.0/8", "fd00::/8"]).unwrap()
    }

    fn settled(from: &str, headers: &[(&str, &str)]) -> (String, bool, String) {
        let mut request = Request::get("/health").header(HOST, "box:8888");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        let ends = Ends { client: Some(from.parse().unwrap()), ..Ends::local() };
        settle(&mut request, ends, &proxies());
        let ends = request.extensions().get::<Ends>().unwrap();
        let host = request.headers()[HOST].to_str().unwrap().to_owned();
        (ends.client.unwrap().to_string(), ends.secure, host)
    }

    #[rstest]
    #[case::nobody(&[], "192.0.2.1")]
    #[case::one(&["203.0.113.9"], "203.0.113.9")]
    #[case::spoofed(&["1.2.3.4, 203.0.113.9"], "203.0.113.9")]
    #[case::spoofed_in_a_line_of_its_own(&["1.2.3.4", "203.0.113.9"], "203.0.113.9")]
    #[case::behind_two_proxies(&["1.2.3.4, 203.0.113.9, 10.1.1.1"], "203.0.113.9")]
    #[case::spoofed_as_a_proxy(&["10.6.6.6, 203.0.113.9, 10.1.1.1"], "203.0.113.9")]
    #[case::only_proxies(&["10.6.6.6,10.1.1.1"], "10.6.6.6")]
    #[case::with_a_port(&["203.0.113.9:5511"], "203.0.113.9")]
    #[case::newer(&["2001:db8::9"], "2001:db8::9")]
    #[case::newer_with_a_port(&["[2001:db8::9]:443"], "2001:db8::9")]
    #[case::in_brackets(&["[2001:db8::9]"], "2001:db8::9")]
    #[case::mapped(&["::ffff:203.0.113.9"], "203.0.113.9")]
    #[case::words(&["203.0.113.9, unknown"], "192.0.2.1")]
    #[case::empty(&["203.0.113.9,"], "192.0.2.1")]
    #[case::words_before_a_proxy(&["1.2.3.4, _hidden, 10.1.1.1"], "10.1.1.1")]
    fn the_last_address_that_is_no_proxy_counts(#[case] lists: &[&str], #[case] client: &str) {
        let headers: Vec<_> = lists.iter().map(|list| ("x-forwarded-for", *list)).collect();
        assert_eq!(settled("192.0.2.1", &headers).0, client);
        assert_eq!(settled("192.0.2.2", &headers).0, "192.0.2.2", "nobody else is believed");
    }

    #[test]
    fn scheme_and_name_are_those_of_the_nearest_proxy() {
        let said = [("x-forwarded-proto", "http, https"), ("x-forwarded-host", "evil.example, awo.example")];
        assert_eq!(settled("10.0.0.1", &said), ("10.0.0.1".into(), true, "awo.example".into()));
        assert_eq!(settled("11.0.0.1", &said), ("11.0.0.1".into(), false, "box:8888".into()));
        let other = [("forwarded", "for=1.2.3.4;proto=https;host=awo.example")];
        assert_eq!(settled("10.0.0.1", &other), ("10.0.0.1".into(), false, "box:8888".into()));
    }

    #[test]
    fn a_name_in_the_address_is_that_of_a_request_without_another() {
        let mut request = Request::get("http://localhost:8888/health?x=1").body(()).unwrap();
        settle(&mut request, Ends::local(), &TrustedProxies::default());
        assert_eq!(
            (request.headers()[HOST].as_bytes(), request.uri()),
            (&b"localhost:8888"[..], &Uri::from_static("/health?x=1"))
        );
        let mut both = Request::get("http://a/health").header(HOST, "b").body(()).unwrap();
        settle(&mut both, Ends::local(), &TrustedProxies::default());
        assert_eq!((both.headers()[HOST].as_bytes(), both.uri().host()), (&b"b"[..], Some("a")), "both are looked at");
    }

    #[test]
    fn networks_have_what_begins_as_they_do() {
        let trusts =
            |proxy: &str, address: &str| TrustedProxies::new([proxy]).unwrap().trusts(Some(address.parse().unwrap()));
        assert!(trusts("10.0.0.0/8", "10.255.0.1") && !trusts("10.0.0.0/8", "11.0.0.0"));
        assert!(trusts("192.0.2.128/25", "192.0.2.200") && !trusts("192.0.2.128/25", "192.0.2.127"));
        assert!(trusts("::ffff:10.0.0.0/104", "10.1.1.1") && !trusts("::1", "::2") && trusts("fd00::/8", "fdff::1"));
        let local = TrustedProxies::new(["unix"]).unwrap();
        assert!(local.trusts(None) && !local.trusts(Some(Ipv4Addr::LOCALHOST.into())) && !proxies().trusts(None));
        for wrong in
            ["", "proxy.lan", "10.0.0.0/33", "0.0.0.0/0", "::/0", "10.0.0.0/", "10.0.0/8", "fd00::/129", "1.2.3.4/-1"]
        {
            assert_eq!(TrustedProxies::new([wrong]).unwrap_err().0, wrong);
        }
    }
}
