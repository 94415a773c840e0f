//! `awo state export`: orders as JSON lines, with a first and a last line by which a cut file is noticed.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use awo_models::OrderId;
use awo_state::{OrderQuery, StateRepository};
use serde_json::json;

use crate::cli::Export;
use crate::exit::FAILED;
use crate::ids::IdEnd;
use crate::orders::print_json;
use crate::render::counted;
use crate::settings::Settings;
use crate::terminal::{inline, note, say};
use crate::wiring::{self, Stores};

/// The word that the first line begins with.
pub(super) const FORMAT: &str = "awo-orders-1";

pub(super) async fn run(settings: &Settings, export: &Export, as_json: bool) -> anyhow::Result<ExitCode> {
    let stores = wiring::read_only(settings).await?;
    let ids = chosen(&*stores.repository, &export.ids).await?;
    let (written, left_out) = match &export.out {
        None => write(&stores, &ids, io::stdout()).await?,
        Some(path) => write_file(&stores, &ids, path).await?,
    };
    for (id, reason) in &left_out {
        note!("awo: {id} is left out: {}", inline(reason));
    }
    if export.out.is_some() && as_json {
        let left_out: Vec<_> = left_out.iter().map(|(id, reason)| json!({"order": id, "reason": reason})).collect();
        print_json(&json!({"exported": written, "left_out": left_out}));
    } else if let Some(path) = &export.out {
        let count = counted(written, "order");
        say!("{count} in {}; artifacts are not in it", inline(&path.display().to_string()));
    }
    Ok(if left_out.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// The orders to export, oldest first, damaged ones included: they are named.
async fn chosen(repository: &dyn StateRepository, asked: &[String]) -> anyhow::Result<Vec<OrderId>> {
    let page = repository.list(&OrderQuery { limit: usize::MAX, ..OrderQuery::default() }).await?;
    let mut ids: Vec<_> = page.items.iter().map(|row| row.order.agent_work_order_id).chain(page.damaged).collect();
    ids.sort_unstable();
    chosen_of(&ids, asked)
}

fn chosen_of(ids: &[OrderId], asked: &[String]) -> anyhow::Result<Vec<OrderId>> {
    if asked.is_empty() {
        return Ok(ids.to_vec());
    }
    let one = |text: &String| {
        let end = IdEnd::read(text)?;
        let fitting = ids.iter().copied().filter(|id| end.fits(&id.to_string()));
        end.only(fitting, "; `awo list` shows them")
    };
    let mut chosen = asked.iter().map(one).collect::<anyhow::Result<Vec<_>>>()?;
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

type LeftOut = Vec<(OrderId, String)>;

/// Writes beside the file, and gives it its name when it is whole.
async fn write_file(stores: &Stores, ids: &[OrderId], path: &Path) -> anyhow::Result<(u64, LeftOut)> {
    let cannot = || format!("cannot write {}", path.display());
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::NamedTempFile::new_in(dir).with_context(cannot)?;
    let told = write(stores, ids, file.as_file()).await?;
    file.as_file().sync_all().with_context(cannot)?;
    file.persist(path).with_context(cannot)?;
    File::open(dir).and_then(|dir| dir.sync_all()).with_context(cannot)?;
    Ok(told)
}

async fn write(stores: &Stores, ids: &[OrderId], to: impl Write) -> anyhow::Result<(u64, LeftOut)> {
    let mut to = BufWriter::new(to);
    let mut line = |value: &str| writeln!(to, "{value}").context("cannot write the orders");
    line(&json!({"format": FORMAT, "count": ids.len()}).to_string())?;
    let (mut written, mut left_out) = (0_u64, Vec::new());
    for id in ids {
        match stores.transfer()?.export(*id).await {
            Ok(Some(whole)) => {
                line(&serde_json::to_string(&whole)?)?;
                written += 1;
            }
            Ok(None) => left_out.push((*id, "it was deleted in the meantime".to_owned())),
            Err(error) => left_out.push((*id, format!("{:#}", anyhow::Error::new(error)))),
        }
    }
    line(&json!({"end": true, "count": written}).to_string())?;
    to.flush().context("cannot write the orders")?;
    Ok((written, left_out))
}
