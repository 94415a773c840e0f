//! HTTP/2 without TLS, by clients that begin with it.

use std::time::Duration;

use awo_http::{Limits, Scope};
use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::frames::{Frames, PREFACE};
use crate::guarded::Guarded;
use crate::serve::{Server, rest, server};
use crate::support::World;
use crate::wait::{held, watched};

/// A connection of HTTP/2.
pub(crate) struct Client {
    requests: SendRequest<Body>,
    authority: String,
    pub(crate) ended: JoinHandle<Result<(), hyper::Error>>,
}

impl Client {
    pub(crate) async fn dial(server: &Server) -> Self {
        Self::over(server.connect().await, format!("localhost:{}", server.address.port())).await
    }

    pub(crate) async fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, authority: String) -> Self {
        let (requests, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        Self { requests, authority, ended: tokio::spawn(connection) }
    }

    /// An answer, as soon as its header is there.
    pub(crate) async fn open(&mut self, path: &str, headers: &[(&str, &str)]) -> Response<Incoming> {
        let mut request = Request::get(format!("http://{}{path}", self.authority)).version(Version::HTTP_2);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.requests.send_request(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    pub(crate) async fn get(&mut self, path: &str) -> (u16, String) {
        let answer = self.open(path, &[]).await;
        (answer.status().as_u16(), text(answer).await)
    }
}

pub(crate) async fn text(answer: Response<Incoming>) -> String {
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn requests_are_answered_side_by_side_on_one_connection() {
    let world = World::new();
    let id = world.order().await;
    let server = server(&world, Limits::default(), Duration::from_secs(5)).await;
    let mut client = Client::dial(&server).await;
    let mut stream = client.open(&format!("/agent-work-orders/{id}/events"), &[("accept", "text/event-stream")]).await;
    assert_eq!((stream.status().as_u16(), stream.version()), (200, Version::HTTP_2));
    let first = stream.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(first.starts_with(b"event: state\n"), "{first:?}");
    let (status, order) = client.get(&format!("/agent-work-orders/{id}")).await;
    assert!(status == 200 && order.contains(&id.to_string()), "{order}");
    let body = crate::support::body().to_string();
    let request = Request::post(format!("http://{}/agent-work-orders", client.authority));
    let request = request.header("content-type", "application/json").body(Body::from(body)).unwrap();
    assert_eq!(client.requests.send_request(request).await.unwrap().status(), 201);
    assert_eq!(client.get("/agent-work-orders/nothing").await.0, 404);
}

#[tokio::test]
async fn the_name_in_a_request_is_held_against_the_list() {
    let world = World::new();
    let server = server(&world, Limits::default(), Duration::from_secs(5)).await;
    for authority in ["evil.example", "localhost:1"] {
        let mut client = Client::over(server.connect().await, authority.into()).await;
        let (status, told) = client.get("/health").await;
        assert!(status == 421 && told.contains("host-refused"), "{told}");
    }
    let mut client = Client::dial(&server).await;
    let answer = client.open("/health", &[("host", "evil.example")]).await;
    assert_eq!(answer.status(), 421, "the other name counts, too");
    assert_eq!(client.open("/health", &[("origin", "http://evil.example")]).await.status(), 403);
}

#[tokio::test]
async fn a_session_acts_for_its_own_page() {
    let guarded = Guarded::new();
    let server = guarded.serve(Limits::default()).await;
    let cookie = server.session(&guarded.bearer(Scope::OrdersRead)).await;
    let mut client = Client::dial(&server).await;
    let origin = format!("http://{}", client.authority);
    let mut logout = async |headers: &[(&str, &str)]| {
        let mut request = Request::post(format!("http://{}/logout", client.authority));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        client.requests.send_request(request.body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
    };
    assert_eq!(logout(&[("cookie", &cookie)]).await, 403);
    assert_eq!(logout(&[("cookie", &cookie), ("origin", &origin)]).await, 204);
    assert_eq!(client.open("/health", &[("cookie", &cookie)]).await.status(), 401, "it has ended");
}

#[tokio::test]
async fn a_websocket_is_refused_with_its_reason() {
    let world = World::new();
    let id = world.order().await;
    let server = server(&world, Limits::default(), Duration::from_secs(5)).await;
    let (status, told) = Client::dial(&server).await.get(&format!("/agent-work-orders/{id}/ws")).await;
    assert!(status == 426 && told.contains("upgrade-required"), "{told}");
}

#[tokio::test]
async fn long_polls_are_answered_when_the_server_closes() {
    let (world, id, mut reads) = watched(&CancellationToken::new()).await;
    let server = server(&world, Limits::default(), Duration::from_secs(30)).await;
    let mut client = Client::dial(&server).await;
    let path = format!("/agent-work-orders/{id}/steps?wait=60&after=1");
    let (answer, ()) = tokio::join!(client.get(&path), async {
        held(&mut reads).await;
        server.shutdown.cancel();
    });
    assert!(answer.0 == 200 && answer.1.contains("\"steps\":[]"), "{answer:?}");
    server.ended.await.unwrap().unwrap();
    client.ended.await.unwrap().unwrap();
}

/// The clock stands still and jumps to the next deadline when there is nothing to do, so this takes no time.
#[tokio::test(start_paused = true)]
async fn connections_that_ask_nothing_end() {
    let world = World::new();
    let limits = Limits { header_timeout: Duration::from_secs(7), ..Limits::default() };
    let server = server(&world, limits, Duration::from_secs(5)).await;
    for beginning in [&PREFACE[..20], PREFACE] {
        let begun = Instant::now();
        let mut stream = server.connect().await;
        stream.write_all(beginning).await.unwrap();
        let _ = rest(&mut stream).await;
        assert!((7..=8).contains(&begun.elapsed().as_secs()), "{beginning:?}");
    }
    // A client that gives signs of life, and asks nothing.
    let begun = Instant::now();
    let client = Client::dial(&server).await;
    client.ended.await.unwrap().unwrap();
    assert_eq!(begun.elapsed().as_secs(), 7);
    // Half of a request.
    let begun = Instant::now();
    let mut stream = server.connect().await;
    let half = Frames::new("localhost").settings(&[]).headers(1, "/health", &[], true, false).take();
    stream.write_all(&[PREFACE, &half].concat()).await.unwrap();
    let _ = rest(&mut stream).await;
    assert!((7..=8).contains(&begun.elapsed().as_secs()), "with the time for last words");
}

/// A stream of which the client takes nothing, for which it has no window.
#[tokio::test(start_paused = true)]
async fn answers_that_nobody_takes_are_given_up() {
    let world = World::new();
    let limits = Limits { write_timeout: Duration::from_secs(20), ..Limits::default() };
    let server = server(&world, limits, Duration::from_secs(5)).await;
    let begun = Instant::now();
    let mut stream = server.connect().await;
    let mut frames = Frames::new(&format!("localhost:{}", server.address.port()));
    frames.settings(&[(4, 0)]);
    for stream in 0..10 {
        frames.headers(2 * stream + 1, "/openapi.json", &[], true, true);
    }
    stream.write_all(&[PREFACE, &frames.take()].concat()).await.unwrap();
    // It answers pings, so that it is seen to live.
    let (mut reader, mut writer) = stream.split();
    crate::frames::pong(&mut reader, &mut writer).await;
    assert_eq!(begun.elapsed().as_secs(), 20);
}

#[tokio::test]
async fn a_large_answer_comes_whole_through_small_windows() {
    let world = World::new();
    let server = server(&world, Limits::default(), Duration::from_secs(5)).await;
    let stream = server.connect().await;
    let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(100).initial_connection_window_size(1 << 16);
    let (requests, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    let authority = format!("localhost:{}", server.address.port());
    let mut client = Client { requests, authority, ended: tokio::spawn(connection) };
    let (status, whole) = client.get("/openapi.json").await;
    assert!(status == 200 && whole.ends_with('}') && whole.len() > 50_000, "{}", whole.len());
}
