//! Follows a stream across lost connections and servers: each message once, by its id.

mod reader;

use std::time::Duration;

use futures::Stream;
use http::HeaderName;
use http::header::{ACCEPT, CONTENT_TYPE};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::call::Asked;
use crate::client::Client;
use crate::error::Error;
use crate::transport::Patience;
use reader::Reader;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Times in a row that a lost server is asked again before following ends.
const RECONNECTS: u32 = 60;
/// Pause after a stream that ended, as that of a server that shuts down does; doubled with each time that none is there.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// The longest of these, unless the server asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// What the server may ask for at most.
const LONGEST_WISH: Duration = Duration::from_mins(1);

/// What there is to know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum News {
    /// The stream says something.
    Message(Message),
    /// The server does not answer; it is asked again. Said once each time.
    Lost,
}

/// What a stream says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// Its id, if what it tells is stored.
    pub id: Option<String>,
    /// Its kind.
    pub event: String,
    /// What it tells: JSON.
    pub data: String,
}

impl Message {
    /// The number of an event or of a line.
    pub fn number(&self) -> Option<u64> {
        self.id.as_ref().and_then(|id| id.parse().ok())
    }

    /// What it tells, as a type of the wire.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.data).map_err(Error::Form)
    }
}

/// Whether ids are numbers that grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbered {
    Yes,
    No,
}

/// A stream that is opened again where it broke off: no message is missing, and none comes twice. Where the server has
/// another history by now, such as an older one, it says `reset` and all of it follows. Nothing is sent before this is asked
/// for the first message.
///
/// # Cancellation
/// Dropping a call of [`next`](Self::next) loses nothing; dropping this closes the stream.
#[derive(Debug)]
pub struct Following {
    client: Client,
    asked: Asked,
    last: Option<String>,
    numbered: Numbered,
    reader: Option<Reader>,
    /// When the reader's stream was opened.
    opened: Instant,
    failures: u32,
    /// Whether it was told that there is no server.
    lost: bool,
    pause: Option<Duration>,
    ended: bool,
}

impl Following {
    pub(crate) fn new(client: &Client, asked: Asked, last: Option<String>, numbered: Numbered) -> Self {
        let asked = asked.header(ACCEPT, Some("text/event-stream"));
        let client = client.clone();
        Self {
            client,
            asked,
            last,
            numbered,
            reader: None,
            opened: Instant::now(),
            failures: 0,
            lost: false,
            pause: None,
            ended: false,
        }
    }

    /// What comes next; `None` after the message `end`. An error says that there is nothing to follow, or that the server was
    /// away for too long; asked again, this tries again.
    pub async fn next(&mut self) -> Option<Result<News, Error>> {
        while !self.ended {
            if let Some(pause) = self.pause {
                tokio::time::sleep(pause).await;
                self.pause = None;
            }
            let Some(reader) = &mut self.reader else {
                let asked = self.asked.clone().header(LAST_EVENT_ID, self.last.as_deref());
                match open(&self.client, asked).await {
                    Ok(reader) => (self.reader, self.opened) = (Some(reader), Instant::now()),
                    Err(error) if error.is_unavailable() && self.failures < RECONNECTS => {
                        self.pause = Some(pause_after(self.failures, error.retry_after()));
                        self.failures += 1;
                        if !std::mem::replace(&mut self.lost, true) {
                            return Some(Ok(News::Lost));
                        }
                    }
                    Err(error) => {
                        self.failures = 0;
                        return Some(Err(error));
                    }
                }
                continue;
            };
            let Some(message) = reader.next().await else {
                self.reader = None;
                if self.opened.elapsed() >= LONGEST_PAUSE {
                    (self.failures, self.lost) = (0, false);
                } else if self.failures >= RECONNECTS {
                    self.failures = 0;
                    return Some(Err(self.client.unreachable("its stream ends as soon as it has begun".into())));
                }
                self.pause = Some(pause_after(self.failures, None));
                self.failures += 1;
                continue;
            };
            if message.event == "reset" && message.id.is_none() {
                self.last = None; // what is there is another history, and all of it follows
            }
            if self.is_known(&message) {
                continue;
            }
            if message.id.is_some() {
                (self.failures, self.lost) = (0, false);
            }
            if message.id.is_some() {
                self.last.clone_from(&message.id);
            }
            self.ended = message.event == "end";
            return Some(Ok(News::Message(message)));
        }
        None
    }

    /// The same as a stream. It ends with `end`, and after an error.
    pub fn into_stream(self) -> impl Stream<Item = Result<News, Error>> + Send {
        futures::stream::unfold(Some(self), |following| async {
            let mut following = following?;
            let news = following.next().await?;
            let rest = news.is_ok().then_some(following);
            Some((news, rest))
        })
    }

    /// Whether it came before.
    fn is_known(&self, message: &Message) -> bool {
        let last = self.last.as_ref().and_then(|last| last.parse::<u64>().ok());
        self.numbered == Numbered::Yes && message.number().zip(last).is_some_and(|(number, last)| number <= last)
    }
}

async fn open(client: &Client, asked: Asked) -> Result<Reader, Error> {
    let answer = asked.ask(client, Patience::Stream).await?;
    let form = answer.headers().get(CONTENT_TYPE).map(|form| form.as_bytes().to_ascii_lowercase());
    if form.is_some_and(|form| form.starts_with(b"text/event-stream")) {
        Ok(Reader::new(answer.into_body()))
    } else {
        Err(Error::NoStream)
    }
}

fn pause_after(failures: u32, wish: Option<Duration>) -> Duration {
    let own = SHORTEST_PAUSE.saturating_mul(1 << failures.min(10)).min(LONGEST_PAUSE);
    own.max(wish.unwrap_or_default().min(LONGEST_WISH))
}
