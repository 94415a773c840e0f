//! `awo demo`: everything for real on a sample repository, with a scripted agent; nothing leaves the machine.

mod sample;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use awo_client::{Client, CreateOrder, StepsQuery};
use serde_json::json;

use crate::cli::Demo;
use crate::commands::follow::{Audience, Nobody, Person, follow};
use crate::commands::serve::Server;
use crate::commands::watching::{conclude, exit_code, introduce};
use crate::exit::CANCELLED;
use crate::orders::print_json;
use crate::render::{Ending, Place};
use crate::settings::{Backend, Bind, Notify, Settings, Tls};
use crate::signals::Signals;
use crate::terminal::{output, say};
use crate::timing::{SaveCosts, TimedRepository};
use crate::wiring;

const REQUEST: &str = "Add a greeting that can be translated";

pub(crate) async fn run(settings: Settings, demo: Demo, as_json: bool) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let place = tempfile::Builder::new().prefix("awo-demo-").tempdir().context("cannot make a temporary directory")?;
    let remote = sample::create(place.path()).await?;
    let ours = settings.clone();
    let settings = Settings {
        data_dir: place.path().join("data"),
        workspaces_dir: None,
        agents_dir: None,
        spill_dir: None,
        commands_dir: None,
        bind: Bind::Address(([127, 0, 0, 1], 0).into()),
        socket: None,
        tls: Tls::default(),
        auth: None,
        public_url: None,
        state: Backend::File,
        agent: "scripted".into(),
        notify: Notify::default(),
        ..settings
    };
    let costs = Arc::new(SaveCosts::default());
    let timed = Arc::clone(&costs);
    let server =
        Server::start(&settings, "awo demo", |repository| Arc::new(TimedRepository::new(repository, timed))).await?;
    let client = Client::new(server.address(), None)?;
    if !as_json {
        announce(&remote, server.address(), demo.keep);
    }
    let body = CreateOrder {
        repository_url: remote.clone(),
        user_request: REQUEST.to_owned(),
        agent: Some("scripted".to_owned()),
        ..CreateOrder::default()
    };
    let followed = async {
        let order = client.create_order(&body, None).await?.order;
        if !as_json {
            introduce(&order);
        }
        let mut audience: Box<dyn Audience> = if as_json { Box::new(Nobody) } else { Box::new(Person::new()) };
        follow(&client, &order.agent_work_order_id, &mut *audience).await
    };
    let (order, steps) = tokio::select! {
        followed = followed => followed?,
        _ = signals.next() => {
            server.stop(Duration::ZERO, Duration::from_secs(5)).await;
            return Ok(ExitCode::from(CANCELLED));
        }
        () = output::gone() => {
            server.stop(Duration::ZERO, Duration::from_secs(5)).await;
            return Ok(ExitCode::from(CANCELLED));
        }
    };
    let code = exit_code(&order);
    if as_json {
        print_json(&json!({
            "order": client.get_order(&order.agent_work_order_id).answer().await?.json()?,
            "steps": client.list_steps(&order.agent_work_order_id, StepsQuery::default()).answer().await?.json()?,
            "saves": costs.saves(),
            "saves_seconds": costs.total().as_secs_f64(),
        }));
    } else {
        let artifacts = demo.keep.then(|| settings.artifacts_dir());
        let place = Place::Nowhere;
        conclude(&Ending { order: &order, steps: &steps, artifacts, place, costs: Some(&*costs) });
        tell_next(&ours);
    }
    if demo.keep {
        let kept = place.keep();
        if !as_json {
            if let Some(branch) = &order.git_branch_name {
                say!("\n  look      git --git-dir {remote} log --stat {branch}");
            }
            say!("  kept in   {}; the server answers at {} until Ctrl-C", kept.display(), server.address());
        }
        signals.next().await;
    }
    server.stop(Duration::ZERO, Duration::from_secs(5)).await;
    Ok(code)
}

fn announce(remote: &str, address: &str, keep: bool) {
    say!("awo {} · demo: a real repository, a scripted agent, nothing leaves this machine", env!("CARGO_PKG_VERSION"));
    let note = if keep { "" } else { "   (gone at the end; --keep keeps it)" };
    say!("  repository   a sample with 4 files, its bare remote at {remote}{note}");
    say!("  server       {address}      state: files, durable at every step\n");
}

fn tell_next(ours: &Settings) {
    let found = wiring::find_agent(ours, "claude").map_or_else(
        || "needs: claude (not found here; see `awo doctor`)".to_owned(),
        |path| format!("claude: {}", path.display()),
    );
    say!("\n  Now your own:   awo run --repo . \"Fix the flaky login test\"      {found}");
    say!("                  awo serve                                        page and API at http://{}", ours.bind);
}
