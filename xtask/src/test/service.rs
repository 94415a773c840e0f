//! A server that examples of clients ask, with a repository and the scripted agent.

use std::fs::File;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::remote::Remote;
use crate::repository::Repository;
use crate::server::Server;

/// The package whose examples need it.
pub(super) const ASKED_BY: &str = "awo-client";

/// The server, and what it works on.
#[derive(Debug)]
pub(super) struct Service {
    server: Server,
    address: String,
    remote: Remote,
    _place: TempDir,
}

impl Service {
    pub(super) fn start(repository: &Repository) -> Result<Self> {
        let place = tempfile::Builder::new().prefix("awo-example-").tempdir()?;
        let remote = Remote::new(place.path())?;
        let mut serve = Command::new(repository.program("awo", "awo", None, false)?);
        serve.args(["serve", "--bind", "127.0.0.1:0", "--agent", "scripted"]).env_clear().stdin(Stdio::null());
        serve.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", place.path());
        serve.env("AWO_DATA_DIR", place.path().join("data")).env("AWO_ISOLATION", "none");
        let server = Server::start(serve, File::create(place.path().join("server.log"))?)?;
        let address = server.listening().context("the server did not start")?;
        Ok(Self { server, address: format!("http://{address}"), remote, _place: place })
    }

    /// What the examples are told: the server, a repository and a request.
    pub(super) fn arguments(&self) -> [String; 3] {
        [self.address.clone(), self.remote.path().display().to_string(), "Add a greeting".to_owned()]
    }

    pub(super) fn end(&self) -> Result<()> {
        let status = self.server.terminate()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}
