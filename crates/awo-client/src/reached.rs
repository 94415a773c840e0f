//! How a server is reached: at a port, at one with TLS, or at a socket of this machine.

use std::path::PathBuf;

use crate::error::Error;

/// Where a server is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    Plain(String),
    Secure(String),
    Socket(PathBuf),
}

impl Reached {
    /// Reads an address: `http://…`, `https://…` or `unix:PATH`.
    pub(crate) fn new(address: &str) -> Result<Self, Error> {
        let bare = || address.trim_end_matches('/').to_owned();
        let path = address.strip_prefix("unix:").filter(|path| !path.is_empty());
        let has_host =
            |scheme: &str| address.strip_prefix(scheme).is_some_and(|host| !host.trim_matches('/').is_empty());
        match path {
            Some(path) if cfg!(unix) => Ok(Self::Socket(path.into())),
            None if has_host("http://") => Ok(Self::Plain(bare())),
            None if has_host("https://") && cfg!(feature = "tls") => Ok(Self::Secure(bare())),
            _ => Err(Error::Address(address.to_owned())),
        }
    }

    /// What paths are added to. A socket has no name; the server on it answers to that of the machine.
    pub(crate) fn base(&self) -> &str {
        match self {
            Self::Plain(base) | Self::Secure(base) => base,
            Self::Socket(_) => "http://localhost",
        }
    }

    /// A client that reaches it.
    pub(crate) fn begin(&self) -> reqwest::ClientBuilder {
        match self {
            Self::Plain(_) => plain(),
            Self::Secure(_) => reqwest::Client::builder(),
            #[cfg(unix)]
            Self::Socket(path) => plain().unix_socket(path.clone()),
            #[cfg(not(unix))]
            Self::Socket(_) => plain(),
        }
    }
}

/// Between a program and its own machine a proxy has no business, nor have certificates, which take a while to read.
fn plain() -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder().no_proxy();
    #[cfg(feature = "tls")]
    let builder = builder.tls_certs_only([]);
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_something_behind_it() {
        assert_eq!(Reached::new("http://127.0.0.1:8888/").unwrap(), Reached::Plain("http://127.0.0.1:8888".into()));
        if cfg!(feature = "tls") {
            assert_eq!(Reached::new("https://awo.example").unwrap(), Reached::Secure("https://awo.example".into()));
        }
        assert_eq!(Reached::new("unix:/run/awo.sock").unwrap(), Reached::Socket("/run/awo.sock".into()));
        for wrong in ["", "localhost:8888", "unix:", "http://", "https:///", "ftp://x"] {
            assert!(Reached::new(wrong).unwrap_err().to_string().contains("unix:PATH"), "{wrong}");
        }
    }
}
