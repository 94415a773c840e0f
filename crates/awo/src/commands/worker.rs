//! `awo worker`: runs orders that several processes share, and serves nothing.

use std::process::ExitCode;

use tracing::{info, warn};

use super::serve::{FINISHING, STOPPING};
use crate::cli::Worker;
use crate::exit::{BAD_INPUT, FAILED, coded};
use crate::settings::{Backend, Settings};
use crate::signals::Signals;
use crate::wiring;

pub(crate) async fn run(settings: Settings, worker: Worker) -> anyhow::Result<ExitCode> {
    let mut settings = settings.with_agents(&worker.agents);
    if settings.state != Backend::Postgres {
        let message = "workers share the orders of a database: set state (AWO_STATE) to postgres; \
                       `awo serve` runs those of a data directory by itself";
        return Err(coded(BAD_INPUT, message));
    }
    settings.workers.run_orders = true;
    if let Some(most) = worker.max_running {
        if most == 0 {
            return Err(coded(BAD_INPUT, "--max-running is 0; a worker runs at least 1 order"));
        }
        settings.max_running = most;
    }
    if !worker.labels.is_empty() {
        settings.workers.labels = worker.labels;
    }
    let mut signals = Signals::listen()?;
    let store = wiring::open_store(&settings, "awo worker").await?;
    let orchestrator = wiring::orchestrator(&settings, store.stores.clone())?;
    orchestrator.start();
    info!(max_running = settings.max_running, labels = settings.workers.labels.join(","), "worker_started");
    signals.next().await;
    info!("shutdown_started: no new step begins, and orders go back to the queue");
    tokio::select! {
        whole = orchestrator.drain(FINISHING, STOPPING) => {
            info!(whole, "shutdown_completed");
            Ok(ExitCode::SUCCESS)
        }
        _ = signals.next() => {
            warn!("shutdown_forced: asked twice");
            Ok(ExitCode::from(FAILED))
        }
    }
}
