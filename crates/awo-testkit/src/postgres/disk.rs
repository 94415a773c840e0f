//! A disk for a server, in memory and of a size that can be filled.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cluster::{ACCOUNT, ClusterError, finish};

/// A file system that is mounted. It goes with this value.
#[derive(Debug)]
pub(super) struct Disk {
    at: PathBuf,
}

impl Disk {
    pub(super) fn new(at: &Path, megabytes: u32) -> Result<Self, ClusterError> {
        std::fs::create_dir(at)?;
        let mut mount = Command::new("mount");
        finish(mount.args(["-t", "tmpfs", "-o", &format!("size={megabytes}m,mode=0755"), "awo-disk"]).arg(at))?;
        let disk = Self { at: at.to_owned() };
        finish(Command::new("chown").arg(ACCOUNT).arg(at))?;
        Ok(disk)
    }

    pub(super) fn path(&self) -> &Path {
        &self.at
    }

    fn filling(&self) -> PathBuf {
        self.at.join("filling")
    }

    pub(super) fn fill(&self) -> io::Result<()> {
        let mut file = File::options().create(true).append(true).open(self.filling())?;
        let piece = vec![b'x'; 64 * 1024];
        let mut size = piece.len();
        while size > 0 {
            match file.write(&piece[..size]) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => size /= 2,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(super) fn free(&self) -> io::Result<()> {
        match std::fs::remove_file(self.filling()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever still ends in it lets go of it then.
        let _ = finish(Command::new("umount").arg("--lazy").arg(&self.at));
    }
}
