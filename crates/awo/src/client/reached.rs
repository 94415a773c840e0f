//! How a server is reached: at a port, at one with TLS, or at a socket of this machine.

use std::path::PathBuf;

use crate::exit::{BAD_INPUT, coded};

/// Where a server is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reached {
    Plain(String),
    Secure(String),
    Socket(PathBuf),
}

impl Reached {
    /// Reads an address: `http://…`, `https://…` or `unix:PATH`.
    pub(super) fn new(address: &str) -> anyhow::Result<Self> {
        let bare = || address.trim_end_matches('/').to_owned();
        let path = address.strip_prefix("unix:").filter(|path| !path.is_empty());
        let has_host =
            |scheme: &str| address.strip_prefix(scheme).is_some_and(|host| !host.trim_matches('/').is_empty());
        match path {
            Some(path) => Ok(Self::Socket(path.into())),
            None if has_host("http://") => Ok(Self::Plain(bare())),
            None if has_host("https://") => Ok(Self::Secure(bare())),
            None => {
                let reason =
                    format!("{address:?} is not the address of a server: expected http://…, https://… or unix:PATH");
                Err(coded(BAD_INPUT, reason))
            }
        }
    }

    /// What paths are added to. A socket has no name; the server on it answers to that of the machine.
    pub(super) fn base(&self) -> &str {
        match self {
            Self::Plain(base) | Self::Secure(base) => base,
            Self::Socket(_) => "http://localhost",
        }
    }

    /// A client that reaches it.
    pub(super) fn begin(&self) -> reqwest::ClientBuilder {
        let client = reqwest::Client::builder();
        match self {
            // A proxy has no business between a program and its own machine; neither have certificates, which take a while
            // to read.
            Self::Plain(_) => client.no_proxy().tls_certs_only([]),
            Self::Secure(_) => client,
            Self::Socket(path) => client.no_proxy().tls_certs_only([]).unix_socket(path.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_something_behind_it() {
        assert_eq!(Reached::new("http://127.0.0.1:8888/").unwrap(), Reached::Plain("http://127.0.0.1:8888".into()));
        assert_eq!(Reached::new("https://awo.example").unwrap(), Reached::Secure("https://awo.example".into()));
        assert_eq!(Reached::new("unix:/run/awo.sock").unwrap(), Reached::Socket("/run/awo.sock".into()));
        for wrong in ["", "localhost:8888", "unix:", "http://", "https:///", "ftp://x"] {
            assert!(format!("{:#}", Reached::new(wrong).unwrap_err()).contains("unix:PATH"), "{wrong}");
        }
    }
}
