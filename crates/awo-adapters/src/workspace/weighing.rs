//! How much a commit becomes once it is checked out: told before git does it, as a few kilobytes of objects can stand for
//! more files than there is memory or disk.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};

use awo_models::{Failure, FailureCode};

use super::layout::Layout;
use super::{Tools, aside, failed};

/// Most files that are checked out. Git has the list of all of them in memory: this many are about half a gigabyte.
const MANY_FILES: u64 = 4_000_000;
/// Longest line about one file: its path, and the little before it.
const LONG_LINE: u64 = 1 << 20;
/// Longest name of a file or directory, in bytes: what file systems take.
const LONG_NAME: usize = 255;

/// Files of a commit, and their bytes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Weight {
    files: u64,
    bytes: u64,
}

/// Fails if the commit at the head is more than the disk has room for, or than git could list.
pub(super) async fn weigh(tools: &Tools, layout: &Layout) -> Result<(), Failure> {
    let told = |error: &(dyn std::error::Error + 'static)| failed("tell how large the repository is", error);
    let (reader, writer) = io::pipe().map_err(|error| told(&error))?;
    let listing = async {
        let checkout = tools.checkout(layout);
        // Git has the only end to write to: when it ends, so does the list.
        let listed = checkout.command("ls-tree").args(["-r", "-l", "-z", "--full-tree", "HEAD"]);
        listed.output(File::from(std::os::fd::OwnedFd::from(writer))).run().await.map_err(|error| told(&error))
    };
    let adding = async {
        let weight = aside(move || added(BufReader::new(reader), MANY_FILES)).await.map_err(|error| told(&error))?;
        if weight.files <= MANY_FILES {
            return Ok(weight);
        }
        let message = format!("the repository has more than {MANY_FILES} files, which are not checked out");
        Err(Failure::new(FailureCode::WorkspaceFailed, message))
    };
    // Either ends the other: a list that nobody reads, and a reader whose list is at its end. That git could not go on then is
    // not why.
    let (listed, weight) = tokio::join!(listing, adding);
    let weight = weight?;
    listed?;
    layout.check_room(tools.settings.min_free_bytes.saturating_add(weight.bytes)).await
}

/// Adds up what `ls-tree -l -z` says: `mode SP type SP id SP+ size TAB path NUL`…; stops when there are more files than `most`.
fn added(mut list: impl io::BufRead, most: u64) -> io::Result<Weight> {
    let mut weight = Weight::default();
    let mut entry = Vec::new();
    while weight.files <= most {
        entry.clear();
        if io::Read::take(&mut list, LONG_LINE).read_until(0, &mut entry)? == 0 {
            break;
        }
        if entry.last() != Some(&0) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a path of it is longer than a path can be"));
        }
        let (head, path) = entry.split_at(entry.iter().position(|b| *b == b'\t').unwrap_or(0));
        let longest = path.split(|b| matches!(b, b'\t' | b'/' | 0)).map(<[u8]>::len).max().unwrap_or(0);
        if longest > LONG_NAME {
            let message = format!("it has a name of {longest} bytes, and disks take {LONG_NAME}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let size = head.rsplit(|b| *b == b' ').next();
        // Submodules have a dash there.
        let size = size.and_then(|size| std::str::from_utf8(size).ok()?.parse().ok()).unwrap_or(0);
        weight.files += 1;
        weight.bytes = weight.bytes.saturating_add(size);
    }
    Ok(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_added_up_whatever_their_names_are() {
        let list =
            b"100644 blob 0123      12\ta\x00100644 blob 0123       3\tb\t99 c\n\x00160000 commit 0123       -\tx\0";
        assert_eq!(added(&list[..], 9).unwrap(), Weight { files: 3, bytes: 15 });
        assert_eq!(added(&list[..], 1).unwrap(), Weight { files: 2, bytes: 15 }, "one more, and no further");
        assert_eq!(added(&b""[..], 9).unwrap(), Weight::default());
        assert!(added(&b"100644 blob 0123      12\ta"[..], 9).is_err(), "git was cut");
        assert!(added(BufReader::new(io::repeat(b'x')), 9).is_err(), "a path without end");
        let named = |name: String| added(format!("100644 blob 0123 1\ta/{name}/b\0").as_bytes(), 9).map(|it| it.files);
        assert_eq!(named("x".repeat(LONG_NAME)).unwrap(), 1);
        assert!(named("x".repeat(LONG_NAME + 1)).unwrap_err().to_string().contains("256 bytes"));
    }
}
