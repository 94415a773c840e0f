//! TLS at the ports of a server.

use std::sync::Arc;
use std::time::Duration;

use awo_http::{Api, Certificate, InvalidCertificate, Limits, Scope};
use awo_testkit::TestCertificate;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::guarded::Guarded;
use crate::http2::Client;
use crate::serve::{Server, rest, server_with};
use crate::support::World;

fn pem(files: &TestCertificate) -> [Vec<u8>; 2] {
    [&files.certificate, &files.key].map(|file| std::fs::read(file).unwrap())
}

fn certificate(files: &TestCertificate) -> Certificate {
    let [certificate, key] = pem(files);
    Certificate::from_pem(&certificate, &key).unwrap()
}

async fn secured(world: &World, limits: Limits, certificate: Certificate) -> Server {
    let configure = |api: Api| api.with_limits(limits);
    server_with(world, Duration::from_secs(5), configure, |server| server.with_tls(certificate)).await
}

/// Trusts one certificate, and no other.
#[derive(Debug)]
struct Pinned(CertificateDer<'static>, Arc<CryptoProvider>);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let same = *shown == self.0;
        same.then(ServerCertVerified::assertion).ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, shown, signed, &self.1.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, shown, signed, &self.1.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.1.signature_verification_algorithms.supported_schemes()
    }
}

async fn dial(server: &Server, trusted: &TestCertificate, protocols: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let pinned = Pinned(CertificateDer::from_pem_file(&trusted.certificate).unwrap(), Arc::clone(&provider));
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.dangerous().with_custom_certificate_verifier(Arc::new(pinned)).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, server.connect().await).await
}

async fn ask(server: &Server, line: &str, more: &str) -> String {
    let mut stream = dial(server, &TestCertificate::usual(), &[]).await.unwrap();
    let port = server.address.port();
    let head = format!("{line} HTTP/1.1\r\nHost: localhost:{port}\r\n{more}Connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text).await; // an end without a farewell is one, too
    text
}

#[tokio::test]
async fn both_versions_are_spoken_within_and_nothing_without() {
    let world = World::new();
    let server = secured(&world, Limits::default(), certificate(&TestCertificate::usual())).await;
    assert!(ask(&server, "GET /health/live", "").await.starts_with("HTTP/1.1 200"));
    let stream = dial(&server, &TestCertificate::usual(), &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut newer = Client::over(stream, format!("localhost:{}", server.address.port())).await;
    assert_eq!(newer.get("/health/live").await.0, 200);
    assert!(!server.ask("/health/live").await.contains("HTTP/1.1"), "what is not TLS is not answered");
    let port = server.address.port();
    let own = ask(&server, "GET /health/live", &format!("Origin: https://localhost:{port}\r\n")).await;
    let plain = ask(&server, "GET /health/live", &format!("Origin: http://localhost:{port}\r\n")).await;
    assert!(own.starts_with("HTTP/1.1 200") && plain.starts_with("HTTP/1.1 403"), "{own} {plain}");
    server.shutdown.cancel();
    server.ended.await.unwrap().unwrap();
    newer.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn pages_are_secure() {
    let guarded = Guarded::new();
    let shown = certificate(&TestCertificate::usual());
    let server = guarded.serve_with(Limits::default(), |server| server.with_tls(shown)).await;
    let key = format!("Authorization: {}\r\n", guarded.bearer(Scope::Admin));
    let link = ask(&server, "POST /login-links", &key).await;
    let begin = format!("\"url\":\"https://localhost:{}/login?link=", server.address.port());
    let (_, link) = link.split_once(&begin).unwrap_or_else(|| panic!("{link}"));
    let entered = ask(&server, &format!("GET /login?link={}", link.split('"').next().unwrap()), "").await;
    assert!(entered.starts_with("HTTP/1.1 303") && entered.contains("; Secure"), "{entered}");
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_who_connects_then() {
    let world = World::new();
    let (usual, renewed) = (TestCertificate::usual(), TestCertificate::renewed());
    let shown = certificate(&usual);
    let server = secured(&world, Limits::default(), shown.clone()).await;
    let mut before = dial(&server, &usual, &[]).await.unwrap();
    assert!(dial(&server, &renewed, &[]).await.is_err());
    let ([of_usual, _], [of_renewed, key]) = (pem(&usual), pem(&renewed));
    assert!(matches!(shown.renew(&of_usual, &key), Err(InvalidCertificate::Unusable(_))));
    assert!(dial(&server, &usual, &[]).await.is_ok(), "the one before is shown");
    shown.renew(&of_renewed, &key).unwrap();
    assert!(dial(&server, &usual, &[]).await.is_err());
    assert!(dial(&server, &renewed, &[]).await.is_ok());
    before.write_all(server.head("/health/live", "Connection: close\r\n").as_bytes()).await.unwrap();
    let mut begin = [0; 12];
    before.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200", "who was there before goes on");
}

/// The clock stands still and jumps to the next deadline when there is nothing to do, so this takes no time.
#[tokio::test(start_paused = true)]
async fn who_does_not_begin_is_cut() {
    let world = World::new();
    let limits = Limits { header_timeout: Duration::from_secs(7), ..Limits::default() };
    let server = secured(&world, limits, certificate(&TestCertificate::usual())).await;
    for begun in [&b""[..], &[22, 3, 1, 2, 0, 1]] {
        let began = Instant::now();
        let mut stream = server.connect().await;
        stream.write_all(begun).await.unwrap();
        let _ = rest(&mut stream).await;
        assert_eq!(began.elapsed().as_secs(), 7, "{begun:?}");
    }
}

#[test]
fn what_is_no_certificate_is_told() {
    let [certificate, key] = pem(&TestCertificate::usual());
    let [_, other_key] = pem(&TestCertificate::renewed());
    let told = |certificate: &[u8], key: &[u8]| match Certificate::from_pem(certificate, key).unwrap_err() {
        InvalidCertificate::NoCertificate => "no certificate",
        InvalidCertificate::NoKey => "no key",
        _ => "unusable",
    };
    assert_eq!(told(b"", &key), "no certificate");
    assert_eq!(told(&key, &key), "no certificate");
    assert_eq!(told(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", &key), "no certificate");
    assert_eq!(told(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &key), "unusable");
    assert_eq!(told(&certificate, &certificate), "no key");
    assert_eq!(told(&certificate, b""), "no key");
    assert_eq!(told(&certificate, &other_key), "unusable");
}
