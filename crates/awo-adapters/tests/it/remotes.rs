//! Checkouts of remotes that are dialled: a git server over https with a login, the real `sshd`, and who is dialled.

mod dialling;
mod https;
mod ssh;

use std::fs;
use std::path::Path;

use awo_adapters::WorkspaceSettings;
use awo_engine::ports::{Sandbox, SandboxRequest};
use awo_models::SandboxType;
use awo_testkit::GitServer;

use crate::workspace::{Setting, write};

/// What an order of a remote at another address than the setting's asks for.
fn request(setting: &Setting, n: u8, url: &str) -> SandboxRequest {
    SandboxRequest { repository_url: url.into(), sandbox_type: SandboxType::GitBranch, ..setting.request(n) }
}

/// Has host git trust the certificate of the tests, and nothing else of the machine.
fn trust_certificate(settings: &mut WorkspaceSettings) {
    settings.host_environment.push(("GIT_SSL_CAINFO".into(), GitServer::certificate().into()));
}

/// Commits a file on a branch.
async fn worked(sandbox: &dyn Sandbox, branch: &str) {
    write(sandbox, "new", "1\n");
    sandbox.create_branch(branch).await.unwrap();
    assert_eq!(sandbox.commit("work").await, Ok(true));
}

/// Files that a transfer leaves that was cut, and repositories that were not finished but look so.
fn half_made(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        if name.starts_with("tmp_") || name.starts_with("incoming-") {
            found.push(path.display().to_string());
        }
        if path.is_dir() {
            found.extend(half_made(&path));
        }
    }
    found
}
