//! The way over the network.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt as _;
use http::{HeaderMap, HeaderValue, Request, Response, header};

use crate::error::{BoxError, Error};
use crate::reached::Reached;
use crate::transport::{Body, Patience, Transport};

/// How long a server may take to accept.
const CONNECT: Duration = Duration::from_secs(5);
/// How long it may take to answer; the longest question that waits for news is shorter.
const ANSWER: Duration = Duration::from_secs(90);
/// How long a stream may say nothing; it gives a sign of life much more often.
const SILENCE: Duration = Duration::from_secs(20);

/// A server at an address.
#[derive(Debug)]
pub(crate) struct Remote {
    /// Its address, as it was given.
    place: String,
    base: String,
    http: reqwest::Client,
    streams: reqwest::Client,
}

impl Remote {
    pub(crate) fn new(address: &str, key: Option<&str>) -> Result<Self, Error> {
        let mut shown = HeaderMap::new();
        if let Some(key) = key {
            let mut value = HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| Error::Key)?;
            value.set_sensitive(true);
            shown.insert(header::AUTHORIZATION, value);
        }
        let reached = Reached::new(address)?;
        let builder = || {
            reached
                .begin()
                .connect_timeout(CONNECT)
                .redirect(reqwest::redirect::Policy::none()) // the key is for this server only
                .default_headers(shown.clone())
        };
        let http = builder().timeout(ANSWER).build().map_err(|error| Error::Request(error.into()))?;
        let streams = builder().read_timeout(SILENCE).build().map_err(|error| Error::Request(error.into()))?;
        Ok(Self { place: address.to_owned(), base: reached.base().to_owned(), http, streams })
    }
}

#[async_trait]
impl Transport for Remote {
    fn place(&self) -> &str {
        &self.place
    }

    async fn send(&self, request: Request<Bytes>, patience: Patience) -> Result<Response<Body>, BoxError> {
        let client = if patience == Patience::Stream { &self.streams } else { &self.http };
        let (parts, body) = request.into_parts();
        let request = client.request(parts.method, format!("{}{}", self.base, parts.uri)).headers(parts.headers);
        let mut answer = request.body(body).send().await?;
        let mut response = Response::new(());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        let pieces = futures::stream::try_unfold(answer, async |mut answer| {
            Ok::<_, reqwest::Error>(answer.chunk().await?.map(|piece| (piece, answer)))
        });
        Ok(response.map(|()| Box::pin(pieces.map_err(BoxError::from)) as Body))
    }
}
