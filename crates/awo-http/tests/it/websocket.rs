//! `GET /{id}/ws`.

use std::time::Duration;

use awo_http::{Limits, Scope};
use awo_models::OrderId;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::guarded::Guarded;
use crate::serve::{Server, server};
use crate::sse::{Said, Stream};
use crate::support::{Worker, World, current};

fn path(id: OrderId) -> String {
    format!("/agent-work-orders/{id}/ws")
}

async fn dial(server: &Server, path: &str, origin: Option<&str>) -> Result<WebSocketStream<TcpStream>, Error> {
    let headers: Vec<_> = origin.iter().map(|origin| ("origin", *origin)).collect();
    dial_with(server, path, &headers).await
}

async fn dial_with(
    server: &Server,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<WebSocketStream<TcpStream>, Error> {
    let mut request = format!("ws://localhost:{}{path}", server.address.port()).into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    client_async(request, server.connect().await).await.map(|(socket, _)| socket)
}

async fn refused(server: &Server, path: &str, origin: Option<&str>) -> u16 {
    status(dial(server, path, origin).await)
}

fn status(dialled: Result<WebSocketStream<TcpStream>, Error>) -> u16 {
    match dialled {
        Err(Error::Http(answer)) => answer.status().as_u16(),
        other => panic!("{other:?}"),
    }
}

/// The next frame of text, or why there are no more.
async fn next(socket: &mut WebSocketStream<TcpStream>) -> Result<Value, CloseCode> {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => return Ok(serde_json::from_str(&text).unwrap()),
            Message::Close(frame) => return Err(frame.unwrap().code),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn until_end(socket: &mut WebSocketStream<TcpStream>) -> Vec<Value> {
    let mut all = Vec::new();
    while let Ok(frame) = next(socket).await {
        all.push(frame);
    }
    all
}

#[tokio::test]
async fn frames_say_what_the_stream_says() {
    let world = World::new();
    let id = world.order().await;
    let server = server(&world, Limits::default(), Duration::from_secs(5)).await;
    let mut socket = dial(&server, &path(id), None).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap()["event"], "state");
    assert_eq!(next(&mut socket).await.unwrap()["id"], "1");
    let _worker = Worker::claim(&world, id, current("classify", "classifier")).await;
    assert_eq!(next(&mut socket).await.unwrap()["id"], "2", "live");
    assert_eq!(next(&mut socket).await.unwrap()["data"]["data"]["step"], "classify");

    socket.send(Message::text(json!({"after": 2}).to_string())).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap()["event"], "state");
    assert_eq!(next(&mut socket).await.unwrap()["id"], "3", "it moves to where the client wants");

    let pending = world.order().await;
    world.orchestrator.work_orders().cancel(pending).await.unwrap();
    let mut socket = dial(&server, &path(pending), None).await.unwrap();
    let frames = until_end(&mut socket).await;
    let mut stream = Stream::open(&world.router, &format!("/agent-work-orders/{pending}/events"), &[]).await;
    let said = stream.until("end").await;
    let expected: Vec<_> = said
        .iter()
        .map(|said| match said {
            Said::Message { id, event, data } => json!({"id": id, "event": event, "data": data}),
            Said::Comment => unreachable!(),
        })
        .collect();
    assert_eq!(frames, expected);
    let mut some = dial(&server, &format!("{}?after=1&kinds=ended", path(pending)), None).await.unwrap();
    let events: Vec<_> = until_end(&mut some).await.iter().map(|frame| frame["event"].clone()).collect();
    assert_eq!(events, ["ended", "end"]);
}

#[tokio::test]
async fn what_has_no_meaning_closes_it() {
    let world = World::new();
    let id = world.order().await;
    let server = server(&world, Limits::default(), Duration::from_secs(5)).await;
    for wrong in [Message::text("hello"), Message::text("{\"after\": -1}"), Message::binary(vec![1, 2, 3])] {
        let mut socket = dial(&server, &path(id), None).await.unwrap();
        socket.send(wrong).await.unwrap();
        let closed = loop {
            if let Err(code) = next(&mut socket).await {
                break code;
            }
        };
        assert_eq!(closed, CloseCode::Policy);
    }
}

#[tokio::test]
async fn it_is_refused_like_every_request() {
    let world = World::new();
    let id = world.order().await;
    let limits = Limits { max_streams: 1, ..Limits::default() };
    let server = server(&world, limits, Duration::from_secs(5)).await;
    assert_eq!(refused(&server, &path(id), Some("https://evil.example")).await, 403);
    assert_eq!(refused(&server, &path(id), Some("null")).await, 403);
    assert_eq!(refused(&server, &path(OrderId::new(1, [1; 10])), None).await, 404);
    assert_eq!(refused(&server, &format!("{}?afer=1", path(id)), None).await, 422);
    world.get(&path(id)).await.problem(426, "upgrade-required");
    let own = format!("http://localhost:{}", server.address.port());
    let _socket = dial(&server, &path(id), Some(&own)).await.unwrap();
    assert_eq!(refused(&server, &path(id), None).await, 429);
}

#[tokio::test]
async fn a_server_that_closes_says_so_and_waits_for_it() {
    let world = World::new();
    let id = world.order().await;
    let server = server(&world, Limits::default(), Duration::from_mins(1)).await;
    let mut socket = dial(&server, &path(id), None).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap()["event"], "state");
    assert_eq!(next(&mut socket).await.unwrap()["id"], "1");
    server.shutdown.cancel();
    assert_eq!(next(&mut socket).await, Err(CloseCode::Restart));
    server.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn it_closes_when_its_key_is_revoked_and_those_of_others_do_not() {
    let guarded = Guarded::new();
    let id = guarded.order().await;
    let server = guarded.serve(Limits::default()).await;
    assert_eq!(status(dial_with(&server, &path(id), &[]).await), 401);
    let (reader, admin) = (guarded.bearer(Scope::OrdersRead), guarded.bearer(Scope::Admin));
    let mut of_one = dial_with(&server, &path(id), &[("authorization", &reader)]).await.unwrap();
    let mut of_other = dial_with(&server, &path(id), &[("authorization", &admin)]).await.unwrap();
    for socket in [&mut of_one, &mut of_other] {
        assert_eq!(next(socket).await.unwrap()["event"], "state");
        assert_eq!(next(socket).await.unwrap()["id"], "1");
    }
    guarded.store(|scope| scope != Scope::OrdersRead);
    assert_eq!(next(&mut of_one).await, Err(CloseCode::Policy));
    let _worker = Worker::claim(&guarded.world, id, current("classify", "classifier")).await;
    assert_eq!(next(&mut of_other).await.unwrap()["id"], "2", "the other goes on");
}

#[tokio::test]
async fn a_session_opens_it_for_a_page_of_the_server_only() {
    let guarded = Guarded::new();
    let id = guarded.order().await;
    let server = guarded.serve(Limits::default()).await;
    let cookie = server.session(&guarded.bearer(Scope::OrdersRead)).await;
    let cookie = ("cookie", cookie.as_str());
    assert_eq!(status(dial_with(&server, &path(id), &[cookie]).await), 403, "no page says that it asks");
    let port = server.address.port();
    for other in [format!("http://127.0.0.1:{port}"), "http://evil.example".into(), "null".into()] {
        assert_eq!(status(dial_with(&server, &path(id), &[cookie, ("origin", &other)]).await), 403, "{other}");
    }
    let own = format!("http://localhost:{port}");
    let mut socket = dial_with(&server, &path(id), &[cookie, ("origin", &own)]).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap()["event"], "state");
    guarded.store(|scope| scope != Scope::OrdersRead);
    while next(&mut socket).await.is_ok() {}
}
