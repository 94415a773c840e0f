//! TLS: the certificate that a server shows, and how connections begin with it.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What is spoken within, best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The certificate that a server shows, with its key. Cheap to clone; a renewed one is shown to whoever connects from then
/// on.
#[derive(Debug, Clone)]
pub struct Certificate(Arc<Shown>);

#[derive(Debug)]
struct Shown {
    provider: Arc<CryptoProvider>,
    now: RwLock<Arc<CertifiedKey>>,
}

/// The texts are no certificate with its key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCertificate {
    /// There is no certificate in the text that should have one.
    #[error("the certificate is not one: expected PEM with the certificate of the server first, then those above it")]
    NoCertificate,
    /// There is no key in the text that should have one.
    #[error("the key is not one: expected PEM with a private key that has no password")]
    NoKey,
    /// Both are there and cannot be used together.
    #[error("certificate and key cannot be used together")]
    Unusable(#[source] rustls::Error),
}

impl Certificate {
    /// The first certificate of a text in PEM with those that follow it, and the first key of another.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, InvalidCertificate> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let now = RwLock::new(read(&provider, certificate, key)?);
        Ok(Self(Arc::new(Shown { provider, now })))
    }

    /// Shows another one from now on; if that cannot be used, the one before.
    pub fn renew(&self, certificate: &[u8], key: &[u8]) -> Result<(), InvalidCertificate> {
        let renewed = read(&self.0.provider, certificate, key)?;
        *self.0.now.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(())
    }
}

fn read(provider: &CryptoProvider, certificate: &[u8], key: &[u8]) -> Result<Arc<CertifiedKey>, InvalidCertificate> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .ok()
        .filter(|chain: &Vec<_>| !chain.is_empty())
        .ok_or(InvalidCertificate::NoCertificate)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| InvalidCertificate::NoKey)?;
    CertifiedKey::from_der(chain, key, provider).map(Arc::new).map_err(InvalidCertificate::Unusable)
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Begins TLS on connections.
#[derive(Clone)]
pub(super) struct Tls(TlsAcceptor);

impl Tls {
    pub(super) fn new(certificate: &Certificate) -> io::Result<Self> {
        let shown = Arc::clone(&certificate.0);
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&shown.provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(shown);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// The connection within TLS. Has no limit of time.
    pub(super) async fn begin(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.0.accept(stream).await
    }
}
