//! Which processes of the machine belong to a trial: those whose environment or working directory names its place.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Processes that belong to a place, other than one; each as its number and command line.
pub(crate) fn of(place: &Path, except: Option<u32>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("processes are looked for in /proc")?.flatten() {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // What ends meanwhile, or is somebody else's, cannot be read; a dead one that waits to be collected has neither.
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let directory = fs::read_link(entry.path().join("cwd")).ok();
        if Some(number) != except && belongs(&environment, directory.as_deref(), place) {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.push(format!("process {number}: {}", String::from_utf8_lossy(&line).replace('\0', " ")));
        }
    }
    Ok(found)
}

fn belongs(environment: &[u8], directory: Option<&Path>, place: &Path) -> bool {
    let name = place.as_os_str().as_encoded_bytes();
    let named = environment.windows(name.len()).any(|window| window == name);
    named || directory.is_some_and(|directory| directory.starts_with(place))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_belongs_by_its_environment_or_its_directory() {
        let place = Path::new("/tmp/trial");
        assert!(belongs(b"A=b\0HOME=/tmp/trial/home\0", None, place));
        assert!(belongs(b"", Some(Path::new("/tmp/trial/data/workspaces/repo")), place));
        assert!(!belongs(b"HOME=/tmp/tria\0", Some(Path::new("/tmp")), place));
    }

    #[test]
    fn a_process_that_runs_in_the_place_is_found() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().canonicalize().unwrap();
        assert_eq!(of(&path, None).unwrap(), Vec::<String>::new());
        let mut command = Command::new("cat");
        let mut child = command.current_dir(&path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // When it answers, it is the program, and not what is about to become it.
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let found = of(&path, None).unwrap();
        assert!(found.len() == 1 && found[0].contains("cat"), "{found:?}");
        assert_eq!(of(&path, Some(child.id())).unwrap(), Vec::<String>::new());
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(of(&path, None).unwrap(), Vec::<String>::new());
    }
}
