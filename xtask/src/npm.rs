//! Packages of npm that checks need: pinned by a lock in the repository, installed into a directory outside of it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use crate::repository::Repository;
use crate::{process, provision};

/// The files that say what is installed.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// What `find` finds in the `node_modules` of a lock, which are installed if it finds nothing; `works` is asked of what was
/// just installed. `lock` is a directory of the repository, `name` begins the name of the directory outside of it.
pub(crate) fn provide<T>(
    repository: &Repository,
    lock: &str,
    name: &str,
    find: impl Fn(&Path) -> Result<T>,
    works: impl Fn(&T) -> Result<()>,
) -> Result<T> {
    let lock = repository.root().join(lock);
    let (kind, name) = name.split_once('/').unwrap_or(("npm", name));
    let places = provision::cache_directory()?.join(kind);
    let place = places.join(format!("{name}-{}", digest(&lock)?));
    let found = |place: &Path| find(&place.join("node_modules"));
    if let Ok(there) = found(&place) {
        return Ok(there);
    }
    if let Some(reason) = provision::missing_program("npm", "--version", "npm")? {
        return Err(anyhow!(reason));
    }
    std::fs::create_dir_all(&places).with_context(|| format!("cannot make {}", places.display()))?;
    // Whole or not at all, also when two runs do this at once.
    let partial = tempfile::Builder::new().prefix(&format!("{name}-partial-")).tempdir_in(&places)?;
    for file in FILES {
        std::fs::copy(lock.join(file), partial.path().join(file)).with_context(|| format!("cannot copy {file}"))?;
    }
    let mut install = Command::new("npm");
    install.current_dir(partial.path());
    install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]);
    process::run(&mut install)?;
    works(&found(partial.path())?)?;
    if std::fs::rename(partial.path(), &place).is_err() && place.exists() && found(&place).is_err() {
        // Nobody else was faster: what was there is broken.
        std::fs::remove_dir_all(&place).with_context(|| format!("cannot remove {}", place.display()))?;
        std::fs::rename(partial.path(), &place)
            .with_context(|| format!("cannot put the packages into {}", place.display()))?;
    }
    found(&place)
}

/// What a lock holds.
fn digest(lock: &Path) -> Result<String> {
    provision::digest(&FILES.map(|file| lock.join(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lock_is_pinned_without_addresses() {
        let repository = Repository::find().unwrap();
        for lock in ["agents/main", "agents/more", "page"] {
            let lock = repository.root().join("crates/awo-testkit").join(lock);
            let text = std::fs::read_to_string(lock.join("package-lock.json")).unwrap();
            let shown = lock.display();
            assert!(!text.contains("://") && !text.contains("\"resolved\""), "{shown}: write it as its README says");
            let manifest: serde_json::Value =
                serde_json::from_slice(&std::fs::read(lock.join("package.json")).unwrap()).unwrap();
            for kind in ["dependencies", "optionalDependencies"] {
                for (name, version) in manifest[kind].as_object().into_iter().flatten() {
                    let exact = version.as_str().unwrap().chars().all(|c| c.is_ascii_digit() || c == '.');
                    assert!(exact, "{shown}: {name} {version} is a range");
                }
            }
            assert_eq!(digest(&lock).unwrap().len(), 16);
        }
    }
}
