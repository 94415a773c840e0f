//! One file of numbered lines, read.
//!
//! The first line is the header. Each line says its number, so that what is damaged costs itself and nothing after it.

use std::io::{self, Read as _};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::disk::Disk;
use super::super::line;
use super::{FORMAT, Trouble};

/// The first line of a file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) format: u32,
    /// Number of the line after it.
    pub(super) first: u64,
}

/// What a file holds.
#[derive(Debug)]
pub(super) struct Segment<T> {
    /// Number of its first line, if anything in it tells.
    first: Option<u64>,
    /// Number of the line that comes next.
    pub(super) next: u64,
    /// Lines in it, sound or not, without the header.
    pub(super) count: u64,
    /// Of these, how many cannot be read.
    pub(super) damaged: u64,
    /// The lines that are wanted.
    pub(super) lines: Vec<T>,
    /// Bytes of the whole lines.
    pub(super) length: u64,
    /// Whether something follows them.
    pub(super) torn: bool,
}

impl<T: DeserializeOwned> Segment<T> {
    /// Reads a file; `None` if it is not there, or if not even its first line is whole.
    pub(super) fn read(disk: &dyn Disk, path: &Path, wanted: &impl Fn(u64) -> bool) -> Result<Option<Self>, Trouble> {
        let mut bytes = Vec::new();
        match disk.open_read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?.read_to_end(&mut bytes)?,
        };
        Self::parse(&bytes, wanted).map_err(Trouble::Newer)
    }

    fn parse(bytes: &[u8], wanted: &impl Fn(u64) -> bool) -> Result<Option<Self>, u32> {
        let Some(last_end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(None);
        };
        let mut texts = bytes[..last_end].split(|byte| *byte == b'\n');
        let header = texts.next().filter(|text| line::is_sound(text)).and_then(|text| {
            let header: Header = serde_json::from_slice(text).ok()?;
            Some(header).filter(|header| header.first > 0)
        });
        match header {
            Some(header) if header.format > FORMAT => return Err(header.format),
            _ => {}
        }
        let mut first = header.map(|header| header.first);
        let (mut count, mut damaged, mut unsound) = (0, 0, 0);
        let mut next = first.unwrap_or(1);
        let mut lines = Vec::new();
        for text in texts {
            count += 1;
            let number = line::number(text).filter(|number| *number >= next && line::is_sound(text));
            let Some(number) = number else {
                unsound += 1;
                continue;
            };
            let first = *first.get_or_insert_with(|| number.saturating_sub(unsound).max(1));
            damaged += number - next.max(first);
            next = number + 1;
            unsound = 0;
            if wanted(number) {
                match serde_json::from_slice(text) {
                    Ok(line) => lines.push(line),
                    Err(_) => damaged += 1,
                }
            }
        }
        // After the last sound line there is no number to tell how many the damage has taken.
        damaged += unsound;
        next += unsound;
        let length = last_end as u64 + 1;
        let torn = last_end + 1 < bytes.len();
        Ok(Some(Self { first, next, count, damaged, lines, length, torn }))
    }

    /// Number of its first line.
    pub(super) fn first(&self) -> u64 {
        self.first.unwrap_or(1)
    }

    /// Says which file it follows, in case it does not know its own numbers any more.
    pub(super) fn comes_after<U>(&mut self, older: &Segment<U>) {
        if self.first.is_none() {
            self.first = Some(older.next);
            self.next += older.next - 1;
        }
    }
}
