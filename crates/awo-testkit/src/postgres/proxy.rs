//! A network between a client and a server, which fails on command.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::messages::Messages;

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    Fair,
    /// Nothing gets through, and nobody is told.
    Silent,
}

/// Listens on loopback and forwards to a server's socket. Ends with this value.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    /// The last is of the connections that are made now; the others are of those that were lost.
    weather: Arc<Mutex<Vec<watch::Sender<Weather>>>>,
    /// Statements that got through.
    statements: Arc<AtomicUsize>,
    listening: JoinHandle<()>,
}

impl Proxy {
    /// Forwards to a socket.
    ///
    /// # Panics
    /// If there is no port.
    pub async fn to(socket: PathBuf) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("there is a free port");
        let port = listener.local_addr().expect("it listens").port();
        let weather = Arc::new(Mutex::new(vec![watch::Sender::new(Weather::Fair)]));
        let statements = Arc::<AtomicUsize>::default();
        let (seen, counted) = (Arc::clone(&weather), Arc::clone(&statements));
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Some(weather) = now(&seen).last().map(watch::Sender::subscribe) else { return };
                let (socket, counted) = (socket.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    let Ok(server) = UnixStream::connect(socket).await else { return };
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    let mut messages = Messages::default();
                    let count = move |piece: &[u8]| {
                        counted.fetch_add(messages.statements(piece), Ordering::SeqCst);
                    };
                    tokio::join!(
                        forward(from_client, to_server, weather.clone(), count),
                        forward(from_server, to_client, weather, |_| {})
                    );
                });
            }
        });
        Self { port, weather, statements, listening }
    }

    /// Where clients reach it, in the place of the server.
    pub fn url(&self) -> String {
        format!("postgres://awo@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// How many statements got through, on all connections.
    pub fn statements(&self) -> usize {
        self.statements.load(Ordering::SeqCst)
    }

    /// From now on nothing gets through, and nobody is told.
    pub fn go_silent(&self) {
        self.set(Weather::Silent);
    }

    /// From now on nothing gets through on the connections that there are, for ever, and nobody is told. New ones are fine.
    pub fn lose_connections(&self) {
        self.set(Weather::Silent);
        now(&self.weather).push(watch::Sender::new(Weather::Fair));
    }

    /// From now on all gets through, also what was kept back.
    pub fn clear(&self) {
        self.set(Weather::Fair);
    }

    fn set(&self, weather: Weather) {
        now(&self.weather).last().map(|now| now.send_replace(weather));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

fn now(weather: &Mutex<Vec<watch::Sender<Weather>>>) -> MutexGuard<'_, Vec<watch::Sender<Weather>>> {
    weather.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn forward(
    mut from: impl tokio::io::AsyncRead + Unpin,
    mut to: impl tokio::io::AsyncWrite + Unpin,
    mut weather: watch::Receiver<Weather>,
    mut passing: impl FnMut(&[u8]),
) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut piece = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let fair = weather.wait_for(|weather| *weather == Weather::Fair).await.is_ok();
        if fair {
            passing(&piece[..length]);
        }
        if !fair || to.write_all(&piece[..length]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await; // the other side may be gone
}
