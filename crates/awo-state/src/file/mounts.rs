//! Whether a directory lies on a network file system, by the mount table of Linux.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// Types of file systems whose locks and syncs are another machine's affair.
const NETWORK: [&str; 20] = [
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "fuse.ceph",
    "fuse.davfs",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "glusterfs",
    "gpfs",
    "lustre",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
];

/// Says in the log if a directory lies on a network file system. Where there is no mount table nothing is said.
pub(super) fn warn_if_network(dir: &Path) {
    let (Ok(mounts), Ok(dir)) = (std::fs::read("/proc/self/mounts"), dir.canonicalize()) else { return };
    if let Some(kind) = network(&mounts, &dir) {
        tracing::warn!(
            dir = %dir.display(), kind,
            "the data directory is on a network file system, where locks may not hold and what is synced may be lost; \
             choose one on a local disk"
        );
    }
}

/// The type of the network file system an absolute path is on, if it is on one.
fn network(mounts: &[u8], path: &Path) -> Option<&'static str> {
    let mut nearest = (0, None);
    for line in mounts.split(|b| *b == b'\n') {
        let mut words = line.split(|b| *b == b' ').skip(1);
        let (Some(point), Some(kind)) = (words.next(), words.next()) else { continue };
        let point = unescaped(point);
        let depth = point.components().count();
        // Of two at one place, the later one covers the other.
        if path.starts_with(&point) && depth >= nearest.0 {
            nearest = (depth, NETWORK.into_iter().find(|network| network.as_bytes() == kind));
        }
    }
    nearest.1
}

/// Blanks and the like in a mount point are written as `\040`.
fn unescaped(word: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| *first == b'\\').and_then(|digits| str::from_utf8(digits).ok());
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            bytes.push(byte);
            rest = &after[3..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &[u8] = b"/dev/sda1 / ext4 rw 0 0\n\
        server:/home /home nfs4 rw,vers=4.2 0 0\n\
        /dev/sdb1 /home/local xfs rw 0 0\n\
        //server/share /mnt/my\\040share cifs rw 0 0\n\
        box:/ /mnt/box fuse.sshfs rw 0 0\n\
        old:/ /srv nfs rw 0 0\n\
        /dev/sdc1 /srv ext4 rw 0 0\n\
        cut\n";

    #[test]
    fn the_nearest_mount_point_counts() {
        let on = |path| network(MOUNTS, Path::new(path));
        assert_eq!(on("/var/lib/awo"), None);
        assert_eq!(on("/home/me/awo"), Some("nfs4"));
        assert_eq!(on("/homestead"), None, "names are compared whole");
        assert_eq!(on("/home/local/awo"), None);
        assert_eq!(on("/mnt/my share/awo"), Some("cifs"));
        assert_eq!(on("/mnt/box"), Some("fuse.sshfs"));
        assert_eq!(on("/srv/awo"), None, "the later one covers the other");
        assert_eq!(network(b"", Path::new("/")), None);
        assert_eq!(network(b"x /\\04 nfs\ny \\999 nfs\nz / nfs", Path::new("/")), Some("nfs"));
    }
}
