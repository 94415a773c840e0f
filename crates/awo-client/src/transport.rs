//! How requests reach the interface: over the network, or in whatever way a program has.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use http::{Request, Response};

use crate::error::BoxError;

/// The body of an answer, as it comes.
pub type Body = BoxStream<'static, Result<Bytes, BoxError>>;

/// How long an answer is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// So long that the longest question which waits for news is answered.
    Answer,
    /// For ever, as long as there is a sign of life now and then.
    Stream,
}

/// A way to the interface.
///
/// # Contract
/// The request has a path and a query, without scheme and host, which the transport knows. What comes back is the answer,
/// whatever its status; an error means that there is none.
///
/// # Cancellation
/// Dropping the call, or the body, gives the request up.
#[async_trait]
pub trait Transport: Debug + Send + Sync {
    /// Where it leads, for messages.
    fn place(&self) -> &str;

    /// Sends a request.
    async fn send(&self, request: Request<Bytes>, patience: Patience) -> Result<Response<Body>, BoxError>;
}
