//! What the routes need: the handle to the orders, and how the interface behaves. Built by the caller; nothing is read
//! from the environment.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use awo_engine::WorkOrders;
use awo_engine::ports::{Clock, SystemClock};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit::{AuditTrail, Refusals};
use crate::door::Ends;
use crate::hosts::{AllowedHosts, InvalidHost, InvalidPublicUrl, PublicUrl};
use crate::keys::{KeyRing, Sessions};
use crate::quotas::Quotas;
use crate::streams::StreamPlaces;
use crate::written::WrittenPages;

/// Everything the routes need. Cheap to clone.
///
/// ```
/// # fn main() -> Result<(), awo_http::InvalidHost> {
/// # let orchestrator = awo_testkit::World::new().orchestrator();
/// use awo_http::Api;
/// let api = Api::new(orchestrator.work_orders(), "1.0.0").with_port(8888).with_allowed_host("awo.example")?;
/// let service: axum::Router = awo_http::router(api);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Api {
    pub(crate) work_orders: WorkOrders,
    pub(crate) version: Arc<str>,
    pub(crate) lenient: bool,
    pub(crate) isolation: Option<Arc<(String, Option<String>)>>,
    pub(crate) hosts: AllowedHosts,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    pub(crate) streams: StreamPlaces,
    pub(crate) written: WrittenPages,
    /// Where keys are asked for, those that are good.
    pub(crate) keys: Option<KeyRing>,
    pub(crate) sessions: Sessions,
    pub(crate) quotas: Quotas,
    pub(crate) audit: Option<Arc<dyn AuditTrail>>,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) public_url: Option<PublicUrl>,
    /// Where browsers of this machine find the server, if they do.
    pub(crate) pages_at: Option<Arc<str>>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Calls that change something, until they are recorded; their clients may have gone.
    pub(crate) calls: TaskTracker,
    /// Fires when answers that are held back must be given at once, and streams end.
    pub(crate) closing: CancellationToken,
}

/// What one client may take of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How long a connection may take to send a request's first byte and its header, also between two requests.
    pub header_timeout: Duration,
    /// How long a request's body may take.
    pub body_timeout: Duration,
    /// Connections at once. One address may have as many as are free beside its own, so half of them if it is alone.
    pub max_connections: usize,
    /// Connections of one address at once. Where it has them all, those that ask nothing give way to newer ones; if there are
    /// none of these, the newer ones are closed.
    pub max_connections_per_address: usize,
    /// Bytes of a request's body.
    pub max_body_bytes: usize,
    /// How long a client may take nothing of what is sent to it.
    pub write_timeout: Duration,
    /// Streams at once; fewer than connections of one address, so that a place is left for questions.
    pub max_streams: u32,
    /// Streams of one key at once.
    pub max_streams_per_key: u32,
    /// Streams of one order at once.
    pub max_streams_per_order: u32,
    /// Requests of one key in a minute, or, where none is shown, of one address.
    pub requests_per_minute: u32,
    /// Requests without a good key from one address in a minute that are told so; the others are told to wait.
    pub failures_per_minute: u32,
    /// Orders of one key that have not ended.
    pub max_orders_per_key: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(15),
            body_timeout: Duration::from_secs(30),
            max_connections: 640,
            max_connections_per_address: 320,
            max_body_bytes: 1024 * 1024,
            write_timeout: Duration::from_secs(30),
            max_streams: 256,
            max_streams_per_key: 64,
            max_streams_per_order: 64,
            requests_per_minute: 30_000,
            failures_per_minute: 60,
            max_orders_per_key: 200,
        }
    }
}

impl Api {
    /// The interface to these orders; `version` is shown by `/health`.
    pub fn new(work_orders: WorkOrders, version: &str) -> Self {
        Self {
            work_orders,
            version: version.into(),
            lenient: false,
            isolation: None,
            hosts: AllowedHosts::default(),
            limits: Limits::default(),
            streams: StreamPlaces::new(&Limits::default()),
            written: WrittenPages::default(),
            keys: None,
            sessions: Sessions::default(),
            quotas: Quotas::default(),
            audit: None,
            refusals: Arc::default(),
            public_url: None,
            pages_at: None,
            clock: Arc::new(SystemClock::default()),
            calls: TaskTracker::new(),
            metrics: Metrics { render: Arc::new(String::new) },
            closing: CancellationToken::new(),
        }
    }

    /// Whether unknown fields of a request are ignored instead of refused.
    pub fn with_lenient(mut self, lenient: bool) -> Self {
        self.lenient = lenient;
        self
    }

    /// The walls that orders get which leave it to awo, and why not better ones, for the health.
    pub fn with_isolation(mut self, effective: &str, reason: Option<&str>) -> Self {
        self.isolation = Some(Arc::new((effective.to_owned(), reason.map(str::to_owned))));
        self
    }

    /// The port that clients on this machine reach the server at. [`Server`](crate::Server) sets it.
    pub fn with_port(mut self, port: u16) -> Self {
        self.hosts.port = port;
        self
    }

    /// Lets clients reach the server by another name than this machine's own: `awo.example` or `awo.example:8443`.
    pub fn with_allowed_host(mut self, host: &str) -> Result<Self, InvalidHost> {
        self.hosts.add(host)?;
        Ok(self)
    }

    /// Asks every caller for one of these keys, but for the few routes that are open.
    pub fn with_keys(mut self, keys: KeyRing) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Where calls that change something are recorded, beside the log.
    pub fn with_audit(mut self, trail: Arc<dyn AuditTrail>) -> Self {
        self.audit = Some(trail);
        self
    }

    /// The address that clients reach the server by, such as `https://awo.example`: its host is answered to, and links
    /// begin with it.
    pub fn with_public_url(mut self, url: &str) -> Result<Self, InvalidPublicUrl> {
        let url = PublicUrl::new(url)?;
        let default_port = if url.is_secure() { 443 } else { 80 };
        self.hosts.add_at(url.host(), default_port);
        self.public_url = Some(url);
        Ok(self)
    }

    /// Another clock, for tests.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where browsers of this machine find the server.
    pub(crate) fn with_pages_at(mut self, secure: bool, address: SocketAddr) -> Self {
        let scheme = if secure { "https" } else { "http" };
        self.pages_at = Some(match address.ip() {
            ip if ip.is_unspecified() => format!("{scheme}://localhost:{}", address.port()).into(),
            _ => format!("{scheme}://{address}").into(),
        });
        self
    }

    /// The address that a browser of whoever asks finds the server at, by the name that was asked for; none if a socket was
    /// asked, and there is no port.
    pub(crate) fn pages_for(&self, ends: Option<Ends>, host: &str) -> Option<String> {
        match (&self.public_url, ends) {
            (Some(url), _) => Some(url.as_str().to_owned()),
            (None, Some(Ends { server: None, .. })) => self.pages_at.as_deref().map(str::to_owned),
            (None, Some(Ends { secure: true, .. })) => Some(format!("https://{host}")),
            (None, _) => Some(format!("http://{host}")),
        }
    }

    /// Whether pages come to the browser of whoever asks over TLS only.
    pub(crate) fn has_secure_pages(&self, ends: Option<Ends>) -> bool {
        ends.is_some_and(|ends| ends.secure) || self.public_url.as_ref().is_some_and(PublicUrl::is_secure)
    }

    /// Sets what one client may take.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.streams = StreamPlaces::new(&limits);
        self.limits = limits;
        self
    }

    /// What `/metrics` answers: figures in the text format of Prometheus. The engine's are told in
    /// [`awo_engine::figures`], those of requests in [`figures`](crate::figures); whoever installs the recorder describes and
    /// renders them.
    pub fn with_metrics(mut self, render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.metrics = Metrics { render: Arc::new(render) };
        self
    }

    /// A token that ends long polls and streams at once when it fires. [`Server`](crate::Server) sets it.
    pub fn with_closing(mut self, closing: CancellationToken) -> Self {
        self.closing = closing;
        self
    }
}

/// Renders the figures.
#[derive(Clone)]
pub(crate) struct Metrics {
    pub(crate) render: Arc<dyn Fn() -> String + Send + Sync>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
