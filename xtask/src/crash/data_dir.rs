//! What a data directory may hold when all of its orders are completed: the list of what is kept, and nothing else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What stands in a data directory.
const DIRECTORIES: [&str; 7] = ["orders", "artifacts", "logs", "catalog", "workspaces", "mirrors", "agents"];
/// What stands in the catalog.
const CATALOG: [&str; 4] = ["repositories.json", "keys.json", "audit.jsonl", "audit.1.jsonl"];

/// A file or directory below a data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    path: PathBuf,
    is_directory: bool,
}

/// Everything below a directory. What vanishes meanwhile is not there.
pub(crate) fn entries(top: &Path) -> io::Result<Vec<Entry>> {
    let mut found = Vec::new();
    let mut open = vec![top.to_owned()];
    while let Some(directory) = open.pop() {
        let listed = match fs::read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            listed => listed?,
        };
        for entry in listed {
            let path = entry?.path();
            let is_directory = fs::symlink_metadata(&path).is_ok_and(|data| data.is_dir());
            if is_directory {
                open.push(path.clone());
            }
            found.push(Entry { path: path.strip_prefix(top).unwrap_or(&path).to_owned(), is_directory });
        }
    }
    Ok(found)
}

/// What only the work needed and is still there. What is in a directory is not named besides it.
pub(crate) fn leftovers(entries: &[Entry], orders: &[&str]) -> Vec<String> {
    let left: Vec<_> = entries.iter().filter(|entry| !is_kept(entry, orders)).map(|entry| &entry.path).collect();
    let inside = |path: &Path| left.iter().any(|other| path != other.as_path() && path.starts_with(other));
    left.iter().filter(|path| !inside(path)).map(|path| format!("{} is left", path.display())).collect()
}

/// What is in a directory that should be empty, or absent, when all orders are completed.
pub(crate) fn strays(name: &str, entries: &[Entry]) -> Vec<String> {
    let strays = entries.iter().filter(|entry| !is_own_place(entry));
    strays.map(|entry| format!("{name}/{} is left", entry.path.display())).collect()
}

/// The part of a shared directory that a data directory named `data` has for itself, and what always stands in it.
fn is_own_place(entry: &Entry) -> bool {
    let parts: Vec<_> = entry.path.iter().map(|part| part.to_string_lossy()).collect();
    let is_own = entry.is_directory && parts.first().is_some_and(|first| first.starts_with("data-"));
    is_own && matches!(parts.get(1).map(|part| &**part), None | Some("files" | "homes")) && parts.len() <= 2
}

/// That part, as soon as it is there.
pub(crate) fn own_place(shared: &Path) -> PathBuf {
    let entries = fs::read_dir(shared).into_iter().flatten().flatten();
    let own = entries
        .map(|entry| entry.path())
        .find(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("data-")));
    own.unwrap_or_else(|| shared.join("absent"))
}

fn is_kept(entry: &Entry, orders: &[&str]) -> bool {
    let Some(parts) = entry.path.iter().map(|part| part.to_str()).collect::<Option<Vec<_>>>() else { return false };
    let shard_of = |id: &str, shard: &str| orders.contains(&id) && id.ends_with(shard) && shard.len() == 2;
    if entry.path == Path::new("LOCK") {
        return !entry.is_directory;
    }
    match (entry.is_directory, parts.as_slice()) {
        (true, [top]) => DIRECTORIES.contains(top),
        (true, ["agents", "files" | "homes"] | ["mirrors", "shared"]) => true,
        // One may be empty: that of an order whose creation was cut.
        (true, ["orders" | "artifacts" | "logs", shard]) => {
            shard.len() == 2 && shard.bytes().all(|b| b.is_ascii_hexdigit())
        }
        (true, ["artifacts", shard, id]) => shard_of(id, shard),
        (false, ["orders", shard, name]) => name.split_once('.').is_some_and(|(id, ending)| {
            // A cut record is kept aside on purpose.
            shard_of(id, shard) && (ending == "awoj" || ending.starts_with("awoj.torn-"))
        }),
        (false, ["artifacts", shard, id, name]) => shard_of(id, shard) && !name.starts_with('.'),
        (false, ["logs", shard, name]) => {
            let id = name.strip_suffix(".jsonl").map(|id| id.strip_suffix(".1").unwrap_or(id));
            id.is_some_and(|id| shard_of(id, shard))
        }
        (false, ["catalog", name]) => CATALOG.contains(name),
        // What orders of one repository share outlives them: the mirror, with all that git has in it, and its lock.
        (is_directory, ["mirrors", "shared", name, inside @ ..]) => match Path::new(name).extension() {
            Some(ending) if ending == "lock" => !is_directory && inside.is_empty(),
            ending => ending.is_some_and(|ending| ending == "git"),
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "wo-0123456789abcdef";

    fn left(path: &str, is_directory: bool) -> bool {
        !leftovers(&[Entry { path: path.into(), is_directory }], &[ID]).is_empty()
    }

    #[test]
    fn what_is_stored_is_kept() {
        for file in [
            "LOCK",
            "orders/ef/ID.awoj",
            "orders/ef/ID.awoj.torn-1",
            "artifacts/ef/ID/01-plan-1.patch",
            "logs/ef/ID.jsonl",
            "logs/ef/ID.1.jsonl",
            "catalog/keys.json",
            "catalog/audit.1.jsonl",
            "mirrors/shared/repo-0.lock",
            "mirrors/shared/repo-0.git/objects/pack/pack-0.pack",
        ] {
            assert!(!left(&file.replace("ID", ID), false), "{file}");
        }
        for directory in
            ["workspaces", "mirrors", "mirrors/shared/repo-0.git", "artifacts/ef/ID", "orders/ab", "logs/ab", "catalog"]
        {
            assert!(!left(&directory.replace("ID", ID), true), "{directory}");
        }
    }

    #[test]
    fn everything_else_is_a_leftover() {
        for file in [
            "processes/ID-1.json",
            "agents/files/ID-plan-1-x.stderr.txt",
            "orders/ef/.ID.awoj.writing",
            "orders/ef/ID.tmp",
            "orders/ab/ID.awoj",
            "orders/ef/wo-other-ef.awoj",
            "artifacts/ef/ID/.1-0.tmp",
            "artifacts/ef/ID/.1-0.writing",
            "logs/ab/ID.jsonl",
            "logs/ef/ID.2.jsonl",
            "logs/ef/ID.jsonl.tmp",
            "logs/ID.jsonl",
            "catalog/.keys.json.writing",
            "catalog/other.json",
            "catalog",
            "artifacts/ef/.1-0.writing",
            "stray.tmp",
            "mirrors/.tmp1",
            "workspaces",
        ] {
            assert!(left(&file.replace("ID", ID), false), "{file}");
        }
        for directory in [
            "workspaces/ID",
            "workspaces/ID/repo",
            "mirrors/ID.git",
            "mirrors/shared/repo-0.git.new",
            "agents/homes/ID",
            "tmp",
            "processes",
            "orders/tmp",
            "artifacts/ab/ID",
        ] {
            assert!(left(&directory.replace("ID", ID), true), "{directory}");
        }
    }

    #[test]
    fn all_levels_are_looked_at() {
        let top = tempfile::tempdir().unwrap();
        fs::create_dir_all(top.path().join("workspaces").join(ID)).unwrap();
        fs::write(top.path().join("workspaces").join(ID).join("file"), "").unwrap();
        let found = leftovers(&entries(top.path()).unwrap(), &[ID]);
        assert_eq!(found, [format!("workspaces/{ID} is left")], "not each file in it");
        assert_eq!(entries(&top.path().join("absent")).unwrap(), []);
        let found = strays("spill", &entries(&top.path().join("workspaces")).unwrap());
        let own = |path: &str, is_directory| Entry { path: path.into(), is_directory };
        assert!(strays("agents", &[own("data-1f", true), own("data-1f/homes", true)]).is_empty());
        assert_eq!(strays("agents", &[own("data-1f/homes/wo-1", true), own("data-1f", false)]).len(), 2);
        assert_eq!(found, [format!("spill/{ID} is left"), format!("spill/{ID}/file is left")]);
    }
}
