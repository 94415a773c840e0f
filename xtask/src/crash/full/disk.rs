//! A small disk that can be filled to the last byte, and given room again.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::crash::device::{self, Mounted};

/// A file system with a file that takes what nobody else has.
#[derive(Debug)]
pub(super) struct Disk {
    at: PathBuf,
    filler: Option<File>,
    _mounted: Mounted,
}

impl Disk {
    /// An empty one below a directory.
    pub(super) fn new(place: &Path, name: &str) -> Result<Self> {
        let (image, at) = (place.join(format!("{name}.image")), place.join(name));
        device::make(&image)?;
        let mounted = Mounted::new(&image, &at)?;
        Ok(Self { at, filler: None, _mounted: mounted })
    }

    /// Where it is.
    pub(super) fn at(&self) -> &Path {
        &self.at
    }

    /// Takes all room that there is now, also that which was given back since the last time.
    pub(super) fn fill(&mut self) -> io::Result<()> {
        let file = match &mut self.filler {
            Some(file) => file,
            none => none.insert(File::create(self.at.join("filler"))?),
        };
        for size in [1 << 20, 4096, 1] {
            let piece = vec![b'x'; size];
            loop {
                match file.write(&piece) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                    Err(error) => return Err(error),
                }
            }
        }
        // What is only promised so far gets its place.
        match file.sync_data() {
            Err(error) if error.kind() != io::ErrorKind::StorageFull => Err(error),
            _ => Ok(()),
        }
    }

    /// Gives it back.
    pub(super) fn make_room(&mut self) -> io::Result<()> {
        self.filler = None;
        fs::remove_file(self.at.join("filler"))
    }
}
