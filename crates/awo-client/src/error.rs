//! Why a call came to nothing.

use std::time::Duration;

use http::StatusCode;

use crate::types::Problem;

/// The cause of something, whatever it is.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not the address of a server.
    #[error("{0:?} is not the address of a server: expected http://…, https://… (with the feature `tls`) or unix:PATH")]
    Address(String),
    /// The key is not one.
    #[error("the API key is not one: make one with `awo keys create`")]
    Key,
    /// No client can be made, or no request of what was given.
    #[error("cannot make the request")]
    Request(#[source] BoxError),
    /// The server does not answer, or the answer broke off.
    #[error("cannot reach the server at {place}: {}", root_cause(&**cause))]
    Unreachable {
        /// Where it should be.
        place: String,
        /// Why not. Its root is in the message, so it is no source.
        cause: BoxError,
    },
    /// The server says why it does not do this.
    #[error("{}", told(problem))]
    Problem {
        /// What it says.
        problem: Box<Problem>,
        /// When it may be asked again, if it says so.
        retry_after: Option<Duration>,
    },
    /// The answer is neither what was asked for nor a problem.
    #[error("the server answered {0}")]
    Status(StatusCode),
    /// The answer is no stream of events.
    #[error("the server's answer is no stream of events; is something else at this address?")]
    NoStream,
    /// The answer has another form than this version of the client knows.
    #[error("the server's answer has another form than expected")]
    Form(#[source] serde_json::Error),
}

impl Error {
    /// The status of the answer, if there was one that is an error.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Problem { problem, .. } => StatusCode::from_u16(u16::try_from(problem.status).ok()?).ok(),
            Self::Status(status) => Some(*status),
            _ => None,
        }
    }

    /// Whether the same call may succeed by itself a little later: the server cannot be reached, is asked too much, or says
    /// that it cannot do this now.
    pub fn is_unavailable(&self) -> bool {
        let passing = |status: StatusCode| matches!(status.as_u16(), 429 | 502..=504);
        matches!(self, Self::Unreachable { .. }) || self.status().is_some_and(passing)
    }

    /// How long the server wants to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Problem { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// What a problem says to a person: each field that cannot be used, else what happened.
fn told(problem: &Problem) -> String {
    let fields = problem.errors.iter().map(|error| {
        let place = error.loc.iter().skip(1).map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned));
        format!("{}: {}", place.collect::<Vec<_>>().join("."), error.msg)
    });
    let fields: Vec<_> = fields.collect();
    if !fields.is_empty() {
        fields.join("\n     ")
    } else if problem.detail.is_empty() {
        problem.title.clone()
    } else {
        problem.detail.clone()
    }
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
