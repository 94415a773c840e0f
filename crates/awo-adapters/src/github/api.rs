//! One call of GitHub's REST interface: sent with the token, bounded, repeated where that is safe, told without secrets.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use awo_models::{Failure, FailureCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{ACCEPT, AUTHORIZATION, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Response, Url, redirect};
use serde_json::Value;

use super::limits::{Signs, Verdict, judge};
use crate::{ForgeTokens, FoundToken};

/// Times for one request.
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(30);
/// Times that a call is tried at most.
const TRIES: u32 = 4;
/// Wait after the first trouble; doubled each time.
const PAUSE: Duration = Duration::from_millis(500);
/// Bytes of an answer at most.
const LARGEST: usize = 8 << 20;
/// Characters of GitHub's own words that are told.
const SHOWN: usize = 300;

/// The address of the interface cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot use the address {address:?} of GitHub's interface: it must be https, without login, query or fragment \
     (http is for this machine only)"
)]
pub struct ApiAddressError {
    address: String,
}

/// Whether a call may be sent again when it is not known what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Yes: it asks, or doing it twice is doing it once.
    Safely,
    /// No: the caller finds out first.
    AfterALook,
}

/// Why a call came to nothing.
#[derive(Debug)]
pub(super) enum CallError {
    /// It was refused, with this status; nothing was done.
    Refused(u16, Failure),
    /// It may have been done.
    Unknown(Failure),
    /// It was not done.
    Failed(Failure),
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(_, failure) | CallError::Unknown(failure) | CallError::Failed(failure) => failure,
        }
    }
}

/// GitHub's REST interface.
#[derive(Debug)]
pub(super) struct Api {
    base: Url,
    tokens: Arc<ForgeTokens>,
    max_wait: Duration,
    /// Made at the first call: reading the certificates of the machine takes a while, and most commands call nobody.
    client: OnceLock<Result<Client, String>>,
}

impl Api {
    pub(super) fn new(address: &str, tokens: Arc<ForgeTokens>, max_wait: Duration) -> Result<Self, ApiAddressError> {
        let refused = || ApiAddressError { address: crate::address::redacted(address) };
        let base = Url::parse(address.trim_end_matches('/')).map_err(|_| refused())?;
        let here = matches!(base.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
        let plain = base.username().is_empty() && base.password().is_none() && base.query().is_none();
        let scheme = base.scheme() == "https" || (base.scheme() == "http" && here);
        if !plain || !scheme || base.fragment().is_some() || base.cannot_be_a_base() {
            return Err(refused());
        }
        Ok(Self { base, tokens, max_wait, client: OnceLock::new() })
    }

    /// Whether an address of a page, which GitHub says, is one that can be shown as a link.
    pub(super) fn is_page(&self, address: &str) -> bool {
        let url = Url::parse(address).ok().filter(|_| address.len() <= 500 && !address.contains(char::is_control));
        url.is_some_and(|url| url.scheme() == "https" || url.origin() == self.base.origin())
    }

    /// Calls, waits out what may be waited out, and answers with the JSON of the answer.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
        repeat: Repeat,
    ) -> Result<Value, CallError> {
        let failed = |message: String| CallError::Failed(Failure::new(FailureCode::ForgeFailed, message));
        let client = self.client().map_err(failed)?;
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let what = format!("{method} {} of {}", url.path(), self.base.host_str().unwrap_or("GitHub"));
        let found = self.tokens.find().await;
        let mut waited = Duration::ZERO;
        for attempt in 1.. {
            let mut request = client.request(method.clone(), url.clone()).query(query).headers(headers(found.as_ref()));
            if let Some(body) = body {
                request = request.json(body);
            }
            let answered = match request.send().await {
                Ok(response) => read(response).await,
                Err(error) => Err(error),
            };
            let (wait, error) = match answered {
                Ok((signs, value)) => match judge(&signs) {
                    Verdict::Done => return Ok(value),
                    Verdict::Refused => {
                        let failure = refusal(&what, &signs, found.as_ref());
                        return Err(CallError::Refused(signs.status, failure));
                    }
                    Verdict::Limited(wait, until) => (wait, CallError::Failed(limited(&what, wait, until))),
                    Verdict::Trouble => {
                        let message = format!("{what} was answered with {}", told(&signs));
                        (PAUSE * 2_u32.pow(attempt - 1), CallError::Unknown(trouble(message)))
                    }
                },
                Err(error) => {
                    let failure = trouble(format!("{what} was not answered: {}", causes(&error)));
                    // Without a connection nothing was asked.
                    let sent = !error.is_connect();
                    let error = if sent { CallError::Unknown(failure) } else { CallError::Failed(failure) };
                    (PAUSE * 2_u32.pow(attempt - 1), error)
                }
            };
            let must_look = repeat == Repeat::AfterALook && matches!(error, CallError::Unknown(_));
            if must_look || attempt == TRIES || waited + wait > self.max_wait {
                return Err(without_token(error, found.as_ref()));
            }
            waited += wait;
            tokio::time::sleep(wait).await;
        }
        unreachable!("the last try returns")
    }

    fn client(&self) -> Result<&Client, String> {
        let made = self.client.get_or_init(|| {
            let origin = self.base.origin();
            // The token goes where it was meant for. A repository that was renamed is answered with a redirect there.
            let policy = redirect::Policy::custom(move |attempt| {
                if attempt.url().origin() == origin && attempt.previous().len() < 5 {
                    attempt.follow()
                } else {
                    attempt.stop()
                }
            });
            let builder = Client::builder().connect_timeout(CONNECT).timeout(ANSWER).redirect(policy);
            let builder = builder.user_agent(concat!("awo/", env!("CARGO_PKG_VERSION")));
            // Without TLS there is nothing to look certificates up for.
            let builder = if self.base.scheme() == "http" { builder.tls_certs_only([]) } else { builder };
            builder.build().map_err(|error| format!("cannot make an HTTP client: {}", causes(&error)))
        });
        made.as_ref().map_err(Clone::clone)
    }
}

fn headers(found: Option<&FoundToken>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
    headers.insert("x-github-api-version", HeaderValue::from_static("2022-11-28"));
    let value = found.and_then(|found| HeaderValue::from_str(&format!("Bearer {}", found.token.reveal())).ok());
    if let Some(mut value) = value {
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    headers
}

/// The signs of an answer, and its JSON; null if it is none.
async fn read(mut response: Response) -> Result<(Signs, Value), reqwest::Error> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let mut signs = Signs {
        status: response.status().as_u16(),
        retry_after: header(RETRY_AFTER.as_str()).and_then(|text| text.trim().parse().ok()),
        remaining: header("x-ratelimit-remaining").and_then(|text| text.trim().parse().ok()),
        reset: header("x-ratelimit-reset").and_then(|text| text.trim().parse().ok()),
        date: header(DATE.as_str()).and_then(|text| DateTimeParser::new().parse_timestamp(text).ok()),
        message: String::new(),
    };
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await? {
        if bytes.len() + piece.len() > LARGEST {
            bytes.clear();
            break;
        }
        bytes.extend_from_slice(&piece);
    }
    let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    signs.message = words(&value);
    Ok((signs, value))
}

/// What an answer that is no success says, as one line.
fn words(value: &Value) -> String {
    let mut said: Vec<&str> = value["message"].as_str().into_iter().collect();
    for error in value["errors"].as_array().into_iter().flatten() {
        said.extend(error["message"].as_str().or_else(|| error.as_str()));
    }
    let line = said.join("; ");
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect()
}

fn told(signs: &Signs) -> String {
    if signs.message.is_empty() { signs.status.to_string() } else { format!("{} ({})", signs.status, signs.message) }
}

fn trouble(message: String) -> Failure {
    Failure::new(FailureCode::ForgeFailed, message)
}

fn refusal(what: &str, signs: &Signs, found: Option<&FoundToken>) -> Failure {
    let token = found.map_or_else(|| "no token".to_owned(), |found| format!("the token of {}", found.origin));
    let cure = match signs.status {
        301..=308 => format!("; {token} is not sent elsewhere: use the repository's present address"),
        401 => format!("; {token} is not accepted: make a new one"),
        403 => format!("; {token} lacks the right: it needs contents, pull requests and issues, to read and write"),
        404 => format!("; there is no such thing, or {token} does not show it"),
        _ => String::new(),
    };
    let failure = trouble(format!("{what} was refused with {}{cure}", told(signs)));
    match found {
        Some(found) => Failure { message: found.token.secrets().redact(&failure.message).into(), ..failure },
        None => failure,
    }
}

fn limited(what: &str, wait: Duration, until: Option<Timestamp>) -> Failure {
    let when = until.map_or_else(|| format!("in {} s", wait.as_secs()), |until| format!("at {until}"));
    let message = format!("{what} was refused because of a rate limit, which resets {when}; retry the order then");
    Failure { until, ..trouble(message) }
}

/// A server, or something between, may echo what it was sent.
fn without_token(error: CallError, found: Option<&FoundToken>) -> CallError {
    let Some(found) = found else { return error };
    let clean =
        |failure: Failure| Failure { message: found.token.secrets().redact(&failure.message).into(), ..failure };
    match error {
        CallError::Refused(status, failure) => CallError::Refused(status, clean(failure)),
        CallError::Unknown(failure) => CallError::Unknown(clean(failure)),
        CallError::Failed(failure) => CallError::Failed(clean(failure)),
    }
}

/// The error and its causes; the address, which the caller has told, is left out.
fn causes(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "it took too long" } else { "the connection failed" }.to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(address: &str) -> Result<Api, ApiAddressError> {
        Api::new(address, Arc::new(ForgeTokens::new("github.com", Vec::new())), Duration::ZERO)
    }

    #[test]
    fn tokens_go_over_https_or_stay_on_this_machine() {
        for address in
            ["https://api.github.com", "https://forge.example:8443/api/v3/", "http://127.0.0.1:1", "http://[::1]:1"]
        {
            assert!(api(address).is_ok(), "{address}");
        }
        for address in [
            "http://api.github.com",
            "http://127.0.0.1.evil.example",
            "https://me:secret@api.github.com",
            "https://api.github.com/?a=b",
            "ftp://api.github.com",
            "api.github.com",
            "",
        ] {
            let error = api(address).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn only_addresses_that_can_be_shown_count_as_pages() {
        let api = api("https://api.github.com").unwrap();
        assert!(api.is_page("https://github.com/o/r/pull/1"));
        for address in ["javascript:alert(1)", "http://github.com/o/r/pull/1", "https://github.com/\n", ""] {
            assert!(!api.is_page(address), "{address}");
        }
    }
}
