//! Lists of hosts that an operator writes: names, names below a name, addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Hosts of repositories, as an operator lists them. Empty at first.
///
/// ```
/// let hosts = awo_adapters::Hosts::new(["git.example", "*.corp.example", "10.1.2.3"]).unwrap();
/// assert!(hosts.contains("git.example") && hosts.contains("a.corp.example") && hosts.contains("10.1.2.3"));
/// assert!(!hosts.contains("a.git.example") && !hosts.contains("corp.example"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(Vec<Pattern>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    All,
    /// All names that end so; begins with a dot.
    Below(String),
    One(String),
}

/// The text names no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use host {text:?}: write a name (git.example), all names below one (*.example), an IP address, or *")]
pub struct HostsError {
    text: String,
}

impl Hosts {
    /// Reads `git.example`, `*.example` (all names below it, and not itself), an IP address, or `*` (all hosts).
    pub fn new<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, HostsError> {
        let pattern = |text: T| {
            let text = text.as_ref();
            let below =
                |name: &str| plain(name).filter(|host| is_name(host)).map(|host| Pattern::Below(format!(".{host}")));
            let read = match text.strip_prefix("*.") {
                Some(name) => below(name),
                None if text == "*" => Some(Pattern::All),
                None => plain(text).map(Pattern::One),
            };
            read.ok_or_else(|| HostsError { text: text.to_owned() })
        };
        texts.into_iter().map(pattern).collect::<Result<_, _>>().map(Self)
    }

    /// Every host there is.
    pub fn all() -> Self {
        Self(vec![Pattern::All])
    }

    /// Whether none is listed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a host is listed. Its spelling is that of a [`RepositoryAddress`](super::RepositoryAddress).
    pub fn contains(&self, host: &str) -> bool {
        self.0.iter().any(|pattern| match pattern {
            Pattern::All => true,
            Pattern::One(one) => one == host,
            Pattern::Below(end) => is_name(host) && host.ends_with(end.as_str()),
        })
    }
}

/// The one spelling of a host; `None` if it is none. IPv6 addresses may lack their brackets.
fn plain(text: &str) -> Option<String> {
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Some(format!("[{address}]"));
    }
    spelled(text)
}

/// The one spelling of a host as it stands in an address; `None` if it is none.
///
/// What ends in a number is an IPv4 address to the programs that dial it, however it is written, so it has to be written
/// as one.
pub(crate) fn spelled(text: &str) -> Option<String> {
    if let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return inner.parse::<Ipv6Addr>().ok().map(|address| format!("[{address}]"));
    }
    let host = text.to_ascii_lowercase();
    let last = host.rsplit('.').next().unwrap_or("");
    let ends_in_number = last.bytes().all(|b| b.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    let sound = if ends_in_number {
        host.parse::<Ipv4Addr>().is_ok()
    } else {
        host.len() <= 253 && host.split('.').all(is_label)
    };
    sound.then_some(host)
}

fn is_label(label: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (1..=63).contains(&label.len())
        && label.bytes().all(plain)
        && !label.starts_with(['-', '_'])
        && !label.ends_with('-')
}

/// Whether a host is a name, and not an address.
fn is_name(host: &str) -> bool {
    super::network::literal(host).is_none()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("GitHub.com", Some("github.com"))]
    #[case("my_host", Some("my_host"))]
    #[case("10.0.0.1", Some("10.0.0.1"))]
    #[case("[0:0::1]", Some("[::1]"))]
    #[case("::1", None)]
    #[case("a..b", None)]
    #[case("github.com.", None)]
    #[case("-a", None)]
    #[case("a-.b", None)]
    #[case("127.1", None)]
    #[case("2130706433", None)]
    #[case("0x7f000001", None)]
    #[case("0x7F.1", None)]
    #[case("0177.0.0.1", None)]
    #[case("127.0.0.0x1", None)]
    #[case("1.2.3.4.5", None)]
    #[case("host%00", None)]
    #[case("[::1%eth0]", None)]
    #[case("", None)]
    fn a_host_has_one_spelling(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(spelled(text).as_deref(), expected);
    }

    #[test]
    fn lists_are_compared_by_whole_labels() {
        let hosts = Hosts::new(["Git.Example", "*.corp.example", "::1", "10.0.0.1"]).unwrap();
        let found = |host: &str| hosts.contains(host);
        assert!(found("git.example") && found("a.b.corp.example") && found("[::1]") && found("10.0.0.1"));
        for other in ["corp.example", "evilcorp.example", "git.example.evil", "x.git.example", "10.0.0.10", "[::2]"] {
            assert!(!found(other), "{other}");
        }
        assert!(!Hosts::new(["*.1"]).is_ok_and(|hosts| hosts.contains("10.0.0.1")));
        for refused in ["", "*.", "a b", "**", "*x", "https://git.example", "git.example:8443", "git.example/"] {
            assert!(Hosts::new([refused]).is_err(), "{refused}");
        }
    }
}
