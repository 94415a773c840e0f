//! The sample repository of the demo: four files, one commit, a bare remote.

use std::path::Path;

use anyhow::{Context as _, bail};
use tokio::process::Command;

const FILES: [(&str, &str); 4] = [
    ("README.md", "# Greeter\n\nGreets whoever asks.\n\n    $ greeter Ada\n    Hello, Ada!\n"),
    ("src/greeting.txt", "Hello, {name}!\n"),
    ("docs/usage.md", "# Usage\n\n`greeter NAME` prints the greeting for NAME.\n"),
    (".gitignore", "/target\n*.log\n"),
];

/// Makes the repository and its bare remote below a directory; the remote's path.
pub(super) async fn create(place: &Path) -> anyhow::Result<String> {
    let work = place.join("sample");
    for (path, content) in FILES {
        let path = work.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        }
        std::fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let remote = place.join("sample.git");
    git(place, &["init", "--quiet", "--initial-branch=main", "sample"]).await?;
    git(&work, &["add", "--all"]).await?;
    git(&work, &["commit", "--quiet", "--message", "Greet"]).await?;
    git(place, &["clone", "--quiet", "--bare", "sample", "sample.git"]).await?;
    std::fs::remove_dir_all(&work).context("cannot remove the working copy of the sample")?;
    Ok(remote.to_string_lossy().into_owned())
}

/// Runs git with nothing of the operator's configuration.
async fn git(directory: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("HOME", directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_NAME", "awo demo")
        .env("GIT_AUTHOR_EMAIL", "demo@localhost")
        .env("GIT_COMMITTER_NAME", "awo demo")
        .env("GIT_COMMITTER_EMAIL", "demo@localhost")
        .stdin(std::process::Stdio::null())
        .output()
        .await
        .context("cannot run git; install it (`awo doctor` checks)")?;
    if !output.status.success() {
        bail!("git {} failed: {}", arguments[0], String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
