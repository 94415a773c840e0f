//! `awo recover`: goes on with what an earlier life left, or says what would be done.

use std::process::ExitCode;
use std::time::Duration;

use awo_engine::ports::Standing;
use awo_engine::{EngineError, Forecast, Foreseen, ForeseenOrder, Orchestrator};
use awo_models::{AgentWorkOrderStatus, OrderId};
use serde_json::{Value, json};

use crate::cli::Recover;
use crate::exit::{BAD_INPUT, FAILED, coded};
use crate::orders::print_json;
use crate::render::waiting;
use crate::settings::{Backend, Settings};
use crate::signals::Signals;
use crate::terminal::{inline, note, say};
use crate::wiring;

/// How long one look at an order waits for news.
const LOOK: Duration = Duration::from_secs(5);

pub(crate) async fn run(settings: Settings, recover: Recover, as_json: bool) -> anyhow::Result<ExitCode> {
    let settings = settings.with_agents(&recover.agents);
    if settings.state == Backend::Postgres {
        let message = "orders of a database are gone on with by those who share it: start `awo serve` or `awo worker`; \
                       `awo list` shows what has not ended";
        return Err(coded(BAD_INPUT, message));
    }
    if let Some(holder) = wiring::holder(&settings)? {
        note!("awo: {holder} has the data directory and goes on with its orders by itself");
        return Ok(ExitCode::SUCCESS);
    }
    if recover.dry_run {
        let forecast = wiring::quiet_orchestrator(&settings, wiring::read_only(&settings).await?)?.forecast().await?;
        tell(&forecast, as_json);
        return Ok(if forecast.damaged.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) });
    }
    let mut signals = Signals::listen()?;
    let store = wiring::open_store(&settings, "awo recover").await?;
    let orchestrator = wiring::orchestrator(&settings, store.stores.clone())?;
    let forecast = orchestrator.forecast().await?;
    tell(&forecast, as_json);
    orchestrator.start();
    let code = tokio::select! {
        code = until_all_have_ended(&orchestrator, &forecast, as_json) => code,
        _ = signals.next() => {
            note!("awo: stopping; what has not ended is left for the next start");
            Ok(ExitCode::from(FAILED))
        }
    };
    orchestrator.drain(Duration::ZERO, Duration::from_secs(15)).await;
    if forecast.damaged.is_empty() { code } else { code.map(|_| ExitCode::from(FAILED)) }
}

/// Says of each order how it ended, the oldest first.
async fn until_all_have_ended(
    orchestrator: &Orchestrator,
    forecast: &Forecast,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let work_orders = orchestrator.work_orders();
    let mut code = ExitCode::SUCCESS;
    let run = forecast.orders.iter().rev().filter(|foreseen| foreseen.then != Foreseen::Hold);
    for foreseen in run {
        let id = foreseen.order.agent_work_order_id;
        let mut view = match work_orders.get(id).await {
            Err(EngineError::NotFound(_)) => continue, // it ended, and is beyond what is kept
            seen => seen?,
        };
        while !view.order.state.status.is_terminal() {
            view = work_orders.wait_for_change(id, view.seq, LOOK).await?;
        }
        let state = &view.order.state;
        if state.status == AgentWorkOrderStatus::Failed {
            code = ExitCode::from(FAILED);
        }
        if as_json {
            let order = id.to_string();
            print_json(
                &json!({"agent_work_order_id": order, "status": state.status.as_str(), "error_message": state.error_message}),
            );
        } else {
            let why = state.error_message.as_deref().map(|why| format!(": {}", inline(why))).unwrap_or_default();
            say!("{id}  {}{why}", state.status);
        }
    }
    Ok(code)
}

fn tell(forecast: &Forecast, as_json: bool) {
    if as_json {
        let orders: Vec<_> = forecast.orders.iter().map(row).collect();
        let damaged: Vec<_> = forecast.damaged.iter().map(OrderId::to_string).collect();
        print_json(&json!({"orders": orders, "damaged": damaged}));
        return;
    }
    if forecast.orders.is_empty() {
        say!("nothing to recover: every order has ended");
    }
    for foreseen in &forecast.orders {
        let spilled = match foreseen.spilled_results {
            0 => String::new(),
            1 => " (1 result that was not stored is stored first)".to_owned(),
            n => format!(" ({n} results that were not stored are stored first)"),
        };
        let id = foreseen.order.agent_work_order_id;
        let waits = waits(foreseen).map(|waits| format!(", once it has waited {waits}")).unwrap_or_default();
        say!("{id}  {}{waits}{spilled}", inline(&sentence(&foreseen.then)));
    }
    for id in &forecast.damaged {
        say!("{id}  is damaged and left as it is; `awo state verify` says what is wrong");
    }
}

/// What an order that goes on waits for before.
fn waits(foreseen: &ForeseenOrder) -> Option<String> {
    let state = &foreseen.order.state;
    let goes_on = matches!(foreseen.then, Foreseen::Begin { .. } | Foreseen::Continue { .. });
    waiting(state.waiting_for.as_deref(), state.waiting_until).filter(|_| goes_on)
}

fn sentence(then: &Foreseen) -> String {
    match then {
        Foreseen::Begin { step } => format!("begins with {step}, in a fresh checkout"),
        Foreseen::Continue { step, attempt, checkout } => {
            let how = match checkout {
                Standing::Sound => "in its checkout",
                Standing::Changed => "in its checkout, put back to what the last finished step left",
                Standing::Rebuildable => "in a checkout made anew from its checkpoint",
                Standing::Lost => {
                    "if the remote still has what the last finished step left; else fails (workspace_lost): \
                     its checkout and checkpoint are gone"
                }
            };
            format!("goes on with {step}, attempt {attempt}, {how}")
        }
        Foreseen::Hold => "is held until it is started".to_owned(),
        Foreseen::End { status } => format!("ends: {status}"),
        Foreseen::Fail { failure } => format!("fails: {failure}; {}", failure.code.advice()),
        other => format!("{other:?}"),
    }
}

fn row(foreseen: &ForeseenOrder) -> Value {
    let mut row = match &foreseen.then {
        Foreseen::Begin { step } => json!({"action": "begin", "step": step.as_str(), "attempt": 1}),
        Foreseen::Continue { step, attempt, checkout } => {
            let checkout = match checkout {
                Standing::Sound => "sound",
                Standing::Changed => "changed",
                Standing::Rebuildable => "rebuildable",
                Standing::Lost => "lost",
            };
            json!({"action": "continue", "step": step.as_str(), "attempt": attempt, "checkout": checkout})
        }
        Foreseen::Hold => json!({"action": "hold"}),
        Foreseen::End { status } => json!({"action": "end", "status": status.as_str()}),
        Foreseen::Fail { failure } => {
            json!({"action": "fail", "error_code": failure.code.as_str(), "error_message": failure.message})
        }
        other => json!({"action": format!("{other:?}")}),
    };
    row["agent_work_order_id"] = foreseen.order.agent_work_order_id.to_string().into();
    row["waiting_until"] = foreseen.order.state.waiting_until.map(|until| until.to_string()).into();
    row["spilled_results"] = foreseen.spilled_results.into();
    row
}
