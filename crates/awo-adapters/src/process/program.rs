//! Owns the search for a program, ours and that of our children.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Finds a program: a bare name in the directories of `search` (the form of `PATH`), a path as it is.
///
/// The answer is absolute. Relative directories of `search` are passed over: seen from a checkout, they would run the
/// repository's own files.
pub fn find_program(program: &Path, search: Option<&OsStr>) -> Option<PathBuf> {
    if program.components().count() > 1 || program.is_absolute() {
        let path = std::path::absolute(program).ok()?;
        return is_executable(&path).then_some(path);
    }
    std::env::split_paths(search?)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(program))
        .find(|path| is_executable(path))
}

/// The `PATH` that a child may be given: the absolute directories of `search`.
///
/// A relative or empty entry means the directory that the child runs in. There lies what the repository put there.
pub(crate) fn search_path(search: &OsStr) -> OsString {
    let absolute = std::env::split_paths(search).filter(|directory| directory.is_absolute());
    match std::env::join_paths(absolute) {
        Ok(path) if !path.is_empty() => path,
        // A `PATH` without entries would mean the current directory again.
        _ => "/usr/bin:/bin".into(),
    }
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_directories_are_searched() {
        let found = |program: &str, search: &str| find_program(Path::new(program), Some(OsStr::new(search)));
        assert_eq!(found("sh", ".:relative::/bin"), Some("/bin/sh".into()));
        assert_eq!(found("sh", ""), None);
        let relative = "../awo-testkit/programs";
        assert!(Path::new(relative).join("hangs.sh").exists(), "it is there to be found");
        assert_eq!(found("hangs.sh", relative), None);
        assert_eq!(found("/bin/sh", ""), Some("/bin/sh".into()));
        assert_eq!(found("/bin", "/"), None, "a directory is no program");
        assert_eq!(found("/etc/passwd", ""), None, "neither is a file that may not be run");
        assert_eq!(find_program(Path::new("sh"), None), None);
    }

    #[test]
    fn children_search_no_directory_that_moves_with_them() {
        for (given, cleaned) in [
            ("/opt/a b:/bin", "/opt/a b:/bin"),
            (":.:/usr/bin::relative:/bin:", "/usr/bin:/bin"),
            (".", "/usr/bin:/bin"),
            ("", "/usr/bin:/bin"),
        ] {
            assert_eq!(search_path(OsStr::new(given)), cleaned, "{given:?}");
        }
    }
}
