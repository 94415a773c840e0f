//! `awo serve`: the API, and the worker behind it.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use awo_adapters::Effective;
use awo_engine::{Catalog, Orchestrator, StateRepository};
use awo_http::Api;
use awo_models::{Isolation, Network};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::cli::Serve;
use crate::exit::{BAD_INPUT, FAILED, coded};
use crate::figures;
use crate::keyring::{self, CatalogTrail};
use crate::listening::{self, Held, Listening};
use crate::settings::{Backend, SCRIPTED, Settings};
use crate::signals::Signals;
use crate::terminal::say;
use crate::wiring;

/// Time for steps to end by themselves after SIGTERM; then time for agents to stop. Together with the drain of
/// connections, and the last traces, below 30 s.
pub(super) const FINISHING: Duration = Duration::from_secs(10);
pub(super) const STOPPING: Duration = Duration::from_secs(11);
const CONNECTIONS: Duration = Duration::from_secs(3);
const LAST_USES: Duration = Duration::from_secs(1);

pub(crate) async fn run(mut settings: Settings, serve: Serve) -> anyhow::Result<ExitCode> {
    settings = settings.with_agents(&serve.agents);
    if let Some(bind) = serve.bind {
        settings.bind = bind;
    }
    if let Some(socket) = serve.socket {
        let socket = std::path::absolute(&socket);
        settings.socket = Some(socket.map_err(|error| coded(BAD_INPUT, format!("cannot use --socket: {error}")))?);
    }
    if let Some(state) = serve.state {
        settings.state = Backend::try_from(state).map_err(|reason| coded(BAD_INPUT, reason))?;
    }
    if serve.no_run {
        settings.workers.run_orders = false;
    }
    if !settings.workers.run_orders && settings.state != Backend::Postgres {
        let message = "a server that runs no orders needs workers that do, and these need a database: set state (AWO_STATE) \
                       to postgres, or leave out --no-run (AWO_RUN_ORDERS)";
        return Err(coded(BAD_INPUT, message));
    }
    let mut signals = Signals::listen()?; // before anybody is told that we are there
    let mut server = Server::start(&settings, "awo serve", |repository| repository).await?;
    for agent in settings.used_agents() {
        if agent != SCRIPTED && wiring::find_agent(&settings, agent).is_none() {
            warn!("agent_missing: the program of {agent} was not found; `awo doctor` says what to do");
        }
    }
    for address in &server.addresses {
        say!("listening on {address}");
    }
    tokio::select! {
        _ = signals.next() => {}
        ended = &mut server.serving => {
            let reason = format!("{ended:?}");
            server.orchestrator.drain(Duration::ZERO, STOPPING).await;
            return Err(coded(FAILED, format!("the API ended by itself: {reason}")));
        }
    }
    info!("shutdown_started: no new step begins");
    let stopping = server.stop(FINISHING, STOPPING);
    tokio::select! {
        whole = stopping => {
            info!(whole, "shutdown_completed");
            Ok(ExitCode::SUCCESS)
        }
        _ = signals.next() => {
            warn!("shutdown_forced: asked twice");
            Ok(ExitCode::from(FAILED))
        }
    }
}

/// A server and its worker, both at work.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it answers; the first is for commands.
    pub(crate) addresses: Vec<String>,
    orchestrator: Orchestrator,
    closing: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
    /// Where keys are asked for: who keeps them as they are stored, and what ends that.
    keeper: Option<(JoinHandle<()>, CancellationToken)>,
    _held: Held,
    // Held until the end: the lock of the data directory.
    _store: wiring::Store,
}

impl Server {
    /// Starts both. `wrap` may put something around the repository.
    pub(crate) async fn start(
        settings: &Settings,
        holder: &str,
        wrap: impl FnOnce(Arc<dyn StateRepository>) -> Arc<dyn StateRepository>,
    ) -> anyhow::Result<Self> {
        listening::check(settings)?;
        let store = wiring::open_store(settings, holder).await?;
        let access = Arc::clone(&store.stores.access);
        let keys = if settings.asks_for_keys() { Some(keyring::begin(settings, &*access).await?) } else { None };
        let stores = store.stores.clone();
        let wrapped = wrap(Arc::clone(&stores.repository));
        let orchestrator = wiring::orchestrator(settings, stores.with(wrapped))?;
        let listening = Listening::begin(settings).await?;
        let addresses = listening.addresses();
        let commands = addresses.first().context("the server listens nowhere")?;
        store.lock.announce(commands).context("cannot write the lock file")?;
        let closing = CancellationToken::new();
        let mut api = served(settings, wiring::api(settings, &orchestrator), Arc::clone(&access))?;
        let mut keeper = None;
        if let Some(ring) = keys {
            let ended = CancellationToken::new();
            let keeping = keyring::keep(ring.clone(), access, ended.clone());
            keeper = Some((tokio::spawn(keeping), ended));
            api = api.with_keys(ring);
        }
        api = match wiring::walls(settings).effective(Isolation::Auto, Network::Auto).await {
            Ok(Effective { isolation, why, .. }) => {
                if let (Isolation::None, Some(why)) = (isolation, &why) {
                    warn!("no_walls: agents can do what this account can do: {why}");
                }
                api.with_isolation(isolation.as_str(), why.as_deref())
            }
            Err(failure) => {
                warn!(reason = %failure, "no_walls: orders are refused that do not say otherwise");
                api.with_isolation("refused", Some(&failure.message))
            }
        };
        if let Some(render) = figures::begin() {
            api = api.with_metrics(render);
        }
        let proxies = settings.http.proxies().map_err(|reason| coded(BAD_INPUT, reason))?;
        let served = awo_http::Server::new(api).with_trusted_proxies(proxies).with_drain(CONNECTIONS);
        let (served, held) = listening.hand_to(served);
        let serving = tokio::spawn(served.run(closing.clone()));
        orchestrator.start();
        Ok(Self { addresses, orchestrator, closing, serving, keeper, _held: held, _store: store })
    }

    /// Where commands reach it.
    pub(crate) fn address(&self) -> &str {
        self.addresses.first().map_or("", String::as_str)
    }

    /// Ends both: the worker first, so that its last words can be read; then the connections. True if nothing was left
    /// behind.
    pub(crate) async fn stop(self, finishing: Duration, stopping: Duration) -> bool {
        let drained = self.orchestrator.drain(finishing, stopping).await;
        self.closing.cancel();
        let served = self.serving.await.is_ok_and(|served| served.is_ok());
        if let Some((keeper, ended)) = self.keeper {
            ended.cancel(); // after the last call, as it writes down which keys were used
            let _ = tokio::time::timeout(LAST_USES, keeper).await;
        }
        drained && served
    }
}

/// The API as others than this process see it.
fn served(settings: &Settings, api: Api, access: Arc<dyn Catalog>) -> anyhow::Result<Api> {
    let limits = settings.http.limits().map_err(|reason| coded(BAD_INPUT, reason))?;
    let api = api.with_limits(limits).with_audit(Arc::new(CatalogTrail(access)));
    match &settings.public_url {
        Some(url) => api.with_public_url(url).map_err(|error| coded(BAD_INPUT, format!("public_url: {error}"))),
        None => Ok(api),
    }
}
