//! `awo state import --from`: takes over what the files of another data directory hold: orders with their artifacts and
//! logs, configured repositories, and keys. What is there already is never changed, so it can be done again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use awo_adapters::SpillFiles;
use awo_engine::ports::SpillStore as _;
use awo_models::OrderId;
use awo_state::{
    ArtifactContent, ArtifactStore as _, Catalog, CatalogError, FileArtifacts, FileCatalog, FileOrderLog,
    FileRepository, LogLine, LogQuery, OrderLog as _, OrderQuery, StateRepository as _, StateTransfer as _,
    StoredOrder,
};
use serde_json::json;

use super::importing::{Outcome, take};
use crate::exit::{BAD_INPUT, FAILED, UNAVAILABLE, coded};
use crate::orders::print_json;
use crate::render::counted;
use crate::settings::{Backend, Settings};
use crate::terminal::{inline, say};
use crate::wiring::{self, Stores};

/// Lines of a log that are taken over at once.
const LINES: usize = 500;

pub(super) async fn run(settings: &Settings, from: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let source = Source::open(settings, from).await?;
    let stores = wiring::open_for_import(settings).await?;
    let page = source.orders.list(&OrderQuery { limit: usize::MAX, ..OrderQuery::default() }).await?;
    let mut ids: Vec<_> = page.items.iter().map(|row| row.order.agent_work_order_id).chain(page.damaged).collect();
    ids.sort_unstable();
    let mut outcomes = Vec::with_capacity(ids.len());
    for (number, id) in (1..).zip(ids) {
        let outcome = source.order(&stores, number, id).await?;
        if !as_json {
            outcome.tell();
        }
        outcomes.push(outcome);
    }
    let (repositories, keys) = source.catalog(&*stores.access).await?;
    let good = outcomes.iter().all(|outcome| outcome.good);
    if as_json {
        let orders: Vec<_> = outcomes.iter().map(Outcome::as_json).collect();
        print_json(&json!({"orders": orders, "repositories": repositories, "keys": keys, "whole": good}));
    } else {
        let (repositories, keys) = (counted(repositories, "repository"), counted(keys, "key"));
        say!("{repositories} and {keys} taken over; the audit trail stays in {}", inline(&from.display().to_string()));
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// The files of a data directory that nobody writes.
struct Source {
    orders: FileRepository,
    artifacts: FileArtifacts,
    logs: FileOrderLog,
    catalog: FileCatalog,
    /// Orders with results that it could not get stored.
    spilled: BTreeSet<OrderId>,
    /// The directory, unless it stays the one that its orders are gone on with from.
    left: Option<PathBuf>,
}

impl Source {
    async fn open(settings: &Settings, from: &Path) -> anyhow::Result<Self> {
        let shown = from.display();
        let same = |one: &Path, other: &Path| {
            one.canonicalize().ok().is_some_and(|one| Some(one) == other.canonicalize().ok())
        };
        let stays = same(from, &settings.data_dir);
        if settings.state == Backend::File && stays {
            return Err(coded(BAD_INPUT, format!("{shown} is the data directory itself; set state to postgres first")));
        }
        if !from.join("orders").is_dir() {
            return Err(coded(BAD_INPUT, format!("{shown} holds no orders; give the data directory of another awo")));
        }
        let unreadable = |error: &dyn std::fmt::Display| coded(UNAVAILABLE, format!("cannot read {shown}: {error}"));
        if let Some(holder) = FileRepository::holder(from).map_err(|error| unreadable(&error))? {
            return Err(coded(UNAVAILABLE, format!("{holder} writes in {shown}; stop it first")));
        }
        // Where they lie is told from the data directory's own path.
        let its = Settings { data_dir: from.to_owned(), ..settings.clone() };
        let spilled = SpillFiles::new(its.spill_dir()).orders().await.map_err(|failure| unreadable(&failure))?;
        Ok(Self {
            spilled: spilled.into_iter().collect(),
            left: (!stays).then(|| from.to_owned()),
            orders: FileRepository::open_read_only(from).map_err(|error| unreadable(&error))?,
            artifacts: FileArtifacts::new(from),
            logs: FileOrderLog::new(from),
            catalog: FileCatalog::new(from),
        })
    }

    /// Takes one order over. What belongs to it comes first: a record names what is there.
    async fn order(&self, to: &Stores, number: usize, id: OrderId) -> anyhow::Result<Outcome> {
        let stored = match self.orders.export(id).await {
            Ok(Some(stored)) => stored,
            Ok(None) => return Ok(Outcome::refused(number, Some(id), "it is not there any more".into())),
            Err(error) => {
                return Ok(Outcome::refused(number, Some(id), format!("{:#}", anyhow::Error::new(error))));
            }
        };
        if let Some(reason) = self.tied(&stored) {
            return Ok(Outcome::refused(number, Some(id), reason));
        }
        for name in self.artifacts.list(id).await? {
            if to.artifacts.get(id, &name).await?.is_none()
                && let Some(bytes) = self.artifacts.get(id, &name).await?
            {
                to.artifacts.put(id, &name, ArtifactContent::Bytes(bytes)).await?;
            }
        }
        self.log(to, id).await?;
        take(to, number, stored).await
    }

    /// Why an order cannot go on without the directory that it comes from, if it cannot.
    fn tied(&self, stored: &StoredOrder) -> Option<String> {
        let left = inline(&self.left.as_ref()?.display().to_string());
        let order = &stored.order;
        let cure = format!("let `awo serve --data-dir {left}` run for it, then import again");
        if self.spilled.contains(&order.agent_work_order_id) {
            return Some(format!("it has results that were not stored, beside {left}; {cure}"));
        }
        let begun = order.state.current_step.is_some() || !stored.history.is_empty();
        let goes_on = begun && !order.state.status.is_terminal();
        goes_on.then(|| format!("it has not ended, and its checkout is in {left}; {cure}"))
    }

    /// Goes on after the last line that is there, as far as lines can be told from each other.
    async fn log(&self, to: &Stores, id: OrderId) -> anyhow::Result<()> {
        let there = to.log.read(id, &LogQuery { limit: 1, ..LogQuery::default() }).await?.total;
        let mut taken = there;
        loop {
            let page = self.logs.read(id, &LogQuery { offset: taken, limit: LINES, ..LogQuery::default() }).await?;
            if page.lines.is_empty() {
                return Ok(());
            }
            let entries: Vec<_> = page.lines.iter().map(|line| LogLine::clone(line).entry).collect();
            to.log.append(id, &entries).await?;
            taken += entries.len();
        }
    }

    /// Takes configured repositories and keys over; answers how many were new.
    async fn catalog(&self, to: &dyn Catalog) -> anyhow::Result<(u64, u64)> {
        let (mut repositories, mut keys) = (0, 0);
        for repository in self.catalog.repositories().await? {
            repositories += u64::from(is_new(to.put_repository(repository.document, None).await)?);
        }
        let known = to.keys().await?;
        for key in self.catalog.keys().await? {
            if known.iter().all(|known| known.document.id != key.document.id) {
                keys += u64::from(is_new(to.put_key(key.document, None).await)?);
            }
        }
        Ok((repositories, keys))
    }
}

fn is_new(put: Result<u64, CatalogError>) -> anyhow::Result<bool> {
    match put {
        Ok(_) => Ok(true),
        Err(CatalogError::Conflict { .. } | CatalogError::Exists { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
