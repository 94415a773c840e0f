//! `awo run`: one order in the foreground, with the server that has the data directory, or without one.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use awo_adapters::Effective;
use awo_client::AgentWorkOrder as Order;
use awo_models::{Isolation, Network};

use crate::cli::Run;
use crate::client::in_process;
use crate::commands::create::{created, order_body};
use crate::commands::watching::{Form, Runner, Watch};
use crate::exit::{BAD_INPUT, FAILED, coded};
use crate::orders::server;
use crate::settings::{Backend, Settings};
use crate::signals::Signals;
use crate::terminal::note;
use crate::timing::{SaveCosts, TimedRepository};
use crate::wiring;

pub(crate) async fn run(settings: Settings, run: Run, as_json: bool) -> anyhow::Result<ExitCode> {
    let asked_agent = run.agents.agent.clone();
    let settings = settings.with_agents(&run.agents);
    let body = order_body(&run.order, asked_agent.as_deref())?;
    let mut signals = Signals::listen()?;
    let form = match (as_json, run.watch) {
        (false, _) => Form::Lines,
        (true, false) => Form::Json,
        (true, true) => Form::JsonLines,
    };
    let on_interrupt = run.on_interrupt;
    if let Some(client) = server(&settings)? {
        if run.agents.skip_permissions || run.agents.commands_dir.is_some() {
            note!("awo: a server runs the order, by its own settings: --skip-permissions and --commands are left out");
        }
        let created = tokio::select! {
            created = created(&client, &body) => created?,
            _ = signals.next() => {
                note!("awo: the server has not answered; `awo list` shows whether it has the order");
                return Ok(ExitCode::from(FAILED));
            }
        };
        let (client, id, runner) = (&client, &*created.order.agent_work_order_id, Runner::Server);
        return Watch { settings: &settings, client, id, form, on_interrupt, runner }.until_it_ends(signals).await;
    }
    if settings.state == Backend::Postgres {
        let message = "orders of a database are run by workers, and there is no server to give this one to: start `awo serve` \
                       with this data directory, or name a server with --server (AWO_SERVER)";
        return Err(coded(BAD_INPUT, message));
    }
    warn_of_walls(&settings, &run, body.isolation.as_deref(), body.network.as_deref()).await;
    let store = wiring::open_store(&settings, "awo run").await?;
    let costs = Arc::new(SaveCosts::default());
    let timed = TimedRepository::new(Arc::clone(&store.stores.repository), Arc::clone(&costs));
    let orchestrator = wiring::orchestrator(&settings, store.stores.clone().with(Arc::new(timed)))?;
    orchestrator.tell();
    orchestrator.listen();
    let client = in_process(wiring::router(&settings, &orchestrator));
    let order: Order = created(&client, &body).await?.order;
    let running = orchestrator.spawn_order(order.agent_work_order_id.parse()?);
    let (client, id, runner) = (&client, &*order.agent_work_order_id, Runner::Us(Some(running), costs));
    let watch = Watch { settings: &settings, client, id, form, on_interrupt, runner };
    let code = watch.until_it_ends(signals).await;
    orchestrator.drain(Duration::ZERO, Duration::from_secs(15)).await;
    code
}

/// Says what an agent without walls may do, or cannot.
async fn warn_of_walls(settings: &Settings, run: &Run, isolation: Option<&str>, network: Option<&str>) {
    let agent = run.agents.agent.as_deref().unwrap_or(&settings.agent);
    let asked = word(isolation);
    let network = word(network).unwrap_or(Network::Auto);
    let walls = wiring::walls(settings).effective(asked.unwrap_or(Isolation::Auto), network).await;
    let Ok(Effective { isolation: Isolation::None, why, .. }) = walls else { return };
    if settings.walls.isolation.0 != Isolation::None && asked != Some(Isolation::None) {
        note!("awo: no walls: {}", why.as_deref().unwrap_or("nobody knows why"));
    }
    if let Some(hindrance) = settings.hindrance(agent) {
        note!(
            "awo: {hindrance}: add --skip-permissions to let it work\n     \
             (without walls it can then do what your account can do; see docs/security.md)"
        );
    }
}

/// A word of a request, if it is one that there is.
fn word<T: serde::de::DeserializeOwned>(text: Option<&str>) -> Option<T> {
    serde_json::from_value(text?.into()).ok()
}
