//! Mends a damaged journal: what is sound of it becomes a journal again, and the damaged file is kept aside.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use awo_models::{AgentWorkOrderStatus, EventKind, FailureCode, OrderId, OrderPatch, Timestamp};

use super::disk::Disk;
use super::index::{Entry, Seen};
use super::journal::{self, Journal};
use super::record::{Damage, Depth, Found, Loaded, Tail};
use super::{FileRepository, Shared, on_disk};
use crate::{Change, ClaimId, Result, StateError, merge};

/// What was saved of a damaged order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// Number of the last record that is sound.
    pub records: u64,
    /// Where the damaged file is now.
    pub aside: PathBuf,
    /// Whether the order had not ended by then, and was ended as failed.
    pub ended: bool,
}

impl FileRepository {
    /// Makes a damaged order whole again as it was before its damage; `None` if it is sound. An order that had not ended
    /// by then is ended as failed: what it did later is lost, so it must not go on as if it had not done it. `worker` is
    /// named in its events and in the reason.
    ///
    /// `Corrupt` if not even its first record is sound; `UnsupportedVersion` if a newer program wrote it. Then nothing is
    /// changed.
    pub async fn salvage(&self, id: OrderId, worker: &str, at: Timestamp) -> Result<Option<Salvaged>> {
        self.writable()?;
        let entry = self.entry(id).await?.ok_or(StateError::NotFound(id))?;
        let mut journal = Arc::clone(&entry.journal).lock_owned().await;
        let (shared, worker) = (Arc::clone(&self.shared), worker.to_owned());
        on_disk(move || {
            let salvaged = shared.salvage(&entry, &mut journal, &worker, at);
            drop((shared, entry));
            drop(journal);
            salvaged
        })
        .await?
    }
}

impl Shared {
    fn salvage(
        &self,
        entry: &Arc<Entry>,
        journal: &mut Journal,
        worker: &str,
        at: Timestamp,
    ) -> Result<Option<Salvaged>> {
        let path = journal::path(&self.orders, entry.id);
        let corrupt = |damage: &Damage| damage.told(entry.id);
        let Err(damage) = journal::load(&*self.disk, &path, entry.id, Depth::Content, Tail::Kept) else {
            return Ok(None);
        };
        let Damage::Record { at: sound, .. } = &damage else { return Err(corrupt(&damage)) };
        let found = journal::load_prefix(&*self.disk, &path, entry.id, *sound).map_err(|_| corrupt(&damage))?;
        let (records, length) = (found.number, found.length);
        let mut next = Journal::found(path.clone(), &found);
        let Found { mut order, .. } = found;
        let ended = !order.head.status.is_terminal();
        if ended {
            end(&mut order, records, worker, at)?;
        }
        let aside = keep_aside(&*self.disk, &path).map_err(|error| StateError::Backend(error.into()))?;
        next.store_whole(&*self.disk, &order, self.options.durability)?;
        tracing::warn!(
            agent_work_order_id = %entry.id, records, bytes = length, aside = %aside.display(),
            "a damaged order is restored as it was before its damage"
        );
        *journal = next;
        entry.set_bytes(journal.length());
        *entry.seen() = Seen::Sound(order);
        self.index.put(entry);
        self.recent.add(entry.id);
        Ok(Some(Salvaged { records, aside, ended }))
    }
}

/// Claims the order, which fences whoever owned it, and ends it.
fn end(order: &mut Loaded, records: u64, worker: &str, at: Timestamp) -> Result<()> {
    let claim = ClaimId(order.head.claim.map_or(1, |ClaimId(before)| before.wrapping_add(1)));
    let status = AgentWorkOrderStatus::Failed;
    let message = format!("restored up to record {records} by {worker}; later results are lost");
    let patch = OrderPatch {
        status: Some(status),
        current_step: Some(None),
        error_code: Some(Some(FailureCode::ResultsLost)),
        error_message: Some(Some(message.into())),
        completed_at: Some(Some(at)),
        ..OrderPatch::default()
    };
    let change = Change::if_unchanged(order.head.seq).claiming(claim, worker, at, OrderPatch::default()).with(
        EventKind::Ended { status },
        at,
        patch,
    );
    let delta = merge(&order.head, None, &change)?;
    order.commit(None, delta);
    Ok(())
}

/// A copy of a file beside it, on the device.
fn keep_aside(disk: &dyn Disk, path: &Path) -> std::io::Result<PathBuf> {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut disk.open_read(path)?, &mut bytes)?;
    journal::keep_aside(disk, path, "damaged", &bytes)
}
