//! `awo run`: one order in the foreground, with the server that has the data directory, or without one.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use awo_adapters::Effective;
use awo_client::{AgentWorkOrder as Order, Client, StepHistory as Steps};
use awo_models::{Isolation, Network};
use tokio::task::JoinHandle;

use crate::cli::{OnInterrupt, Run};
use crate::client::in_process;
use crate::commands::create::order_body;
use crate::commands::follow::{conclude, exit_code, follow, introduce};
use crate::commands::serve::Signals;
use crate::exit::{FAILED, coded};
use crate::orders::{artifacts, print_json, server};
use crate::settings::Settings;
use crate::wiring;

/// How long the last news of an order that has stopped here may take to be shown.
const LAST_NEWS: Duration = Duration::from_secs(5);

pub(crate) async fn run(settings: Settings, run: Run, as_json: bool) -> anyhow::Result<ExitCode> {
    let asked_agent = run.agents.agent.clone();
    let settings = settings.with_agents(&run.agents);
    let body = order_body(&run.order, asked_agent.as_deref())?;
    let signals = Signals::listen()?;
    if let Some(client) = server(&settings)? {
        if run.agents.skip_permissions || run.agents.commands_dir.is_some() {
            anstream::eprintln!(
                "awo: a server runs the order, by its own settings: --skip-permissions and --commands are left out"
            );
        }
        let order: Order = client.create_order(&body, None).await?.order;
        let place = "it goes on without you";
        return Watch { settings: &settings, client: &client, order: &order, as_json, place }
            .until_it_ends(&run, signals, None)
            .await;
    }
    let agent = asked_agent.as_deref().unwrap_or(&settings.agent);
    let asked = word(body.isolation.as_deref());
    let network = word(body.network.as_deref()).unwrap_or(Network::Auto);
    let walls = wiring::walls(&settings).effective(asked.unwrap_or(Isolation::Auto), network).await;
    if let Ok(Effective { isolation: Isolation::None, why, .. }) = walls {
        if settings.walls.isolation.0 != Isolation::None && asked != Some(Isolation::None) {
            anstream::eprintln!("awo: no walls: {}", why.as_deref().unwrap_or("nobody knows why"));
        }
        if let Some(hindrance) = settings.hindrance(agent) {
            anstream::eprintln!(
                "awo: {hindrance}: add --skip-permissions to let it work\n     \
                 (without walls it can then do what your account can do; see docs/security.md)"
            );
        }
    }
    let store = wiring::open_store(&settings, "awo run").await?;
    let orchestrator = wiring::orchestrator(&settings, Arc::clone(&store.repository))?;
    orchestrator.tell();
    let client = in_process(wiring::router(&settings, &orchestrator));
    let order: Order = client.create_order(&body, None).await?.order;
    let running = orchestrator.spawn_order(order.agent_work_order_id.parse()?);
    let place = "it is left as it is; the next `awo serve` on this data directory goes on with it";
    let code = Watch { settings: &settings, client: &client, order: &order, as_json, place }
        .until_it_ends(&run, signals, Some(running))
        .await;
    orchestrator.drain(Duration::ZERO, Duration::from_secs(15)).await;
    code
}

/// A word of a request, if it is one that there is.
fn word<T: serde::de::DeserializeOwned>(text: Option<&str>) -> Option<T> {
    serde_json::from_value(text?.into()).ok()
}

/// An order that is followed.
struct Watch<'a> {
    settings: &'a Settings,
    client: &'a Client,
    order: &'a Order,
    as_json: bool,
    /// What happens to the order when nobody follows it any more.
    place: &'static str,
}

impl Watch<'_> {
    /// Follows the order; Ctrl-C cancels or leaves it. `running` is what runs it here.
    async fn until_it_ends(
        &self,
        run: &Run,
        mut signals: Signals,
        running: Option<JoinHandle<()>>,
    ) -> anyhow::Result<ExitCode> {
        let id = &self.order.agent_work_order_id;
        if !self.as_json {
            introduce(self.order);
        }
        tokio::select! {
            followed = follow(self.client, id, self.as_json) => return self.tell(followed?).await,
            () = stopped_here(running) => {
                let message = format!("{id} does not run any more and has not ended; see the log (--log-level info)");
                return Err(coded(FAILED, message));
            }
            () = signals.next() => {}
        }
        if cancels(run.on_interrupt, &mut signals).await {
            self.client.cancel_order(id).await?;
            return self.tell(follow(self.client, id, true).await?).await;
        }
        anstream::eprintln!("awo: {id}: {}; `awo steps {id} --watch` follows it", self.place);
        Ok(ExitCode::from(FAILED))
    }

    /// Says how it ended.
    async fn tell(&self, (order, steps): (Order, Steps)) -> anyhow::Result<ExitCode> {
        if !self.as_json {
            return Ok(conclude(&order, &steps, artifacts(self.settings).as_deref()));
        }
        print_json(&self.client.get_order(&order.agent_work_order_id).answer().await?.json()?);
        Ok(exit_code(&order))
    }
}

/// Ends some time after what runs the order here has ended, so that an order that ended well is shown first.
async fn stopped_here(running: Option<JoinHandle<()>>) {
    match running {
        Some(running) => {
            let _ = running.await;
            tokio::time::sleep(LAST_NEWS).await;
        }
        None => std::future::pending().await,
    }
}

/// Whether Ctrl-C means cancel.
async fn cancels(on_interrupt: OnInterrupt, signals: &mut Signals) -> bool {
    match on_interrupt {
        OnInterrupt::Cancel => true,
        OnInterrupt::Leave => false,
        OnInterrupt::Ask if !std::io::stdin().is_terminal() => false,
        OnInterrupt::Ask => {
            anstream::eprint!("\nawo: cancel the order, or leave it for the next start? [c/L] ");
            let answer = tokio::task::spawn_blocking(|| {
                let mut line = String::new();
                std::io::stdin().read_line(&mut line).map(|_| line).unwrap_or_default()
            });
            tokio::select! {
                answer = answer => answer.is_ok_and(|line| line.trim().eq_ignore_ascii_case("c")),
                () = signals.next() => false,
            }
        }
    }
}
