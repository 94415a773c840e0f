//! The way to the API for commands: over a socket where a server has the data directory, else to the same routes in this
//! process. So every command sees the same JSON, with and without a server.

use std::sync::Arc;

use async_trait::async_trait;
use awo_client::{Body, BoxError, Client, Error, Patience, Transport};
use axum::http::{HeaderValue, Request, Response, header};
use futures::{StreamExt as _, TryStreamExt as _};
use tower::ServiceExt as _;

use crate::exit::{BAD_INPUT, FAILED, NOT_FOUND, UNAVAILABLE};

/// A client of routes in this process, which answer to `localhost:1`.
pub(crate) fn in_process(router: axum::Router) -> Client {
    Client::over(Arc::new(InProcess(router)))
}

#[derive(Debug)]
struct InProcess(axum::Router);

#[async_trait]
impl Transport for InProcess {
    fn place(&self) -> &'static str {
        "this process"
    }

    async fn send(&self, request: Request<axum::body::Bytes>, _: Patience) -> Result<Response<Body>, BoxError> {
        let mut request = request.map(axum::body::Body::from);
        request.headers_mut().insert(header::HOST, HeaderValue::from_static("localhost:1"));
        let answer = self.0.clone().oneshot(request).await?;
        Ok(answer.map(|body| body.into_data_stream().map_err(BoxError::from).boxed() as Body))
    }
}

/// The exit code that goes with a call that came to nothing.
pub(crate) fn code_of(error: &Error) -> u8 {
    match error.status().map(|status| status.as_u16()) {
        _ if error.is_unavailable() => UNAVAILABLE,
        Some(404) => NOT_FOUND,
        Some(400..=499) => BAD_INPUT,
        None if matches!(error, Error::Key | Error::Address(_)) => BAD_INPUT,
        _ => FAILED,
    }
}
