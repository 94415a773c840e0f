//! Owns the settings of agents that a repository brings along: which files they are, and how they are kept from an agent.
//!
//! They stay in the tree and on the branch; the agent sees something empty in their place that it cannot change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Names, in the top directory of a repository, of what programs of agents read as their own settings, servers, plugins
/// or environment. Instructions in plain text (`AGENTS.md`, `CLAUDE.md`) are not among them.
pub(crate) const HELD_BACK: &[&str] =
    &[".claude", ".codex", ".cursor", ".env", ".gemini", ".mcp.json", ".opencode", "opencode.json", "opencode.jsonc"];

/// What is covered in a checkout: what is seen instead, and where. `empty` is a directory in which the empty ones lie.
///
/// A link cannot be covered, only what it leads to; one of these names is an error.
pub(crate) fn held_back(checkout: &Path, empty: &Path) -> io::Result<Vec<(PathBuf, PathBuf)>> {
    let (file, directory) = (empty.join("file"), empty.join("directory"));
    fs::create_dir_all(&directory)?;
    fs::write(&file, "")?;
    let mut covered = Vec::new();
    for name in HELD_BACK {
        let place = checkout.join(name);
        let metadata = match fs::symlink_metadata(&place) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if metadata.is_dir() {
            covered.push((directory.clone(), place));
        } else if metadata.is_file() {
            covered.push((file.clone(), place));
        } else {
            let message = format!(
                "{name} of the checkout is neither a file nor a directory, so it cannot be held back from the agent; \
                 remove it, or trust the repository (walls.trusted_repositories)"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
    }
    Ok(covered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_directories_are_covered_and_links_refused() {
        let place = tempfile::tempdir().unwrap();
        let (checkout, empty) = (place.path().join("repo"), place.path().join("empty"));
        fs::create_dir_all(checkout.join(".claude")).unwrap();
        fs::write(checkout.join(".env"), "TOKEN=1").unwrap();
        fs::write(checkout.join("AGENTS.md"), "be kind").unwrap();
        assert_eq!(
            held_back(&checkout, &empty).unwrap(),
            [(empty.join("directory"), checkout.join(".claude")), (empty.join("file"), checkout.join(".env"))]
        );
        std::os::unix::fs::symlink("/etc", checkout.join(".gemini")).unwrap();
        let error = held_back(&checkout, &empty).unwrap_err();
        assert!(error.to_string().starts_with(".gemini of the checkout is neither"), "{error}");
    }
}
