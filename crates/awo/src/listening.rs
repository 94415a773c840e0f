//! Where a server listens, as the settings say it: a port, a socket of this machine, or both; with TLS at the port, if there
//! is a certificate.

mod certificate;
mod socket_file;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Context as _;
use awo_http::Server;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::exit::{BAD_INPUT, UNAVAILABLE, coded};
use crate::settings::{Bind, Settings};
use certificate::CertificateFiles;
use socket_file::SocketFile;

/// Everything that is listened at.
#[derive(Debug)]
pub(crate) struct Listening {
    port: Option<(TcpListener, SocketAddr)>,
    socket: Option<(UnixListener, SocketFile)>,
    certificate: Option<CertificateFiles>,
}

/// What must live as long as the server does.
#[derive(Debug)]
pub(crate) struct Held {
    _socket: Option<SocketFile>,
    _renewing: DropGuard,
}

impl Listening {
    /// Begins to listen.
    pub(crate) async fn begin(settings: &Settings) -> anyhow::Result<Self> {
        let certificate = settings.tls.files().map(CertificateFiles::read).transpose()?;
        let port = match settings.bind {
            Bind::Nowhere => None,
            Bind::Address(address) => {
                let listener = TcpListener::bind(address)
                    .await
                    .map_err(|error| coded(UNAVAILABLE, format!("cannot listen on {address}: {error}")))?;
                let local = listener.local_addr().context("cannot tell the address")?;
                Some((listener, local))
            }
        };
        let socket = match settings.socket() {
            Some(path) => Some(SocketFile::bind(&path).await?),
            None => None,
        };
        Ok(Self { port, socket, certificate })
    }

    /// Where programs of this machine find the server; the first is for the commands: they have no certificates.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        let port = self.port.as_ref().map(|(_, local)| format!("{scheme}://{}", reached_at(*local)));
        let socket = self.socket.as_ref().map(|(_, file)| format!("unix:{}", file.path().display()));
        let mut all: Vec<String> = port.into_iter().chain(socket).collect();
        if self.certificate.is_some() {
            all.reverse();
        }
        all
    }

    /// Has a server listen. What it holds ends with what is given back.
    pub(crate) fn hand_to(self, mut server: Server) -> (Server, Held) {
        let ended = CancellationToken::new();
        if let Some((listener, _)) = self.port {
            server = server.with_listener(listener);
        }
        let mut socket = None;
        if let Some((listener, file)) = self.socket {
            server = server.with_listener(listener);
            socket = Some(file);
        }
        if let Some(files) = self.certificate {
            server = server.with_tls(files.certificate());
            tokio::spawn(files.keep(ended.clone()));
        }
        (server, Held { _socket: socket, _renewing: ended.drop_guard() })
    }
}

/// Refuses what would let anybody in.
pub(crate) fn check(settings: &Settings) -> anyhow::Result<()> {
    let refused = |reason: String| Err(coded(BAD_INPUT, reason));
    match settings.bind {
        Bind::Nowhere if settings.socket.is_none() => {
            refused("bind is \"none\", and there is no socket: set socket (or --socket), or give an address".into())
        }
        Bind::Nowhere if settings.tls.files().is_some() => {
            refused("tls is for ports, and bind is \"none\": leave tls out, or give an address".into())
        }
        Bind::Address(bind) if settings.is_open() && !bind.ip().is_loopback() => refused(format!(
            "cannot listen on {bind}: auth = \"loopback\" asks for no keys, so only addresses of this machine are served; \
             use 127.0.0.1, or auth = \"key\""
        )),
        _ => Ok(()),
    }
}

/// Where programs of this machine reach a server that listens there.
fn reached_at(local: SocketAddr) -> SocketAddr {
    let ip = match local.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    SocketAddr::new(ip, local.port())
}
