//! Numbered lines in two files: new ones are added to the newer file; when it has half of what is kept, it takes the
//! place of the older one, whose lines go.
//!
//! *Invariant*: a line that was stored keeps its number and its content. What is damaged costs itself.

mod segment;

use std::io;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::disk::{Disk, Stored, create_dirs};
use super::line;
use segment::{Header, Segment};

/// Format that is written, and the newest that is read.
pub(super) const FORMAT: u32 = 1;

/// Where lines are kept, and how many.
#[derive(Debug, Clone)]
pub(super) struct Segments {
    /// The file that grows.
    pub(super) newer: PathBuf,
    /// The one before it.
    pub(super) older: PathBuf,
    /// At most so many lines in both.
    pub(super) lines: u64,
    /// At most so many bytes in both, or one line in each.
    pub(super) bytes: u64,
    /// Whether what is added is on the device when that is answered.
    pub(super) synced: bool,
}

/// Where the newer file ends, when nobody else has touched it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tail {
    /// Number of the next line.
    next: u64,
    lines: u64,
    /// 0 if there is no file.
    length: u64,
}

/// What was read.
#[derive(Debug)]
pub(super) struct Found<T> {
    /// Oldest first.
    pub(super) lines: Vec<T>,
    /// Number of the newest line.
    pub(super) last: u64,
    /// The oldest so many lines are gone.
    pub(super) dropped: u64,
    /// Lines that cannot be read.
    pub(super) damaged: u64,
}

/// The files cannot be used.
#[derive(Debug)]
pub(super) enum Trouble {
    /// A newer program wrote them, in this format.
    Newer(u32),
    /// A call failed.
    Failed(Stored, io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Failed(Stored::No, error)
    }
}

/// The older file and the newer one.
type Both<T> = (Option<Segment<T>>, Option<Segment<T>>);

/// A record with its number.
#[derive(Serialize)]
struct Line<'a, E> {
    number: u64,
    #[serde(flatten)]
    entry: &'a E,
}

impl Segments {
    /// The lines that are wanted by their number.
    pub(super) fn read<T: DeserializeOwned>(
        &self,
        disk: &dyn Disk,
        wanted: impl Fn(u64) -> bool,
    ) -> Result<Found<T>, Trouble> {
        let (older, newer) = self.both(disk, &wanted)?;
        let dropped = older.as_ref().or(newer.as_ref()).map_or(0, |segment| segment.first() - 1);
        let mut found = Found { lines: Vec::new(), last: dropped, dropped, damaged: 0 };
        for segment in [older, newer].into_iter().flatten() {
            found.damaged += segment.damaged + segment.first().saturating_sub(found.last + 1);
            found.last = segment.next - 1;
            found.lines.extend(segment.lines);
        }
        Ok(found)
    }

    /// The two files as they were at one time.
    fn both<T: DeserializeOwned>(&self, disk: &dyn Disk, wanted: &impl Fn(u64) -> bool) -> Result<Both<T>, Trouble> {
        let mut looks = 0;
        loop {
            let mut newer = Segment::read(disk, &self.newer, wanted)?;
            let older = Segment::read(disk, &self.older, wanted)?;
            if let (Some(older), Some(newer)) = (&older, &mut newer) {
                newer.comes_after(older);
            }
            match (&older, &newer) {
                // The newer file has become the older one meanwhile.
                (Some(before), Some(after)) if before.first() >= after.first() => {
                    looks += 1;
                    if looks == 16 {
                        return Ok((None, newer));
                    }
                }
                _ => return Ok((older, newer)),
            }
        }
    }

    /// Adds lines. `known` is where the last call ended.
    pub(super) fn append<E: Serialize>(
        &self,
        disk: &dyn Disk,
        known: &mut Option<Tail>,
        entries: &[E],
    ) -> Result<(), Trouble> {
        let length = disk.metadata(&self.newer).map_or(0, |found| found.len());
        let mut tail = match known.take().filter(|tail| tail.length == length) {
            Some(tail) => tail,
            None => self.tail(disk)?,
        };
        let mut lines = Vec::new();
        let mut some_stored = false;
        for entry in entries {
            let line = line::encode(&Line { number: tail.next, entry }).map_err(io::Error::from)?;
            let bytes = tail.length + (lines.len() + line.len()) as u64;
            if tail.lines > 0 && (tail.lines >= (self.lines / 2).max(1) || bytes > self.bytes / 2) {
                self.write(disk, &mut tail, &mut lines, &mut some_stored)?;
                disk.rename(&self.newer, &self.older).map_err(|error| perhaps_if(some_stored, error))?;
                tail = Tail { lines: 0, length: 0, ..tail };
            }
            if tail.length == 0 && lines.is_empty() {
                lines = line::encode(&Header { format: FORMAT, first: tail.next }).map_err(io::Error::from)?;
            }
            lines.extend(line);
            tail.next += 1;
            tail.lines += 1;
        }
        self.write(disk, &mut tail, &mut lines, &mut some_stored)?;
        *known = Some(tail);
        Ok(())
    }

    /// Writes lines to the end of the newer file, or to a new one; all of them or none.
    fn write(
        &self,
        disk: &dyn Disk,
        tail: &mut Tail,
        lines: &mut Vec<u8>,
        some_stored: &mut bool,
    ) -> Result<(), Trouble> {
        if lines.is_empty() {
            return Ok(());
        }
        let failed = |error| perhaps_if(*some_stored, error);
        let parent = self.newer.parent().unwrap_or(&self.newer);
        let is_new = tail.length == 0;
        let file = if is_new {
            create_dirs(disk, parent).and_then(|()| disk.create_new(&self.newer))
        } else {
            disk.open_append(&self.newer)
        };
        let file = file.map_err(failed)?;
        if let Err(error) = disk.write(&file, lines) {
            let undone = if is_new { disk.remove(&self.newer) } else { disk.set_len(&file, tail.length) };
            return Err(perhaps_if(*some_stored || undone.is_err(), error));
        }
        if self.synced {
            let synced =
                if is_new { disk.sync_all(&file).and_then(|()| disk.sync_dir(parent)) } else { disk.sync_data(&file) };
            synced.map_err(|error| Trouble::Failed(Stored::Perhaps, error))?;
        }
        tail.length += lines.len() as u64;
        lines.clear();
        *some_stored = true;
        Ok(())
    }

    /// Finds the end of the newer file, and cuts off a line whose write was cut.
    fn tail(&self, disk: &dyn Disk) -> Result<Tail, Trouble> {
        let (older, newer) = self.both::<serde::de::IgnoredAny>(disk, &|_| false)?;
        if let Some(newer) = newer {
            if newer.torn {
                disk.set_len(&disk.open_append(&self.newer)?, newer.length)?;
            }
            return Ok(Tail { next: newer.next, lines: newer.count, length: newer.length });
        }
        // What there is of it was cut before its first line ended.
        match disk.remove(&self.newer) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        Ok(Tail { next: older.map_or(1, |older| older.next), lines: 0, length: 0 })
    }

    /// Bytes of both files.
    pub(super) fn size(&self, disk: &dyn Disk) -> io::Result<u64> {
        let mut bytes = 0;
        for path in [&self.newer, &self.older] {
            match disk.metadata(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                found => bytes += found?.len(),
            }
        }
        Ok(bytes)
    }

    /// Removes both files. The names may come back after a power cut until their directory is synced.
    pub(super) fn remove(&self, disk: &dyn Disk) -> io::Result<()> {
        for path in [&self.older, &self.newer] {
            match disk.remove(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

fn perhaps_if(some_stored: bool, error: io::Error) -> Trouble {
    Trouble::Failed(if some_stored { Stored::Perhaps } else { Stored::No }, error)
}
