//! Owns the knowledge which places of the machine programs within walls may read.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::{Room, WallSettings};

/// Directories of the system, read by every program.
pub(super) const SYSTEM: &[&str] = &["/usr", "/nix/store", "/gnu/store"];

/// Those that are links into `/usr` on most systems, and directories on others.
pub(super) const MERGED: &[&str] = &["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// What is seen of `/etc`. The rest may hold secrets: keys of the host, passwords of services, tokens of git.
pub(super) const ETC: &[&str] = &[
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/ca-certificates.conf",
    "/etc/crypto-policies",
    "/etc/debian_version",
    "/etc/fonts",
    "/etc/group",
    "/etc/host.conf",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/protocols",
    "/etc/services",
    "/etc/shells",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/terminfo",
    "/etc/timezone",
];

/// What is seen of `/etc` in addition by programs that have the network.
pub(super) const ETC_NETWORK: &[&str] = &["/etc/gai.conf", "/etc/hosts", "/etc/resolv.conf"];

/// What is read in a room beside the system: the program with what belongs to it, what lies in its search path, and what the
/// settings and the room add. Nothing in which something hidden lies.
pub(super) fn shown(settings: &WallSettings, room: &Room, program: &Path) -> Vec<PathBuf> {
    let search = of_search_path(&settings.search_path, &settings.hidden);
    let places = of_program(program).into_iter().chain(search);
    let places = places.chain(settings.readable.clone()).chain(room.readable.clone());
    let lays_open = |path: &Path| settings.hidden.iter().any(|hidden| hidden.starts_with(path));
    places.filter(|path| !is_of_system(path) && !lays_open(path)).collect()
}

/// Where a program and what belongs to it lie, as far as that is not the system's: itself, what its links lead to, and
/// the packages around it.
fn of_program(program: &Path) -> Vec<PathBuf> {
    let real = program.canonicalize().unwrap_or_else(|_| program.to_owned());
    let mut places = vec![program.to_owned(), real.clone()];
    // The outermost, as packages use each other.
    let packages = real.ancestors().filter(|above| above.file_name() == Some(OsStr::new("node_modules"))).last();
    places.extend(packages.map(Path::to_owned));
    places
}

/// Directories of a search path, each with the rest of what was installed along with it.
fn of_search_path(search: &OsStr, homes: &[PathBuf]) -> Vec<PathBuf> {
    let directories = std::env::split_paths(search).filter(|directory| directory.is_absolute() && directory.is_dir());
    directories.flat_map(|directory| [installation(&directory, homes), Some(directory)]).flatten().collect()
}

/// What a `bin` belongs to, if that is a directory for it alone: one with a `lib` too, and not right below a home, where
/// everything else lies as well.
fn installation(bin: &Path, homes: &[PathBuf]) -> Option<PathBuf> {
    let above = bin.parent().filter(|_| bin.file_name() == Some(OsStr::new("bin")))?;
    let apart = above.components().count() > 2 && !homes.iter().any(|home| above.parent() == Some(home));
    (apart && above.join("lib").is_dir()).then(|| above.to_owned())
}

/// Whether something is part of what every program sees.
pub(super) fn is_of_system(path: &Path) -> bool {
    SYSTEM.iter().chain(MERGED).any(|system| path.starts_with(system))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_program_comes_with_its_packages_and_a_home_with_nothing() {
        let place = tempfile::tempdir().unwrap();
        let home = place.path().canonicalize().unwrap();
        let node = home.join(".nvm/versions/v22");
        let package = node.join("lib/node_modules/agent");
        fs::create_dir_all(package.join("node_modules/other")).unwrap();
        fs::write(package.join("cli.js"), "").unwrap();
        fs::create_dir_all(node.join("bin")).unwrap();
        symlink("../lib/node_modules/agent/cli.js", node.join("bin/agent")).unwrap();
        let local = home.join(".local");
        for directory in [local.join("bin"), local.join("lib")] {
            fs::create_dir_all(directory).unwrap();
        }
        assert_eq!(
            of_program(&node.join("bin/agent")),
            [node.join("bin/agent"), package.join("cli.js"), node.join("lib/node_modules")]
        );
        let search = std::env::join_paths([node.join("bin"), local.join("bin"), "bin".into(), "/nowhere".into()]);
        assert_eq!(
            of_search_path(&search.unwrap(), &[home]),
            [node.clone(), node.join("bin"), local.join("bin")],
            "a whole installation, and of a home the programs only"
        );
    }
}
