//! A file system in a file in memory: what the file holds is what the device had.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::provision;

/// Nothing is written back by time within a trial, and a rename waits for no data: what is not synced is not there.
const OPTIONS: &str = "loop,commit=300,noauto_da_alloc";

/// Size of the device in bytes.
const SIZE: u64 = 48 * 1024 * 1024;

/// What keeps this machine from making and mounting one.
pub(super) fn missing() -> Result<Option<String>> {
    // Neither can be installed, so a continuous integration without them goes on.
    if !provision::is_root() {
        return Ok(Some("only root may mount a file system".to_owned()));
    }
    if !Path::new("/dev/shm").is_dir() {
        return Ok(Some("there is no /dev/shm".to_owned()));
    }
    if let Some(reason) = provision::missing_program("mkfs.ext4", "-V", "e2fsprogs")? {
        return Ok(Some(reason));
    }
    let place = tempfile::Builder::new().prefix("awo-device-").tempdir_in("/dev/shm")?;
    let image = place.path().join("image");
    make(&image)?;
    Ok(Mounted::new(&image, &place.path().join("mount")).err().map(|error| format!("{error:#}")))
}

/// Makes a device with an empty file system.
pub(super) fn make(image: &Path) -> Result<()> {
    fs::File::create(image)?.set_len(SIZE)?;
    let mut make = Command::new("mkfs.ext4");
    make.args(["-q", "-F", "-b", "4096", "-J", "size=8", "-E", "lazy_itable_init=0,lazy_journal_init=0"]).arg(image);
    run(&mut make)
}

/// A device that is mounted. Dropping it unmounts it.
#[derive(Debug)]
pub(super) struct Mounted {
    at: PathBuf,
}

impl Mounted {
    /// Mounts a device; what its journal holds is replayed.
    pub(super) fn new(image: &Path, at: &Path) -> Result<Self> {
        fs::create_dir_all(at)?;
        run(Command::new("mount").args(["-t", "ext4", "-o", OPTIONS]).args([image, at]))?;
        Ok(Self { at: at.to_owned() })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let unmounted = run(Command::new("umount").arg(&self.at));
        // A process that is just ending may still hold a file; the mount then goes with it.
        if unmounted.is_err()
            && let Err(error) = run(Command::new("umount").arg("--lazy").arg(&self.at))
        {
            eprintln!("warning: {error:#}");
        }
    }
}

/// Quietly: it runs for every cut.
fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?} cannot be started"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
