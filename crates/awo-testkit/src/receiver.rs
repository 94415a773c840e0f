//! A server on this machine that keeps what it is sent and answers as the test says: for what awo sends to others.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Longest time without a byte.
const SILENCE: Duration = Duration::from_secs(90);
/// Bytes of a body at most.
const LARGEST: usize = 8 << 20;

/// How it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// With a status and no body.
    Status(u16),
    /// That the client is to go elsewhere.
    Redirect(String),
    /// With these bytes, whatever they are.
    Bytes(Vec<u8>),
    /// Never: the connection stays open.
    Nothing,
}

/// What it was sent.
#[derive(Debug, Clone)]
pub struct Received {
    /// The path.
    pub path: String,
    /// The header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Received {
    /// A header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, Default)]
struct State {
    received: Vec<Received>,
    next: VecDeque<Reply>,
    usual: Option<Reply>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    ended: AtomicBool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server. It answers 200 unless it is told otherwise.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Receiver {
    /// One that listens.
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::<Shared>::default();
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.ended.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                std::thread::spawn(move || stream.and_then(|stream| serve(stream, &shared)));
            }
        });
        Self { address, shared }
    }

    /// Where it answers, `http://127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How it answers from now on.
    pub fn reply(&self, reply: Reply) {
        self.shared.state().usual = Some(reply);
    }

    /// How it answers the requests that come next, one each.
    pub fn reply_next(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.state().next.extend(replies);
    }

    /// What it was sent so far, in order.
    pub fn received(&self) -> Vec<Received> {
        self.shared.state().received.clone()
    }
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address); // so that it looks
    }
}

/// Takes the requests of a connection, one after the other.
fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(received) = read(&mut reader)? {
        let reply = {
            let mut state = shared.state();
            state.received.push(received);
            state.next.pop_front().or_else(|| state.usual.clone()).unwrap_or(Reply::Status(200))
        };
        match reply {
            Reply::Status(status) => write!(stream, "HTTP/1.1 {status} Status\r\ncontent-length: 0\r\n\r\n")?,
            Reply::Redirect(to) => {
                write!(stream, "HTTP/1.1 307 Elsewhere\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")?;
            }
            Reply::Bytes(bytes) => {
                stream.write_all(&bytes)?;
                return Ok(());
            }
            // Until the client goes.
            Reply::Nothing => return io::copy(&mut reader, &mut io::sink()).map(|_| ()),
        }
    }
    Ok(())
}

/// The next request; `None` when the client has gone.
fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Received>> {
    let broken = || io::Error::other("not a request that this server takes");
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split_whitespace().nth(1).ok_or_else(broken)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or(Ok(0), |(_, value)| value.parse());
    let length = length.ok().filter(|length| *length <= LARGEST).ok_or_else(broken)?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Received { path, headers, body }))
}
