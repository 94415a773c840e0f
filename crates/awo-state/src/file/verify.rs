//! Reads a whole directory to the last byte and says what is wrong in it; changes nothing and needs no lock.

use std::io;
use std::path::{Path, PathBuf};

use awo_models::OrderId;
use serde::Serialize;

use super::FileRepository;
use super::disk::RealDisk;
use super::journal;
use super::reader::Reader;
use super::record::{Damage, Depth};
use super::scan::scan;

/// What was found in the files of orders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Orders that are sound, or will be once a cut end is cut off.
    pub sound: Vec<OrderId>,
    /// Bytes of their journals.
    pub bytes: u64,
    /// What is not as it should be, or worth knowing.
    pub findings: Vec<FileFinding>,
}

/// One thing that was found, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileFinding {
    /// What it is.
    pub kind: FileFindingKind,
    /// The file.
    pub path: PathBuf,
    /// The order that it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// Number of the record, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// Where it begins in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte: Option<u64>,
    /// What exactly.
    pub message: String,
}

/// What a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FileFindingKind {
    /// A journal that does not fit itself: its order cannot be read.
    Damaged,
    /// A journal of a newer version of this program.
    TooNew,
    /// A journal that cannot be opened or read.
    Unreadable,
    /// The end of a journal that a crash cut off.
    TornTail,
    /// A file whose writing was cut off.
    LeftOver,
    /// What was cut off a journal, or a damaged journal that was replaced.
    KeptAside,
    /// Something that is not ours.
    Stray,
}

impl FileRepository {
    /// Reads every journal of a directory to its last byte, results included. A writer may be at work in it: then what is
    /// being written just now looks as if it had been cut off.
    pub fn verify(dir: impl AsRef<Path>) -> io::Result<Verified> {
        let dir = dir.as_ref();
        let tail = Reader::new(dir).tail();
        let found = scan(&RealDisk, &dir.join("orders"))?;
        let mut verified = Verified::default();
        let lone = |kind, message: &str| {
            let message = message.to_owned();
            move |path| FileFinding { kind, path, order: None, record: None, byte: None, message: message.clone() }
        };
        for (id, path) in found.journals {
            let at = |kind, record, byte, message| FileFinding {
                kind,
                path: path.clone(),
                order: Some(id),
                record,
                byte,
                message,
            };
            match journal::load(&RealDisk, &path, id, Depth::Content, tail) {
                Ok(found) => {
                    verified.sound.push(id);
                    verified.bytes += found.length;
                    if !found.torn.is_empty() {
                        let message = format!("{} bytes are not a whole record", found.torn.len());
                        let (record, byte) = (Some(found.number + 1), Some(found.length));
                        verified.findings.push(at(FileFindingKind::TornTail, record, byte, message));
                    }
                }
                Err(Damage::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => {} // deleted just now
                Err(damage) => {
                    let (record, byte) = damage.place();
                    verified.findings.push(at(kind_of(&damage), record, byte, damage.why()));
                }
            }
        }
        let left_over = lone(FileFindingKind::LeftOver, "the writing of a file was cut off");
        let aside = lone(FileFindingKind::KeptAside, "kept when a journal was mended");
        let stray = lone(FileFindingKind::Stray, "a file that is not a journal");
        verified.findings.extend(found.leftovers.into_iter().map(left_over));
        verified.findings.extend(found.asides.into_iter().map(aside));
        verified.findings.extend(found.strays.into_iter().map(stray));
        verified.sound.sort_unstable();
        verified.findings.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(verified)
    }
}

fn kind_of(damage: &Damage) -> FileFindingKind {
    match damage {
        Damage::Newer(_) => FileFindingKind::TooNew,
        Damage::Unreadable(_) => FileFindingKind::Unreadable,
        Damage::Record { .. } | Damage::Empty => FileFindingKind::Damaged,
    }
}
