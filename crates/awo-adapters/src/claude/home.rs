//! Owns the home directory that an execution is given.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use awo_models::OrderId;
use serde_json::{Map, Value};

use super::secrets;
use crate::Secrets;

/// What is taken over from the operator's `.claude.json`. The rest tells of other projects and their servers.
const ACCOUNT: &[&str] = &["hasCompletedOnboarding", "oauthAccount", "primaryApiKey", "userID"];

/// A home and a directory for temporary files, of one execution. Both go when it is dropped.
#[derive(Debug)]
pub(super) struct Home {
    root: PathBuf,
    path: PathBuf,
    tmp: PathBuf,
    secrets: Secrets,
}

impl Home {
    /// Makes an order's home anew, with the login of `credentials` in it, whose secrets join the given ones.
    pub(super) async fn create(
        homes: &Path,
        order: OrderId,
        credentials: Option<&Path>,
        secrets: Secrets,
    ) -> io::Result<Self> {
        let root = homes.join(order.to_string());
        let mut home = Self { path: root.join("home"), tmp: root.join("tmp"), root, secrets };
        let credentials = credentials.map(Path::to_owned);
        tokio::task::spawn_blocking(move || {
            home.clear()?;
            private_directory(&home.path)?;
            private_directory(&home.tmp)?;
            if let Some(credentials) = credentials {
                copy_login(&credentials, &home.path, &mut home.secrets)?;
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

    /// All that whoever lives here knows and may not tell.
    pub(super) fn secrets(&self) -> &Secrets {
        &self.secrets
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

fn copy_login(from: &Path, to: &Path, secrets: &mut Secrets) -> io::Result<()> {
    if let Some(login) = read(&from.join(".claude/.credentials.json"))? {
        if let Ok(login) = serde_json::from_slice(&login) {
            secrets::add_login(secrets, &login);
        }
        private_directory(&to.join(".claude"))?;
        write_private(&to.join(".claude/.credentials.json"), &login)?;
    }
    if let Some(settings) = read(&from.join(".claude.json"))? {
        let mut settings: Map<String, Value> = serde_json::from_slice(&settings).unwrap_or_default();
        settings.retain(|name, _| ACCOUNT.contains(&name.as_str()));
        let settings = Value::Object(settings);
        secrets::add_login(secrets, &settings);
        write_private(&to.join(".claude.json"), &serde_json::to_vec(&settings)?)?;
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    io::Write::write_all(&mut file, bytes)
}
