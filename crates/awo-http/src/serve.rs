//! The server: accepts connections, gives each a place and a task, and ends them all in time.
//!
//! axum's own loop has no limit on the time that a header may take, so a half-sent request would stay for ever.

mod conduct;
mod exchange;
mod forwarded;
mod listening;
mod patience;
mod places;
mod protocol;
mod tls;
mod wire;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures::future::join_all;
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tracing::{debug, warn};

use crate::api::Api;
use crate::audit::Refused;
use crate::door::{Ends, neighbourhood};
use crate::figures::Present;
use crate::problem::{Problem, ProblemType};
use crate::routes::router;
use conduct::Conduct;
use exchange::{Answer, Upload};
use forwarded::settle;
use listening::{Link, is_the_clients};
use patience::Patient;
use places::{Place, Places, Who};
use tls::Tls;
use wire::Wire;

pub use forwarded::{InvalidProxy, TrustedProxies};
pub use listening::Listener;
pub use tls::{Certificate, InvalidCertificate};

/// Pause after an accept that failed for lack of something, such as open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long clients are given to end by themselves, unless it is said otherwise.
const DRAIN: Duration = Duration::from_secs(30);

/// Serves the interface over HTTP/1.1, and over HTTP/2 to clients that begin with it.
///
/// ```no_run
/// # async fn serve(orchestrator: awo_engine::Orchestrator) -> std::io::Result<()> {
/// use awo_http::{Api, Server};
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8888").await?;
/// let shutdown = tokio_util::sync::CancellationToken::new();
/// let api = Api::new(orchestrator.work_orders(), "1.0.0");
/// Server::new(api).with_listener(listener).run(shutdown).await
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    api: Api,
    listeners: Vec<Listener>,
    certificate: Option<Certificate>,
    proxies: TrustedProxies,
    drain: Duration,
}

impl Server {
    /// One that listens nowhere yet.
    pub fn new(api: Api) -> Self {
        Self { api, listeners: Vec::new(), certificate: None, proxies: TrustedProxies::default(), drain: DRAIN }
    }

    /// Listens there, too. Pages and programs of this machine are told the port of the first one that has a port.
    pub fn with_listener(mut self, listener: impl Into<Listener>) -> Self {
        self.listeners.push(listener.into());
        self
    }

    /// Speaks TLS at its ports, and nothing else there. Sockets of this machine need none.
    pub fn with_tls(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Believes these when they say for whom they ask.
    pub fn with_trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// How long connections may take to end; 30 s, unless it is said otherwise.
    pub fn with_drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// Serves until `shutdown` fires: then no connection is accepted, held answers are given at once, requests in flight may
    /// end within the drain, streams end with what is stored by then, and what is left is cut.
    pub async fn run(self, shutdown: CancellationToken) -> io::Result<()> {
        let Self { mut api, listeners, certificate, proxies, drain } = self;
        let tls = certificate.as_ref().map(Tls::new).transpose()?;
        for listener in listeners.iter().rev() {
            if let Some(address) = listener.address()? {
                api = api.with_port(address.port()).with_pages_at(tls.is_some(), address);
            }
        }
        let host = Host::new(api, tls, proxies, shutdown.child_token());
        join_all(listeners.into_iter().map(|listener| host.accept_from(listener, &shutdown))).await;
        host.end(drain).await;
        Ok(())
    }
}

/// Who receives connections.
struct Host {
    api: Api,
    router: Router,
    tls: Option<Tls>,
    places: Places,
    proxies: Arc<TrustedProxies>,
    /// What is said to a connection that finds no place.
    full: Vec<u8>,
    closing: CancellationToken,
    cut: CancellationToken,
    connections: TaskTracker,
}

impl Host {
    fn new(api: Api, tls: Option<Tls>, proxies: TrustedProxies, closing: CancellationToken) -> Self {
        let api = api.with_closing(closing.clone());
        let full = "as many connections are open as may be, in all or from this address; close some, or try again";
        Self {
            places: Places::new(api.limits.max_connections, api.limits.max_connections_per_address),
            full: Problem::new(ProblemType::TooManyConnections, full).retry_after(1).farewell(),
            router: router(api.clone()),
            api,
            tls,
            proxies: Arc::new(proxies),
            closing,
            cut: CancellationToken::new(),
            connections: TaskTracker::new(),
        }
    }

    async fn accept_from(&self, listener: Listener, shutdown: &CancellationToken) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((link, ends)) => self.receive(link, ends),
                Err(error) if is_the_clients(&error) => debug!(%error, "connection_not_accepted"),
                Err(error) => {
                    warn!(%error, "connections_not_accepted: trying again");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Gives a connection its place, or none. Never waits: whoever comes next is not to wait for who came before.
    fn receive(&self, link: Link, ends: Ends) {
        let address = ends.client.filter(|_| !self.proxies.trusts(ends.client));
        let who = address.map_or(Who::Trusted, |address| Who::Address(neighbourhood(address)));
        if let Some(place) = self.places.take(who) {
            self.attend(link, ends, place);
            return;
        }
        let (reason, status) = ("too_many_connections", ProblemType::TooManyConnections.status().as_u16());
        let refused = Refused { reason, status, client: ends.client, key: None, route: None, request_id: "" };
        self.api.refusals.tell(self.api.clock.monotonic(), &refused);
        // Within TLS it would take long to say anything.
        let text = if self.is_within_tls(&link) { &[] } else { &*self.full };
        link.dismiss(text);
    }

    fn is_within_tls(&self, link: &Link) -> bool {
        self.tls.is_some() && matches!(link, Link::Tcp(_))
    }

    /// Answers the requests of one connection, on a task of its own.
    fn attend(&self, link: Link, mut ends: Ends, place: Place) {
        ends.secure = self.is_within_tls(&link);
        let (place, conduct) = (Arc::new(place), Conduct::new());
        let (limits, closing, cut) = (self.api.limits.clone(), self.closing.clone(), self.cut.clone());
        let lost = place.lost();
        let service = {
            let (router, proxies) = (self.router.clone(), Arc::clone(&self.proxies));
            let (conduct, place) = (conduct.clone(), Arc::clone(&place));
            service_fn(move |request: hyper::Request<Incoming>| {
                place.keep();
                let ticket = conduct.begin();
                let mut request = request.map(|body| Body::new(Upload::new(body, conduct.clone())));
                settle(&mut request, ends, &proxies);
                let answering = router.clone().oneshot(request);
                async move { Ok::<_, Infallible>(answering.await?.map(|body| Answer::new(body, ticket))) }
            })
        };
        let (tls, counted) = (self.tls.clone(), Present::connection());
        let conversation = async move {
            let bytes = tokio::select! {
                begun = tokio::time::timeout(limits.header_timeout, link.into_bytes(tls)) => begun,
                () = closing.cancelled() => return,
            };
            let Ok(Ok(bytes)) = bytes else {
                debug!(timed_out = bytes.is_err(), "connection_ended: TLS did not begin");
                return;
            };
            let patient = Patient::new(bytes, limits.write_timeout, closing.clone());
            let wire = Wire::new(patient, conduct.clone(), place, counted);
            protocol::converse(wire, service, conduct, &limits, closing).await;
        };
        self.connections.spawn(async move {
            tokio::select! {
                () = conversation => {}
                () = lost.cancelled() => debug!("connection_cut: it asked nothing, and its place was wanted"),
                () = cut.cancelled() => {}
            }
        });
    }

    async fn end(self, drain: Duration) {
        self.connections.close();
        self.api.calls.close();
        let drained = async {
            self.connections.wait().await;
            self.api.streams.all_free().await; // a WebSocket outlives what was its connection
            self.api.calls.wait().await; // so does a call whose client has gone
        };
        if tokio::time::timeout(drain, drained).await.is_err() {
            warn!(connections = self.connections.len(), "connections_cut: they did not end in time");
            self.cut.cancel();
            self.connections.wait().await;
        }
    }
}
