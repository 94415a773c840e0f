//! What can be set when a directory of orders is opened.

use std::time::Duration;

/// How a [`FileRepository`](crate::FileRepository) keeps its files. The default is right unless there is a reason.
///
/// ```
/// let options = awo_state::FileOptions { keep_ended: 1_000, ..Default::default() };
/// # let _ = options;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOptions {
    /// What an acknowledged save survives.
    pub durability: Durability,
    /// Histories and events of so many ended orders stay in memory, those that were used last; others are read again
    /// when they are asked for. Those of orders that have not ended always stay.
    pub keep_ended: usize,
    /// Journals shorter than so many bytes are never made anew to save room.
    pub compact_from: u64,
    /// A longer one is made anew when that makes it shorter by so many hundredths: results and events stay, what later
    /// records superseded goes. It is asked again each time a journal has doubled.
    pub compact_percent: u8,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self { durability: Durability::Always, keep_ended: 128, compact_from: 4 * 1024 * 1024, compact_percent: 50 }
    }
}

/// What `Ok` means when a [`FileRepository`](crate::FileRepository) answers a save with it.
///
/// New orders, deletions and journals that are made anew are on the device with either when they are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The save is on the device. It survives the end of the process, of the system, and a power cut.
    #[default]
    Always,
    /// The save is with the operating system, and on the device at the latest so long afterwards (and as long as a sync
    /// takes). It survives the end of the process, also by a kill; in a crash of the system or a power cut the last saves
    /// of an order that are not older may be lost, whole, from its end. Below a millisecond counts as one.
    Interval(Duration),
    /// The save is with the operating system. It survives the end of the process, also by a kill; in a crash of the
    /// system or a power cut the last saves of an order may be lost, whole, from its end; how many is up to the system.
    Os,
}
