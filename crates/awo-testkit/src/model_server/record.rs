//! Owns the memory of what the server was asked, without keys.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::HeaderMap;
use serde_json::Value;

use super::dialect::Talk;

/// Headers whose values are keys.
const KEYS: [&str; 4] = ["authorization", "cookie", "x-api-key", "x-goog-api-key"];

/// A request as it was seen.
#[derive(Debug, Clone)]
pub struct ModelRequest {
    /// Its method.
    pub method: String,
    /// Its path and query.
    pub path: String,
    /// Its header fields, names in lower case. Values of keys are `(a key)`.
    pub headers: Vec<(String, String)>,
    /// Its body; `null` if it is not JSON.
    pub body: Value,
    /// The last thing a user said, without what the program added by itself.
    pub prompt: String,
    /// The model it is for.
    pub model: String,
    /// Whether it wants a stream.
    pub streamed: bool,
    /// The rule of the script that was taken, and the number of the step.
    pub step: Option<(String, usize)>,
    /// The status that was answered, as soon as one was.
    pub status: Option<u16>,
    /// How far it is.
    pub progress: Progress,
}

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It has come, and is being answered.
    Asked,
    /// Its client waits for words that will not come.
    Hanging,
    /// Its answer was sent, or as much of it as the script has.
    Answered,
    /// Its client left before the end of the answer.
    Left,
}

#[derive(Debug, Default)]
pub(super) struct Records(Mutex<Vec<ModelRequest>>);

/// The way to one record. A record whose answer was not finished when this is dropped has lost its client.
#[derive(Debug)]
pub(super) struct Record {
    records: Arc<Records>,
    /// Place among all requests of the server, from 0.
    pub(super) number: usize,
}

impl Records {
    pub(super) fn all(&self) -> Vec<ModelRequest> {
        self.lock().clone()
    }

    pub(super) fn begin(self: &Arc<Self>, request: ModelRequest) -> Record {
        let mut all = self.lock();
        all.push(request);
        Record { records: Arc::clone(self), number: all.len() - 1 }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ModelRequest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    pub(super) fn understood(&self, talk: &Talk, rule: &str, step: usize) {
        self.change(|request| {
            request.prompt.clone_from(&talk.prompt);
            request.model.clone_from(&talk.model);
            request.streamed = talk.streamed;
            request.step = Some((rule.to_owned(), step));
        });
    }

    pub(super) fn status(&self, status: u16) {
        self.change(|request| request.status = Some(status));
    }

    pub(super) fn progress(&self, progress: Progress) {
        self.change(|request| request.progress = progress);
    }

    fn change(&self, change: impl FnOnce(&mut ModelRequest)) {
        change(&mut self.records.lock()[self.number]);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.change(|request| {
            if request.progress != Progress::Answered {
                request.progress = Progress::Left;
            }
        });
    }
}

/// Header fields without keys.
pub(super) fn told(headers: &HeaderMap) -> Vec<(String, String)> {
    let value = |name: &str, value: &[u8]| match name {
        key if KEYS.contains(&key) => "(a key)".to_owned(),
        _ => String::from_utf8_lossy(value).into_owned(),
    };
    headers.iter().map(|(name, text)| (name.to_string(), value(name.as_str(), text.as_bytes()))).collect()
}
