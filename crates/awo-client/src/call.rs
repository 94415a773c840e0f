//! One call: what is asked, and how the answer is read.

use std::fmt::Write as _;
use std::future::IntoFuture;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt as _;
use futures::future::BoxFuture;
use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::Client;
use crate::error::{BoxError, Error};
use crate::operation::Operation;
use crate::transport::{Body, Patience};

/// A call that is made when it is awaited. Dropping it gives it up; what the server has begun to change, it ends.
#[must_use = "a call is made when it is awaited"]
pub struct Call<T> {
    client: Client,
    asked: Asked,
    read: fn(&Answer) -> Result<T, Error>,
}

impl<T> std::fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("asked", &self.asked).finish_non_exhaustive()
    }
}

/// What is asked. Parts that cannot be put into a request are told when it is made.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    operation: Operation,
    path: String,
    query: String,
    headers: Vec<(HeaderName, String)>,
    body: Option<Bytes>,
}

impl Asked {
    /// An operation, with what stands in its path.
    pub(crate) fn new(operation: Operation, places: &[&str]) -> Self {
        let mut places = places.iter();
        let mut path = String::new();
        for (number, part) in operation.path().split(['{', '}']).enumerate() {
            if number % 2 == 0 {
                path.push_str(part);
            } else {
                path.push_str(&encoded(places.next().unwrap_or(&"")));
            }
        }
        Self { operation, path, query: String::new(), headers: Vec::new(), body: None }
    }

    /// Adds a parameter, if it is given.
    pub(crate) fn query(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            let begin = if self.query.is_empty() { '?' } else { '&' };
            let _ = write!(self.query, "{begin}{}={}", encoded(name), encoded(&value.to_string()));
        }
        self
    }

    /// Adds a header, if it is given.
    pub(crate) fn header(mut self, name: HeaderName, value: Option<impl ToString>) -> Self {
        self.headers.extend(value.map(|value| (name, value.to_string())));
        self
    }

    pub(crate) fn body(mut self, body: &impl Serialize) -> Self {
        self.body = serde_json::to_vec(body).ok().map(Bytes::from); // what is ours can be written
        self
    }

    fn request(self) -> Result<Request<Bytes>, Error> {
        let wrong = |error: BoxError| Error::Request(error);
        let mut request = Request::builder().method(self.operation.method()).uri(self.path + &self.query);
        for (name, value) in self.headers {
            let value = HeaderValue::try_from(value).map_err(|error| wrong(error.into()))?;
            request = request.header(name, value);
        }
        if self.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request.body(self.body.unwrap_or_default()).map_err(|error| wrong(error.into()))
    }

    /// Asks. An answer that is a problem is an error.
    pub(crate) async fn ask(self, client: &Client, patience: Patience) -> Result<Response<Body>, Error> {
        let operation = self.operation;
        let answer = client.transport.send(self.request()?, patience).await;
        let answer = answer.map_err(|cause| client.unreachable(cause))?;
        let status = answer.status();
        // Any other redirect leads away from the server, and nothing was done.
        let is_meant = status == StatusCode::NOT_MODIFIED
            || operation == Operation::FollowLoginLink && status == StatusCode::SEE_OTHER;
        if status.is_success() || is_meant {
            return Ok(answer);
        }
        let answer = Answer::collect(client, answer).await?;
        Err(answer.problem())
    }
}

/// Everything but letters, digits, `-`, `_` and `.` as bytes in hex.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            all.push(char::from(byte));
        } else {
            let _ = write!(all, "%{byte:02X}");
        }
        all
    })
}

/// An answer that is not a problem, as it came.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    async fn collect(client: &Client, answer: Response<Body>) -> Result<Self, Error> {
        let (parts, body) = answer.into_parts();
        let gathered = body.try_fold(BytesMut::new(), async |mut all, piece| {
            all.extend_from_slice(&piece);
            Ok(all)
        });
        let body = gathered.await.map_err(|cause| client.unreachable(cause))?.freeze();
        Ok(Self { status: parts.status, headers: parts.headers, body })
    }

    /// Its body as JSON.
    pub fn json(&self) -> Result<Value, Error> {
        self.read()
    }

    /// Its body as a type of the wire.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(Error::Form)
    }

    /// Its version, for [`Call::unless`].
    pub fn etag(&self) -> Option<&str> {
        self.header(&ETAG)
    }

    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn problem(&self) -> Error {
        let Ok(problem) = self.read() else { return Error::Status(self.status) };
        let retry_after = self.header(&RETRY_AFTER).and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
        Error::Problem { problem: Box::new(problem), retry_after }
    }
}

impl<T> Call<T> {
    pub(crate) fn new(client: &Client, asked: Asked, read: fn(&Answer) -> Result<T, Error>) -> Self {
        Self { client: client.clone(), asked, read }
    }

    /// Makes the call; the answer as it came.
    pub async fn answer(self) -> Result<Answer, Error> {
        let answer = self.asked.ask(&self.client, Patience::Answer).await?;
        Answer::collect(&self.client, answer).await
    }
}

impl<T: DeserializeOwned> Call<T> {
    pub(crate) fn json(client: &Client, asked: Asked) -> Self {
        Self::new(client, asked, Answer::read)
    }

    /// Asks for something only if it has another version than this one, which [`Answer::etag`] told; else there is nothing.
    pub fn unless(self, etag: &str) -> Call<Option<T>> {
        let read = |answer: &Answer| {
            if answer.status == StatusCode::NOT_MODIFIED { Ok(None) } else { answer.read().map(Some) }
        };
        Call { client: self.client, asked: self.asked.header(IF_NONE_MATCH, Some(etag)), read }
    }
}

impl<T: Send + 'static> IntoFuture for Call<T> {
    type Output = Result<T, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let read = self.read;
            read(&self.answer().await?)
        })
    }
}
