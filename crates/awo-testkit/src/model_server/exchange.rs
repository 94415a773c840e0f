//! Owns one exchange: a request is understood, its step chosen and played, trouble included.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::vec::IntoIter;

use futures::stream::unfold;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, Response};
use serde_json::{Value, json};

use super::dialect::Dialect;
use super::record::{ModelRequest, Progress, Record, Records, told};
use super::reply::{Piece, Reply};
use super::script::{Choice, Script};
use super::step::{ErrorAnswer, Hang};

/// The answer to a request. Its error is a connection that the script cuts.
pub(super) type Answer = Response<UnsyncBoxBody<Bytes, Cut>>;

/// A stream that ends in the middle.
#[derive(Debug, thiserror::Error)]
#[error("the script cuts the stream here")]
pub(super) struct Cut;

/// All exchanges of a server.
#[derive(Debug)]
pub(super) struct Exchanges {
    script: Script,
    records: Arc<Records>,
    /// How often each step has failed: the one thing that is remembered, as `times` counts it.
    failed: Mutex<HashMap<(String, usize), u64>>,
}

impl Exchanges {
    pub(super) fn new(script: Script, records: Arc<Records>) -> Self {
        Self { script, records, failed: Mutex::default() }
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let body = match body.collect().await {
            Ok(body) => serde_json::from_slice(&body.to_bytes()).unwrap_or(Value::Null),
            Err(_) => Value::Null,
        };
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let record = self.records.begin(ModelRequest {
            method: head.method.to_string(),
            path: path.to_owned(),
            headers: told(&head.headers),
            body: body.clone(),
            prompt: String::new(),
            model: String::new(),
            streamed: false,
            step: None,
            status: None,
            progress: Progress::Asked,
        });
        match Dialect::of(head.uri.path()) {
            Some(dialect) if head.method == Method::POST => self.play(dialect, head.uri.path(), &body, record).await,
            _ => {
                let message = format!("there is no {} {}", head.method, head.uri.path());
                whole(&record, 404, &json!({"type": "error", "error": {"type": "not_found_error", "message": message}}))
            }
        }
    }

    async fn play(&self, dialect: Dialect, path: &str, body: &Value, record: Record) -> Answer {
        let talk = dialect.read(path, body);
        let choice = self.script.choose(&talk);
        record.understood(&talk, &choice.rule, choice.index);
        tokio::time::sleep(choice.step.delay).await;
        if choice.step.hang == Some(Hang::Request) {
            record.progress(Progress::Hanging);
            // Until the client hangs up, which drops this exchange.
            std::future::pending::<()>().await;
        }
        let mut answer = match self.failure(&choice) {
            Some(error) => whole(&record, error.status, &dialect.error(error)),
            None => match dialect.reply(&talk, choice.step, record.number) {
                Reply::Whole(body) => whole(&record, 200, &body),
                Reply::Stream(stream) => streamed(record, stream.into_pieces()),
            },
        };
        for (name, value) in &choice.step.headers {
            let name = HeaderName::try_from(name).expect("a name of a header");
            answer.headers_mut().insert(name, HeaderValue::try_from(value).expect("a value of a header"));
        }
        answer
    }

    /// The error of a step, unless it has failed often enough.
    fn failure<'a>(&self, choice: &Choice<'a>) -> Option<&'a ErrorAnswer> {
        let error = choice.step.error.as_ref()?;
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failed.entry((choice.rule.clone(), choice.index)).or_default();
        if error.times.is_some_and(|times| *count >= times) {
            return None;
        }
        *count += 1;
        Some(error)
    }
}

fn whole(record: &Record, status: u16, body: &Value) -> Answer {
    record.status(status);
    record.progress(Progress::Answered);
    let body = Full::new(Bytes::from(body.to_string())).map_err(|never: Infallible| match never {});
    let mut answer = Response::new(body.boxed_unsync());
    *answer.status_mut() = hyper::StatusCode::from_u16(status).expect("an HTTP status");
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.headers_mut().insert("request-id", HeaderValue::from_static("req_of_the_script"));
    answer
}

fn streamed(record: Record, pieces: Vec<Piece>) -> Answer {
    record.status(200);
    let frames = unfold((record, pieces.into_iter()), next);
    let mut answer = Response::new(StreamBody::new(frames).boxed_unsync());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer
}

type Rest = (Record, IntoIter<Piece>);

/// The next frame of a stream, once its time has come.
async fn next((record, mut pieces): Rest) -> Option<(Result<Frame<Bytes>, Cut>, Rest)> {
    loop {
        match pieces.next() {
            Some(Piece::Text(text)) => return Some((Ok(Frame::data(Bytes::from(text))), (record, pieces))),
            Some(Piece::Pause(time)) => tokio::time::sleep(time).await,
            Some(Piece::Hang) => {
                record.progress(Progress::Hanging);
                std::future::pending::<()>().await;
            }
            Some(Piece::Cut) => {
                record.progress(Progress::Answered);
                // What was said before is to arrive: the connection sends it when this waits.
                tokio::task::yield_now().await;
                return Some((Err(Cut), (record, pieces)));
            }
            None => {
                record.progress(Progress::Answered);
                return None;
            }
        }
    }
}
