//! Owns the accounts that programs within walls run as when awo runs as the superuser.
//!
//! Limits of processes do not hold for the superuser, nor do the modes of files. Each order has a number of its own, which
//! nobody else on the machine has, so that the limits of one are not used up by another.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};

use awo_models::OrderId;

/// Numbers begin here: above those of people, services and the usual ranges of containers, and below the sign bit.
const FIRST: u32 = 0x7000_0000;

/// Number of the group of all who work for orders within walls of Landlock, and of nobody else: those who may pass directories
/// of awo's own, and not list them.
pub(crate) const PASSING: u32 = FIRST - 1;

/// The number of a user and of a group that have no name elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account(pub(crate) u32);

impl Account {
    /// The account of an order; `None` where programs run as whoever runs awo.
    pub(crate) fn of(order: OrderId) -> Option<Self> {
        rustix::process::geteuid().is_root().then(|| {
            let text = order.to_string();
            let last = text.get(text.len().saturating_sub(6)..).unwrap_or_default();
            Self(FIRST + u32::from_str_radix(last, 16).unwrap_or(0))
        })
    }

    /// Gives it a directory and all below, or a file. Follows no links.
    pub(crate) fn take(self, path: &Path) -> io::Result<()> {
        let mut open = vec![path.to_owned()];
        while let Some(path) = open.pop() {
            if fs::symlink_metadata(&path)?.is_dir() {
                for entry in fs::read_dir(&path)? {
                    open.push(entry?.path());
                }
            }
            lchown(&path, Some(self.0), Some(self.0))?;
        }
        Ok(())
    }

    /// What `/etc/passwd` says within the walls: programs ask for their own name and home.
    pub(crate) fn passwd(self, home: &Path) -> String {
        let (number, home) = (self.0, home.display().to_string().replace([':', '\n'], "_"));
        format!("root:x:0:0:root:/:/bin/false\nawo:x:{number}:{number}:awo:{home}:/bin/sh\n")
    }

    /// What `/etc/group` says.
    pub(crate) fn group(self) -> String {
        format!("root:x:0:\nawo:x:{}:\n", self.0)
    }
}

/// Lets accounts get to a path: they may pass those directories above that are there and awo's own. Others keep who may pass
/// them.
pub(super) fn let_pass(path: &Path, own: &[PathBuf]) -> io::Result<()> {
    let is_own = |directory: &&Path| own.iter().any(|own| directory.starts_with(own));
    for directory in path.ancestors().skip(1).filter(is_own) {
        if let Some(mode) = opened(directory)? {
            lchown(directory, None, Some(PASSING))?;
            fs::set_permissions(directory, Permissions::from_mode(mode))?;
        }
    }
    Ok(())
}

/// The mode of a directory that accounts may pass; `None` if they may already, or if it is not there yet. A group that has rights
/// there would lose them, which is an error.
pub(super) fn opened(directory: &Path) -> io::Result<Option<u32>> {
    let metadata = match fs::symlink_metadata(directory) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let (mode, group) = (metadata.mode(), metadata.gid());
    if mode & 0o001 != 0 {
        return Ok(None);
    }
    if mode & 0o070 != 0 && group != PASSING {
        let place = directory.display();
        let message = format!(
            "{place} is shared with the group {group}, in whose place the accounts of orders would have to be; take the group's \
             rights away (`chmod g= {place}`), or let everybody pass (`chmod o+x {place}`)"
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    Ok(Some(mode & 0o7707 | 0o010))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_pass_what_is_awos_own_and_nothing_above_it() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let place = tempfile::tempdir().unwrap();
        let own = place.path().join("own");
        let (closed, open) = (own.join("closed"), own.join("open"));
        fs::set_permissions(place.path(), Permissions::from_mode(0o700)).unwrap();
        for (directory, mode) in [(&own, 0o700), (&closed, 0o700), (&open, 0o755)] {
            fs::create_dir(directory).unwrap();
            fs::set_permissions(directory, Permissions::from_mode(mode)).unwrap();
        }
        for below in [&closed, &open] {
            let_pass(&below.join("repo"), std::slice::from_ref(&own)).unwrap();
        }
        let told = |path: &Path| {
            let metadata = fs::metadata(path).unwrap();
            (metadata.mode() & 0o777, metadata.gid() == PASSING)
        };
        assert_eq!([&own, &closed, &open].map(|path| told(path)), [(0o710, true), (0o710, true), (0o755, false)]);
        assert_eq!(told(place.path()), (0o700, false), "not awo's own");

        let shared = own.join("shared");
        fs::create_dir(&shared).unwrap();
        for mode in [0o750, 0o770, 0o710] {
            fs::set_permissions(&shared, Permissions::from_mode(mode)).unwrap();
            let error = let_pass(&shared.join("repo"), std::slice::from_ref(&own)).unwrap_err();
            assert!(error.to_string().contains("is shared with the group"), "{error}");
            assert_eq!(told(&shared), (mode, false), "as it was");
        }
    }

    #[test]
    fn orders_have_numbers_of_their_own_when_awo_is_the_superuser() {
        let [one, two] = [1, 2].map(|n| Account::of(OrderId::new(1_700_000_000_000, [n; 10])));
        assert_eq!(one.is_some(), rustix::process::geteuid().is_root());
        assert!(one.is_none() || one != two);
        if let Some(Account(number)) = one {
            assert_eq!(number, FIRST + 0x01_0101);
        }
    }
}
