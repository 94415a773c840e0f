//! The file of a socket: for its owner only from the moment that it is there, not taken from a server that lives, and
//! gone when the server is.

use std::fs::{Metadata, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};
use tokio::net::{UnixListener, UnixStream};

use crate::exit::{BAD_INPUT, UNAVAILABLE, coded};

/// Connections that wait to be accepted.
const WAITING: i32 = 128;
/// How long a server may take to show that it lives.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// The file of a socket, as long as this lives.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    made: (u64, u64),
}

impl SocketFile {
    /// Listens there. A socket that nobody listens at any more is replaced.
    pub(crate) async fn bind(path: &Path) -> anyhow::Result<(UnixListener, Self)> {
        let at = path.display();
        make_room(path).await?;
        listen(path).map_err(|error| {
            let code = if error.kind() == io::ErrorKind::AddrInUse { UNAVAILABLE } else { BAD_INPUT };
            let cure = match error.kind() {
                io::ErrorKind::InvalidFilename => "; give a shorter path with --socket: about 100 bytes are taken",
                _ => "",
            };
            coded(code, format!("cannot listen on the socket {at}: {error}{cure}"))
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    /// Removes the file, if it is still ours.
    fn drop(&mut self) {
        if std::fs::symlink_metadata(&self.path).is_ok_and(|found| identity(&found) == self.made) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Sees to it that the path is free.
async fn make_room(path: &Path) -> anyhow::Result<()> {
    let at = path.display();
    let found = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(|error| coded(BAD_INPUT, format!("cannot look at the socket {at}: {error}")))?,
    };
    if !found.file_type().is_socket() {
        let reason =
            format!("cannot listen on the socket {at}: something else is there; give another path with --socket");
        return Err(coded(BAD_INPUT, reason));
    }
    let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    match tokio::time::timeout(SIGN_OF_LIFE, UnixStream::connect(path)).await {
        Ok(Err(error)) if refused(&error) => std::fs::remove_file(path)
            .map_err(|error| coded(BAD_INPUT, format!("cannot replace the socket {at} of a dead server: {error}"))),
        Ok(Err(error)) => {
            Err(coded(BAD_INPUT, format!("cannot tell whether a server listens on the socket {at}: {error}")))
        }
        Ok(Ok(_)) | Err(_) => {
            let reason =
                format!("a server listens on the socket {at} already; stop it, or give another path with --socket");
            Err(coded(UNAVAILABLE, reason))
        }
    }
}

/// Between its birth and its mode nobody can connect, as nobody listens yet.
fn listen(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    let file = SocketFile { path: path.to_owned(), made: identity(&std::fs::symlink_metadata(path)?) };
    rustix::net::listen(&socket, WAITING)?;
    let listener = StdListener::from(socket);
    listener.set_nonblocking(true)?;
    Ok((UnixListener::from_std(listener)?, file))
}

fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refused(path: &Path) -> String {
        format!("{:#}", SocketFile::bind(path).await.unwrap_err())
    }

    #[tokio::test]
    async fn a_socket_is_its_owners_and_goes_with_its_server() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("awo.sock");
        let socket = SocketFile::bind(&path).await.unwrap();
        assert_eq!(std::fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(refused(&path).await.contains("a server listens on the socket"));
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn that_of_a_dead_server_is_replaced_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("awo.sock");
        drop(StdListener::bind(&path).unwrap()); // whoever is killed leaves it
        let first = SocketFile::bind(&path).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        let second = SocketFile::bind(&path).await.unwrap();
        drop(first);
        assert!(path.exists(), "it is the second one's");
        drop(second);
        std::fs::write(&path, "mine").unwrap();
        assert!(refused(&path).await.contains("something else is there"));
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    }

    #[tokio::test]
    async fn a_path_that_is_too_long_is_told() {
        let place = tempfile::tempdir().unwrap();
        assert!(refused(&place.path().join("x".repeat(120))).await.contains("give a shorter path"));
        assert!(refused(&place.path().join("none/awo.sock")).await.contains("cannot listen on the socket"));
    }
}
