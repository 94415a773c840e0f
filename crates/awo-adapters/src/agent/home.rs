//! Owns the home directory that an execution is given.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value};

use super::driver::{Keep, LoginFile, Proof};
use super::secrets;
use crate::Secrets;
use crate::walls::Account;

/// A home and a directory for temporary files, of one execution. Both go when it is dropped.
#[derive(Debug)]
pub(super) struct Home {
    root: PathBuf,
    path: PathBuf,
    tmp: PathBuf,
    secrets: Secrets,
}

impl Home {
    /// Makes a home anew, with the login of `credentials` in it, whose secrets join the given ones.
    pub(super) async fn create(
        root: PathBuf,
        credentials: Option<&Path>,
        logins: Vec<LoginFile>,
        secrets: Secrets,
    ) -> io::Result<Self> {
        let mut home = Self { path: root.join("home"), tmp: root.join("tmp"), root, secrets };
        let credentials = credentials.map(Path::to_owned);
        tokio::task::spawn_blocking(move || {
            home.clear()?;
            private_directory(&home.path)?;
            private_directory(&home.tmp)?;
            if let Some(credentials) = credentials {
                for login in &logins {
                    copy_login(&credentials, &home.path, login, &mut home.secrets)?;
                }
            }
            Ok(home)
        })
        .await?
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn tmp(&self) -> &Path {
        &self.tmp
    }

    /// A directory around the home that only awo can enter.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// What `/etc/hosts` says to programs that have no network but their own loopback: what, and where it is seen.
    pub(super) async fn own_hosts(&self) -> io::Result<(PathBuf, PathBuf)> {
        let file = self.root.join("hosts");
        tokio::fs::write(&file, "127.0.0.1 localhost\n::1 localhost\n").await?;
        tokio::fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).await?;
        Ok((file, "/etc/hosts".into()))
    }

    /// A directory beside the home, for what is seen in place of things that are held back.
    pub(super) fn empty(&self) -> PathBuf {
        self.root.join("empty")
    }

    /// Gives the home to whoever lives there, and says by which files they find their own name.
    pub(super) async fn hand_over(&self, account: Option<Account>) -> io::Result<Vec<(PathBuf, PathBuf)>> {
        let Some(account) = account else { return Ok(Vec::new()) };
        let (root, home, tmp) = (self.root.clone(), self.path.clone(), self.tmp.clone());
        tokio::task::spawn_blocking(move || {
            account.take(&home)?;
            account.take(&tmp)?;
            let names = [("passwd", account.passwd(&home)), ("group", account.group())];
            let written = names.map(|(name, text)| {
                let file = root.join(name);
                fs::write(&file, text)?;
                fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;
                Ok((file, Path::new("/etc").join(name)))
            });
            written.into_iter().collect()
        })
        .await?
    }

    /// All that whoever lives here knows and may not tell.
    pub(super) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Writes files below it, which must not be there yet.
    pub(super) async fn write(&self, files: Vec<(PathBuf, Vec<u8>)>) -> io::Result<()> {
        let home = self.path.clone();
        let writing = move || files.iter().try_for_each(|(path, bytes)| write_below(&home, path, bytes));
        tokio::task::spawn_blocking(writing).await?
    }

    /// Removes it off the async threads; dropping does the same on the spot.
    pub(super) async fn remove(self) {
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }

    fn clear(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.root) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(error) = self.clear() {
            tracing::warn!(%error, path = %self.root.display(), "cannot remove an agent's home, which may hold its login");
        }
    }
}

/// Makes a directory and those above it, for their owner only.
pub(super) fn private_directory(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Whether a login file of the operator shows that somebody is logged in.
pub(super) fn proves_login(credentials: &Path, login: &LoginFile) -> bool {
    let path = credentials.join(&login.path);
    match &login.proof {
        Proof::Presence => path.is_file(),
        Proof::Field(field) => {
            let object = fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
            object.is_some_and(|object| object.get(field).is_some_and(|value| !value.is_null()))
        }
    }
}

fn copy_login(from: &Path, to: &Path, login: &LoginFile, secrets: &mut Secrets) -> io::Result<()> {
    let Some(bytes) = read(&from.join(&login.path))? else {
        return Ok(());
    };
    let read = serde_json::from_slice(&bytes);
    match &login.keep {
        Keep::Whole => {
            if let Ok(login) = read {
                secrets::add_login(secrets, &login);
            }
            write_below(to, &login.path, &bytes)
        }
        Keep::Fields(fields) => {
            let mut kept = read.ok().and_then(as_object).unwrap_or_default();
            kept.retain(|name, _| fields.contains(name));
            let kept = Value::Object(kept);
            secrets::add_login(secrets, &kept);
            write_below(to, &login.path, &serde_json::to_vec(&kept)?)
        }
    }
}

fn as_object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a new file below a directory, for its owner only.
fn write_below(directory: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        let message = format!("{} leads out of the home", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let path = directory.join(path);
    if let Some(parent) = path.parent() {
        private_directory(parent)?;
    }
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    io::Write::write_all(&mut file, bytes)
}
