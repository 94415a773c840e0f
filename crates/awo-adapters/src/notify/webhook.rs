//! An address that takes notices: each is posted as JSON, signed as Standard Webhooks describes it, so that a receiver can
//! tell who sent it, that nobody changed it, and that it is not an old one sent again.
//!
//! *Invariant*: what a name resolves to is judged, and what was judged is dialled. Redirects are not followed, and no
//! proxy is asked.

use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use awo_engine::ports::Recipient;
use awo_models::{Failure, FailureCode, Notice, NoticeKind, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Url, redirect};
use sha2::Sha256;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::Wanted;
use crate::address::{is_private_text, is_public, look_up, redacted};
use crate::redact::base64;
use crate::{Hosts, NameLookup, SystemNames};

/// Times for one request.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(10);
/// Bytes of a secret at least and at most.
const SECRET: std::ops::RangeInclusive<usize> = 16..=1024;
/// Bytes of its file that are read at most.
const SECRET_FILE: u64 = 4096;

/// How an address is told.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// The address.
    pub url: String,
    /// File that holds the secret and nothing else. Read each time, so that it can be replaced while awo runs.
    pub secret_file: PathBuf,
    /// Hosts that need neither be of the public internet nor speak TLS.
    pub trusted: Hosts,
    /// What it is told of.
    pub wanted: Wanted,
}

/// An address that cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot tell {address:?}: {why}")]
pub struct WebhookError {
    address: String,
    why: &'static str,
}

/// Posts notices to an address, which has taken one when it answers with a status from 200 to 299.
#[derive(Debug)]
pub struct WebhookRecipient {
    name: String,
    url: Url,
    secret_file: PathBuf,
    wanted: Wanted,
    gate: Arc<Gate>,
    /// Made at the first notice: reading the certificates of the machine takes a while. Made anew if that failed.
    client: OnceCell<Client>,
}

impl WebhookRecipient {
    /// An address, under a name.
    pub fn new(name: &str, settings: WebhookSettings) -> Result<Self, WebhookError> {
        let refused = |why| WebhookError { address: redacted(&settings.url), why };
        let url =
            Url::parse(&settings.url).map_err(|_| refused("it is not a URL such as https://host.example/path"))?;
        let host = url.host_str().ok_or_else(|| refused("it names no host"))?;
        let trusted = settings.trusted.contains(host);
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("it holds a login; the secret is what a receiver knows awo by"));
        }
        if !(url.scheme() == "https" || url.scheme() == "http" && trusted) {
            return Err(refused("it must be https, unless its host is one of notify.trusted_hosts"));
        }
        if is_private_text(host) && !trusted {
            return Err(refused(
                "its host is not of the public internet; if it is meant, name it in notify.trusted_hosts",
            ));
        }
        let gate = Arc::new(Gate { trusted, names: Arc::new(SystemNames) });
        let WebhookSettings { secret_file, wanted, .. } = settings;
        Ok(Self { name: name.to_owned(), url, secret_file, wanted, gate, client: OnceCell::new() })
    }

    /// Whether the secret can be used; in words why not.
    pub fn check_secret(&self) -> Result<(), Failure> {
        read_secret(&self.secret_file).map(|_| ())
    }

    async fn secret(&self) -> Result<Vec<u8>, Failure> {
        let path = self.secret_file.clone();
        spawn_blocking(move || read_secret(&path)).await.map_err(|died| failed(died.to_string()))?
    }

    async fn client(&self) -> Result<&Client, Failure> {
        let make = async || {
            let (gate, has_tls) = (Arc::clone(&self.gate), self.url.scheme() != "http");
            let made = spawn_blocking(move || make_client(gate, has_tls)).await;
            made.map_err(|died| failed(died.to_string()))?
        };
        self.client.get_or_try_init(make).await
    }
}

fn make_client(gate: Arc<Gate>, has_tls: bool) -> Result<Client, Failure> {
    let builder = Client::builder().connect_timeout(CONNECT).timeout(ANSWER).redirect(redirect::Policy::none());
    let builder = builder.no_proxy().dns_resolver(gate);
    let builder = builder.user_agent(concat!("awo/", env!("CARGO_PKG_VERSION")));
    // Without TLS there is nothing to look certificates up for.
    let builder = if has_tls { builder } else { builder.tls_certs_only([]) };
    builder.build().map_err(|error| failed(format!("cannot make an HTTP client: {}", crate::agent::chain(&error))))
}

fn read_secret(path: &Path) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(SECRET_FILE + 1).read_to_string(&mut text))
        .map_err(|error| failed(format!("cannot read the secret in {shown}: {error}")))?;
    if text.len() as u64 > SECRET_FILE {
        return Err(failed(format!("the file of the secret {shown} has more than {SECRET_FILE} bytes")));
    }
    let secret = text.trim().as_bytes();
    if !SECRET.contains(&secret.len()) {
        let (least, most) = (SECRET.start(), SECRET.end());
        return Err(failed(format!("the secret in {shown} must have {least} to {most} bytes")));
    }
    Ok(secret.to_vec())
}

#[async_trait]
impl Recipient for WebhookRecipient {
    fn name(&self) -> &str {
        &self.name
    }

    fn wants(&self, kind: NoticeKind) -> bool {
        self.wanted.has(kind)
    }

    async fn tell(&self, notice: &Notice, now: Timestamp) -> Result<(), Failure> {
        let body = serde_json::to_vec(notice).map_err(|error| failed(format!("a notice is no JSON: {error}")))?;
        let headers = headers(&self.secret().await?, &notice.id, now.as_second(), &body)?;
        let request = self.client().await?.post(self.url.clone()).headers(headers).body(body);
        let host = self.url.host_str().unwrap_or_default();
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) if answer.status().is_redirection() => {
                let status = answer.status().as_u16();
                Err(failed(format!(
                    "{host} answered {status}: redirects are not followed; set the address it leads to"
                )))
            }
            Ok(answer) => Err(Failure {
                until: answer.headers().get(RETRY_AFTER).and_then(|wish| when(wish, now)),
                ..failed(format!("{host} answered {}", answer.status().as_u16()))
            }),
            // The address may hold a key of the receiver's.
            Err(error) => Err(failed(format!("{host} did not answer: {}", crate::agent::chain(&error.without_url())))),
        }
    }
}

fn failed(message: String) -> Failure {
    Failure::new(FailureCode::Internal, message)
}

/// When a receiver wants to be told again: it says so in seconds, or as a date.
fn when(wish: &HeaderValue, now: Timestamp) -> Option<Timestamp> {
    let text = wish.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => now.checked_add(Duration::from_secs(seconds)).ok(),
        Err(_) => DateTimeParser::new().parse_timestamp(text).ok(),
    }
}

/// The headers of a request. Each try is signed anew, as of its own second.
fn headers(secret: &[u8], id: &str, second: i64, body: &[u8]) -> Result<HeaderMap, Failure> {
    let signature = signature(secret, id, second, body)?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("webhook-timestamp", HeaderValue::from(second));
    for (name, value) in [("webhook-id", id), ("webhook-signature", signature.as_str())] {
        let value = HeaderValue::from_str(value).map_err(|_| failed(format!("{name} cannot be a header")))?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// `v1,` and the HMAC-SHA256 of `id.second.body` in base64.
fn signature(secret: &[u8], id: &str, second: i64, body: &[u8]) -> Result<String, Failure> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|error| failed(format!("no key: {error}")))?;
    mac.update(format!("{id}.{second}.").as_bytes());
    mac.update(body);
    Ok(format!("v1,{}", base64(&mac.finalize().into_bytes())))
}

/// Lets only addresses of the public internet through, unless the host is trusted. Addresses that are written as such do
/// not come here: they were judged with the URL.
#[derive(Debug)]
struct Gate {
    trusted: bool,
    names: Arc<dyn NameLookup>,
}

impl Resolve for Gate {
    fn resolve(&self, name: Name) -> Resolving {
        let (trusted, names) = (self.trusted, Arc::clone(&self.names));
        Box::pin(async move {
            let addresses = look_up(&*names, name.as_str()).await?;
            if let Some(inside) = addresses.iter().find(|address| !trusted && !is_public(**address)) {
                let message = format!(
                    "it leads to {inside}, which is not of the public internet; if it may be told all the same, name it in \
                     notify.trusted_hosts"
                );
                return Err(io::Error::other(message).into());
            }
            // The port of the URL comes in place of 0.
            Ok(Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use rstest::rstest;

    use super::*;

    fn made(url: &str, trusted: &[&str]) -> Result<WebhookRecipient, WebhookError> {
        let trusted = Hosts::new(trusted).unwrap();
        let settings =
            WebhookSettings { url: url.into(), secret_file: "/nowhere".into(), trusted, wanted: Wanted::default() };
        WebhookRecipient::new("one", settings)
    }

    #[rstest]
    #[case::another_scheme("ftp://host.example/", "must be https")]
    #[case::no_tls("http://host.example/", "must be https")]
    #[case::loopback("https://127.0.0.1/", "notify.trusted_hosts")]
    #[case::private("https://10.1.2.3/", "notify.trusted_hosts")]
    #[case::in_other_clothes("https://[::ffff:169.254.169.254]/", "notify.trusted_hosts")]
    #[case::written_oddly("https://2130706433/", "notify.trusted_hosts")]
    #[case::named_local("https://localhost/", "notify.trusted_hosts")]
    #[case::with_a_login("https://me:k3y@host.example/", "holds a login")]
    #[case::no_address("host.example", "not a URL")]
    fn addresses_that_are_not_told(#[case] url: &str, #[case] why: &str) {
        let error = made(url, &[]).unwrap_err().to_string();
        assert!(error.contains(why) && !error.contains("k3y"), "{error}");
    }

    #[test]
    fn hosts_that_are_trusted_may_be_anywhere() {
        for url in ["http://127.0.0.1:9000/x", "http://[::1]/", "http://hooks.corp.example/"] {
            assert!(made(url, &["127.0.0.1", "::1", "*.corp.example"]).is_ok(), "{url}");
        }
        assert!(made("https://hooks.example/secret-path", &[]).is_ok());
    }

    #[rstest]
    #[case::seconds(" 120 ", Some("2026-01-01T00:02:00Z"))]
    #[case::a_date("Thu, 01 Jan 2026 00:00:07 GMT", Some("2026-01-01T00:00:07Z"))]
    #[case::of_the_past("Thu, 01 Jan 2015 00:00:00 GMT", Some("2015-01-01T00:00:00Z"))]
    #[case::beyond_all_time("18446744073709551615", None)]
    #[case::less_than_nothing("-5", None)]
    #[case::words("later", None)]
    fn what_a_receiver_wishes(#[case] said: &'static str, #[case] expected: Option<&str>) {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(when(&HeaderValue::from_static(said), now), expected.map(|time| time.parse().unwrap()));
    }

    #[test]
    fn a_signature_is_as_others_make_it() {
        // Made by the standard library of Python.
        let expected = "v1,ZN4MJMpyyRom5+LUgxc0tmBdC+kPGevofF0h2j5luig=";
        let secret = b"a secret of some length";
        assert_eq!(signature(secret, "test-1", 1_700_000_000, br#"{"type":"test"}"#).unwrap(), expected);
    }

    #[test]
    fn a_secret_is_read_from_a_file_of_some_length_and_not_beyond() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        let told = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read_secret(&path).map_err(|failure| failure.message.to_string())
        };
        assert_eq!(told(" a secret of some length\n"), Ok(b"a secret of some length".to_vec()));
        assert!(told("short").unwrap_err().contains("16 to 1024 bytes"));
        assert!(told(&"x".repeat(4097)).unwrap_err().contains("more than 4096 bytes"));
        assert!(read_secret(Path::new("/dev/zero")).unwrap_err().message.contains("more than 4096 bytes"));
    }

    #[derive(Debug)]
    struct Names(Vec<IpAddr>);

    #[async_trait]
    impl NameLookup for Names {
        async fn addresses(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            Ok(self.0.clone())
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_dialled() {
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let gate = |trusted, texts: &[&str]| Gate { trusted, names: Arc::new(Names(addresses(texts))) };
        let reach = async |gate: Gate| gate.resolve("hooks.example".parse().unwrap()).await.map(Iterator::count);
        assert_eq!(reach(gate(false, &["1.1.1.1", "9.9.9.9"])).await.unwrap(), 2);
        let error = reach(gate(false, &["1.1.1.1", "10.0.0.1"])).await.unwrap_err().to_string();
        assert!(error.contains("10.0.0.1") && error.contains("notify.trusted_hosts"), "{error}");
        assert_eq!(reach(gate(true, &["10.0.0.1"])).await.unwrap(), 1);
    }
}
