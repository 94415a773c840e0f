//! `life`: one life of the real engine on real files, which tells each fact the moment it is acknowledged.
//!
//! The rigs of `cargo xtask crash` run it: they fail its calls of the system, kill it at each of them, cut its power and
//! turn its clock. Agent and checkouts are in memory, so that nothing but the store touches the disk. With one order at a
//! time all calls of the store come from one thread, in the same order in every life.

mod checkout;
mod options;
mod told;

use std::collections::VecDeque;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use awo_engine::ports::SystemClock;
use awo_engine::{NewOrder, Orchestrator, OrchestratorBuilder, OrderQuery, RunEnd, Settings, StateRepository};
use awo_models::{AgentWorkOrderStatus, Idempotency, OrderId};
use awo_state::{FileArtifacts, FileOptions, FileRepository};
use awo_testkit::PlainPrompts;
use serde_json::json;
use tokio::task::{JoinSet, spawn_blocking};

use checkout::{Agent, Checkouts, NoForge};
use options::Options;
use told::{Teller, TellingRepository};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let lived = Options::parse(std::env::args().skip(1)).map_err(Into::into).and_then(|options| {
        // No driver of input and output: it would write to a file descriptor of its own from the store's thread.
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().max_blocking_threads(options.at_once).thread_keep_alive(Duration::from_hours(1));
        runtime.build()?.block_on(live(options))
    });
    match lived {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(source) = cause {
                text = format!("{text}: {source}");
                cause = source.source();
            }
            let _ = writeln!(std::io::stderr(), "life: {text}");
            ExitCode::FAILURE
        }
    }
}

async fn live(options: Options) -> Outcome {
    let teller = Arc::new(Teller::new(options.by_hand));
    // The thread that all calls of the store come from, if there is one only.
    let thread = spawn_blocking(|| std::fs::read_link("/proc/thread-self")).await??;
    teller.tell(&json!({"told": "thread", "thread": thread}))?;
    let dir = options.dir.clone();
    let files = FileOptions { durability: options.durability, ..FileOptions::default() };
    let store = spawn_blocking(move || FileRepository::open_with(dir, "life", files)).await??;
    let artifacts = FileArtifacts::new(&options.dir);
    let cut = artifacts.clone();
    // As a server does: what cannot be removed now is removed by the next start.
    if let Err(error) = spawn_blocking(move || cut.sweep()).await? {
        eprintln!("cut artifacts are not removed: {error}");
    }
    let found = tell_found(&store, &teller).await?;

    let checkouts = Arc::new(Checkouts::default());
    let agent = Agent::new(Arc::clone(&checkouts), options.output);
    let repository = Arc::new(TellingRepository::new(Arc::new(store.clone()), Arc::clone(&teller)));
    let settings = Settings { max_queued: options.orders + 1, max_output_bytes: 4096, ..Settings::default() };
    let forge = Arc::new(NoForge);
    let orchestrator =
        OrchestratorBuilder::new(repository, Arc::new(artifacts), checkouts, forge, Arc::new(PlainPrompts))
            .with_agent("agent", Arc::new(agent))
            .with_clock(Arc::new(SystemClock::default()))
            .with_settings(settings)
            .build();
    let orchestrator = Arc::new(orchestrator);
    let left: VecDeque<_> = found.into_iter().map(Work::Found).chain((0..options.orders).map(Work::Numbered)).collect();
    let left = Arc::new(Mutex::new(left));
    let mut workers = JoinSet::new();
    for _ in 0..options.at_once {
        workers.spawn(work(Arc::clone(&orchestrator), Arc::clone(&left)));
    }
    while let Some(worked) = workers.join_next().await {
        worked??;
    }
    drop(orchestrator);
    spawn_blocking(move || drop(store)).await?;
    teller.tell(&json!({"told": "ended"}))
}

/// Tells what an earlier life left; the orders that have not ended, oldest first.
async fn tell_found(store: &FileRepository, teller: &Teller) -> Outcome<Vec<OrderId>> {
    let mut query = OrderQuery::default();
    let mut open = Vec::new();
    loop {
        let page = store.list(&query).await?;
        // The first page has all of them.
        for id in page.damaged.iter().filter(|_| query.after.is_none()) {
            teller.tell(&json!({"told": "damaged", "id": id}))?;
        }
        for row in &page.items {
            let id = row.order.agent_work_order_id;
            match told::view(store, id).await {
                Ok(view) => teller.tell_view("found", view)?,
                Err(error) => teller.tell(&json!({"told": "damaged", "id": id, "why": error.to_string()}))?,
            }
            if !row.order.state.status.is_terminal() {
                open.push(id);
            }
        }
        query.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    teller.tell(&json!({"told": "opened"}))?;
    open.reverse();
    Ok(open)
}

/// What a worker takes next.
enum Work {
    /// An order that an earlier life left.
    Found(OrderId),
    /// The n-th order that this life is asked for; an earlier one may have made it.
    Numbered(usize),
}

async fn work(orchestrator: Arc<Orchestrator>, left: Arc<Mutex<VecDeque<Work>>>) -> Outcome {
    loop {
        let Some(next) = left.lock().unwrap_or_else(PoisonError::into_inner).pop_front() else { return Ok(()) };
        let id = match next {
            Work::Found(id) => id,
            Work::Numbered(number) => create(&orchestrator, number).await?,
        };
        match orchestrator.run_order(id).await? {
            RunEnd::Ended(AgentWorkOrderStatus::Completed) | RunEnd::NothingToDo => {}
            end => return Err(format!("{id} ended with {end:?}").into()),
        }
    }
}

async fn create(orchestrator: &Orchestrator, number: usize) -> Outcome<OrderId> {
    let mut request = NewOrder::new("https://example.org/owner/repo.git", "Add a greeting");
    let key = format!("order-{number}");
    request.idempotency = Some(Idempotency { key: key.into(), body_digest: "always the same".into() });
    let created = orchestrator.work_orders().create(request).await?;
    Ok(created.view.order.agent_work_order_id)
}
