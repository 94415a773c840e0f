//! The processes that this program starts for orders: how they are kept, marked, and found again by its next life.
//!
//! On Linux each bears two marks in its environment: whose it is, and for which order. What it starts inherits them. A
//! later life finds by them what is left, in whatever session it is; nothing is written down. Elsewhere the numbers of
//! process groups are recorded in files. There a record that outlived its process may name a stranger's group, which is
//! then ended.
//!
//! *Not promised*: a process that starts with an environment of its own, and whose ancestors have all ended, has no
//! marks. While a keeper lives it is found all the same; see [`Keeper`].

mod records;
#[cfg(target_os = "linux")]
pub(crate) mod sweep;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use awo_models::OrderId;
use tracing::warn;

use crate::Keeper;
use crate::process::{Custody, ProcessTracker};
use records::Records;

/// Names of the marks.
const INSTANCE: &str = "AWO_INSTANCE";
const ORDER: &str = "AWO_ORDER";

/// All processes that are started for the orders of one data directory.
#[derive(Debug)]
pub struct Processes {
    instance: OsString,
    keeper: Option<Keeper>,
    /// Where there are no marks to find processes by.
    records: Option<Records>,
    /// Whether it was said that nobody keeps what is started.
    told: AtomicBool,
}

impl Processes {
    /// The processes of a data directory. Without a keeper they are led in process groups, and what leaves its group is
    /// ended by the next life only.
    pub fn of(data_dir: &Path, keeper: Option<Keeper>) -> Self {
        let instance = match fs::metadata(data_dir) {
            // Not its path: that of a container may be the same, and its processes be seen from here.
            Ok(directory) => format!("{:x}-{:x}", directory.dev(), directory.ino()).into(),
            // Nothing runs for one that is not there; it can be read all the same.
            Err(_) => data_dir.as_os_str().to_owned(),
        };
        let keeper = keeper.filter(|_| cfg!(target_os = "linux"));
        let records = (!cfg!(target_os = "linux")).then(|| Records::new(data_dir.join("processes")));
        Self { instance, keeper, records, told: AtomicBool::new(false) }
    }

    /// What a process of an order is started with.
    pub fn custody(&self, order: OrderId) -> Custody {
        if self.keeper.is_none() && !self.told.swap(true, Ordering::Relaxed) {
            warn!(
                "keeper_missing: what an agent starts in a session of its own outlives its step, and agents outlive a \
                 kill of this process"
            );
        }
        let marks = vec![self.instance_mark(), (ORDER.into(), order.to_string().into())];
        Custody { keeper: self.keeper.clone(), marks }
    }

    fn instance_mark(&self) -> (OsString, OsString) {
        (INSTANCE.into(), self.instance.clone())
    }

    /// Ends every process that was ever started for an order and still runs; how many were ended.
    pub async fn end_all(&self, order: OrderId) -> io::Result<usize> {
        match &self.records {
            Some(records) => records.end(Some(order)).await,
            None => sweep_aside(vec![self.instance_mark(), (ORDER.into(), order.to_string().into())]).await,
        }
    }

    /// Ends every process that was ever started for any order and still runs; how many were ended.
    ///
    /// For the start of a process that holds the data directory alone: whatever runs then was left by an earlier life. In
    /// any other moment it would end the agents that are at work.
    pub async fn end_left_over(&self) -> io::Result<usize> {
        match &self.records {
            Some(records) => records.end(None).await,
            None => sweep_aside(vec![self.instance_mark()]).await,
        }
    }
}

impl ProcessTracker for Processes {
    fn custody(&self, order: OrderId) -> Custody {
        Self::custody(self, order)
    }

    fn custody_of_a_look(&self) -> Custody {
        Custody { keeper: self.keeper.clone(), marks: vec![self.instance_mark()] }
    }

    fn track(&self, order: OrderId, pid: u32) -> io::Result<Box<dyn Send>> {
        match &self.records {
            Some(records) => Ok(Box::new(records.track(order, pid)?)),
            None => Ok(Box::new(())),
        }
    }
}

#[cfg(target_os = "linux")]
async fn sweep_aside(marks: Vec<(OsString, OsString)>) -> io::Result<usize> {
    let swept = tokio::task::spawn_blocking(move || sweep::end_all(&marks)).await;
    swept.unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[cfg(not(target_os = "linux"))]
async fn sweep_aside(_marks: Vec<(OsString, OsString)>) -> io::Result<usize> {
    Ok(0)
}
