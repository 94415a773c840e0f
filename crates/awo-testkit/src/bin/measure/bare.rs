//! The least that a durable save could cost: so many bytes appended to an open file, and synced.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Outcome;

/// A file that is only appended to.
#[derive(Debug)]
pub(crate) struct Appender {
    file: File,
}

impl Appender {
    /// A new file.
    pub(crate) fn new(path: &Path) -> Outcome<Self> {
        Ok(Self { file: OpenOptions::new().append(true).create_new(true).open(path)? })
    }

    /// Appends so many bytes; the time until they are on the device.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Outcome<Duration> {
        let begun = Instant::now();
        self.file.write_all(bytes)?;
        self.file.sync_data()?;
        Ok(begun.elapsed())
    }
}
