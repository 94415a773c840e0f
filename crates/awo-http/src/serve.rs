//! The accept loop. axum's own has no limit on the time a header may take, so a half-sent request would stay for ever.

mod patience;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tracing::{debug, warn};

use crate::api::{Api, Limits};
use crate::door::Ends;
use crate::figures::Present;
use crate::routes::router;
use crate::streams::StreamPlaces;
use patience::Patient;

/// Pause after an accept that failed for lack of something, such as open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bytes of a request's header.
const HEADER_BYTES: usize = 64 * 1024;

/// Serves the interface until `shutdown` fires: then no connection is accepted, held answers are given at once, requests
/// in flight may end within `drain`, streams end with what is stored by then, and what is left is cut.
pub async fn serve(listener: TcpListener, api: Api, shutdown: CancellationToken, drain: Duration) -> io::Result<()> {
    let closing = shutdown.child_token();
    let api = api.with_port(listener.local_addr()?.port()).with_closing(closing.clone());
    let server = Server {
        limits: api.limits.clone(),
        streams: api.streams.clone(),
        calls: api.calls.clone(),
        closing,
        router: router(api),
        cut: CancellationToken::new(),
        connections: TaskTracker::new(),
    };
    let places = Arc::new(Semaphore::new(server.limits.max_connections.max(1)));
    loop {
        let accepting = async {
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accepting => accepted,
        };
        match accepted {
            Ok((stream, client)) => server.attend(stream, client, place),
            Err(error) if is_the_clients(&error) => debug!(%error, "connection_not_accepted"),
            Err(error) => {
                warn!(%error, "connections_not_accepted: trying again");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    server.end(drain).await;
    Ok(())
}

struct Server {
    limits: Limits,
    streams: StreamPlaces,
    calls: TaskTracker,
    closing: CancellationToken,
    router: Router,
    cut: CancellationToken,
    connections: TaskTracker,
}

impl Server {
    /// Answers the requests of one connection, on a task of its own. The place is free again when it ends.
    fn attend(&self, stream: TcpStream, client: SocketAddr, place: Option<tokio::sync::OwnedSemaphorePermit>) {
        let _ = stream.set_nodelay(true);
        let Ok(server) = stream.local_addr() else { return }; // it is gone
        let ends = Ends::new(client, server);
        let stream = Patient::new(stream, self.limits.write_timeout, self.closing.clone());
        let service = self.router.clone().map_request(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ends);
            request
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_timeout)
            .max_buf_size(HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
            .with_upgrades();
        let (closing, cut) = (self.closing.clone(), self.cut.clone());
        let counted = Present::connection();
        self.connections.spawn(async move {
            let _counted = counted;
            let mut connection = pin!(connection);
            let ends = async {
                tokio::select! {
                    ended = connection.as_mut() => return ended,
                    () = closing.cancelled() => connection.as_mut().graceful_shutdown(),
                }
                connection.await
            };
            tokio::select! {
                ended = ends => if let Err(error) = ended {
                    debug!(%error, "connection_ended");
                },
                () = cut.cancelled() => {}
            }
            drop(place);
        });
    }

    async fn end(self, drain: Duration) {
        self.connections.close();
        self.calls.close();
        let drained = async {
            self.connections.wait().await;
            self.streams.all_free().await; // a WebSocket outlives what was its connection
            self.calls.wait().await; // so does a call whose client has gone
        };
        if tokio::time::timeout(drain, drained).await.is_err() {
            warn!(connections = self.connections.len(), "connections_cut: they did not end in time");
            self.cut.cancel();
            self.connections.wait().await;
        }
    }
}

/// Whether accepting failed because the client went away.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
