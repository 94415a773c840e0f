//! The accept loop, over real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use awo_http::{Api, Limits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::support::World;
use crate::wait::{held, watched};

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) ended: JoinHandle<std::io::Result<()>>,
}

/// Serves a world's orders on a port of its own.
pub(crate) async fn server(world: &World, limits: Limits, drain: Duration) -> Server {
    server_of(world, drain, |api| api.with_limits(limits)).await
}

/// The same, with an API of another kind.
pub(crate) async fn server_of(world: &World, drain: Duration, configure: impl FnOnce(Api) -> Api) -> Server {
    server_with(world, drain, configure, |server| server).await
}

/// The same, with a server of another kind, too.
pub(crate) async fn server_with(
    world: &World,
    drain: Duration,
    configure: impl FnOnce(Api) -> Api,
    shape: impl FnOnce(awo_http::Server) -> awo_http::Server,
) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let api = configure(Api::new(world.orchestrator.work_orders(), "1.2.3"));
    let server = awo_http::Server::new(api).with_listener(listener).with_drain(drain);
    let ended = tokio::spawn(shape(server).run(shutdown.clone()));
    Server { address, shutdown, ended }
}

impl Server {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// From another address of this machine.
    pub(crate) async fn connect_from(&self, address: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    pub(crate) fn head(&self, path: &str, more: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: localhost:{}\r\n{more}\r\n", self.address.port())
    }

    pub(crate) async fn ask(&self, path: &str) -> String {
        self.ask_on(self.connect().await, path).await
    }

    pub(crate) async fn ask_on(&self, mut stream: TcpStream, path: &str) -> String {
        stream.write_all(self.head(path, "Connection: close\r\n").as_bytes()).await.unwrap();
        rest(&mut stream).await
    }

    /// Logs a page in with what an Authorization header says; its cookie.
    pub(crate) async fn session(&self, authorization: &str) -> String {
        let head = self.head("/login-links", &format!("Authorization: {authorization}\r\nConnection: close\r\n"));
        let mut stream = self.connect().await;
        stream.write_all(head.replacen("GET", "POST", 1).as_bytes()).await.unwrap();
        let link = rest(&mut stream).await;
        let (_, link) = link.split_once("/login?link=").unwrap();
        let entered = self.ask(&format!("/login?link={}", link.split('"').next().unwrap())).await;
        entered.split_once("set-cookie: ").unwrap().1.split(';').next().unwrap().to_owned()
    }
}

/// Everything until the server closes.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text).await; // a reset is an end, too
    text
}

#[tokio::test]
async fn it_answers_to_its_own_port_only() {
    let world = World::new();
    let server = server(&world, Limits::default(), Duration::from_secs(5)).await;
    let health = server.ask("/health").await;
    assert!(health.starts_with("HTTP/1.1 200 OK"), "{health}");
    let mut stream = server.connect().await;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n").await.unwrap();
    let refused = rest(&mut stream).await;
    assert!(refused.starts_with("HTTP/1.1 421"), "{refused}");
    assert!(refused.contains(&format!("http://localhost:{}", server.address.port())), "{refused}");
    server.shutdown.cancel();
    server.ended.await.unwrap().unwrap();
}

/// The clock stands still and jumps to the next deadline when there is nothing to do, so this takes no time.
#[tokio::test(start_paused = true)]
async fn slow_and_silent_clients_are_cut() {
    let world = World::new();
    let limits = Limits { header_timeout: Duration::from_secs(7), ..Limits::default() };
    let server = server(&world, limits, Duration::from_secs(5)).await;
    let begun = Instant::now();
    let mut silent = server.connect().await;
    assert_eq!(rest(&mut silent).await, "");
    assert_eq!(begun.elapsed().as_secs(), 7);
    let begun = Instant::now();
    let mut slow = server.connect().await;
    slow.write_all(b"GET /health HTTP/1.1\r\nHost: loc").await.unwrap();
    let _ = rest(&mut slow).await;
    assert_eq!(begun.elapsed().as_secs(), 7);
}

#[tokio::test]
async fn a_connection_that_is_used_no_more_is_cut() {
    let world = World::new();
    let limits = Limits { header_timeout: Duration::from_millis(500), ..Limits::default() };
    let server = server(&world, limits, Duration::from_secs(5)).await;
    let mut idle = server.connect().await;
    idle.write_all(server.head("/health/live", "").as_bytes()).await.unwrap();
    assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200"), "answered, and then cut for its silence");
}

#[tokio::test]
async fn a_connection_without_a_place_is_told_so_and_one_that_asks_nothing_makes_room() {
    let (world, id, mut reads) = watched(&CancellationToken::new()).await;
    let limits = Limits { max_connections_per_address: 2, ..Limits::default() };
    let server = server(&world, limits, Duration::from_secs(5)).await;
    let mut silent = server.connect().await;
    let mut waiting = server.connect().await;
    let path = format!("/agent-work-orders/{id}/steps?wait=60&after=1");
    waiting.write_all(server.head(&path, "").as_bytes()).await.unwrap();
    held(&mut reads).await;
    assert!(server.ask("/health/live").await.starts_with("HTTP/1.1 200"), "the silent one has given its place up");
    assert_eq!(rest(&mut silent).await, "");

    let mut other = server.connect().await;
    other.write_all(server.head(&path, "").as_bytes()).await.unwrap();
    held(&mut reads).await;
    let mut refused = server.connect().await;
    let told = rest(&mut refused).await;
    assert!(told.starts_with("HTTP/1.1 503 Service Unavailable\r\n") && told.contains("retry-after: 1\r\n"), "{told}");
    assert!(told.contains("urn:awo:problem:too-many-connections"), "{told}");
    let elsewhere = server.connect_from("127.0.0.2").await;
    assert!(server.ask_on(elsewhere, "/health/live").await.starts_with("HTTP/1.1 200"), "others have their own places");
}

#[tokio::test]
async fn a_drain_gives_held_answers_and_ends() {
    let (world, id, mut reads) = watched(&CancellationToken::new()).await;
    let server = server(&world, Limits::default(), Duration::from_secs(30)).await;
    let mut waiting = server.connect().await;
    let path = format!("/agent-work-orders/{id}/steps?wait=60&after=1");
    waiting.write_all(server.head(&path, "").as_bytes()).await.unwrap();
    held(&mut reads).await;
    let mut silent = server.connect().await;
    server.shutdown.cancel();
    let answer = rest(&mut waiting).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"steps\":[]"), "{answer}");
    assert_eq!(rest(&mut silent).await, "");
    server.ended.await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_drain_is_bounded() {
    let world = World::new();
    let limits = Limits { body_timeout: Duration::from_hours(1), ..Limits::default() };
    let server = server(&world, limits, Duration::from_millis(20)).await;
    let mut stuck = server.connect().await;
    let head = format!(
        "POST /agent-work-orders HTTP/1.1\r\nHost: localhost:{}\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\n\r\n{{",
        server.address.port()
    );
    stuck.write_all(head.as_bytes()).await.unwrap();
    assert!(server.ask("/health").await.starts_with("HTTP/1.1 200"));
    server.shutdown.cancel();
    server.ended.await.unwrap().unwrap();
    let _ = rest(&mut stuck).await;
}
