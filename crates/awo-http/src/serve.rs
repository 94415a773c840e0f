//! The accept loop. axum's own has no limit on the time a header may take, so a half-sent request would stay for ever.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tracing::{debug, warn};

use crate::api::{Api, Limits};
use crate::routes::router;

/// Pause after an accept that failed for lack of something, such as open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bytes of a request's header.
const HEADER_BYTES: usize = 64 * 1024;

/// Serves the interface until `shutdown` fires: then no connection is accepted, held answers are given at once, requests
/// in flight may end within `drain`, and what is left is cut.
pub async fn serve(listener: TcpListener, api: Api, shutdown: CancellationToken, drain: Duration) -> io::Result<()> {
    let closing = shutdown.child_token();
    let api = api.with_port(listener.local_addr()?.port()).with_closing(closing);
    let server = Server {
        limits: api.limits.clone(),
        router: router(api),
        graceful: GracefulShutdown::new(),
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
            Ok((stream, _)) => server.attend(stream, place),
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
    router: Router,
    graceful: GracefulShutdown,
    cut: CancellationToken,
    connections: TaskTracker,
}

impl Server {
    /// Answers the requests of one connection, on a task of its own. The place is free again when it ends.
    fn attend(&self, stream: TcpStream, place: Option<tokio::sync::OwnedSemaphorePermit>) {
        let _ = stream.set_nodelay(true);
        let service = self.router.clone().map_request(|request: hyper::Request<Incoming>| request.map(Body::new));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_timeout)
            .max_buf_size(HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = self.graceful.watch(connection);
        let cut = self.cut.clone();
        self.connections.spawn(async move {
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    debug!(%error, "connection_ended");
                },
                () = cut.cancelled() => {}
            }
            drop(place);
        });
    }

    async fn end(self, drain: Duration) {
        self.connections.close();
        let drained = async {
            self.graceful.shutdown().await;
            self.connections.wait().await;
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
