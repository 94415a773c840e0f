//! Making a checkout: ask the remote, clone it bare, clone that for the agent.

use awo_models::{Failure, FailureCode};

use super::layout::{Layout, Origin};
use super::{Tools, branch_names, failed, with_causes};
use crate::RepositoryAddress;
use crate::address::redacted;
use crate::git::{GitError, Limit};

/// Most that a remote may say about its branches.
const MANY_BRANCHES: Limit = Limit::Refuse(32 << 20);

pub(super) async fn prepare(
    tools: &Tools,
    layout: &Layout,
    remote: &RepositoryAddress,
    asked: Option<&str>,
) -> Result<Origin, Failure> {
    layout.make().await?;
    let base_branch = base_branch(tools, remote, asked).await?;
    let address = remote.to_string();
    tools
        .host
        .command("clone")
        .args(["--quiet", "--bare", "--single-branch", "--template=", "--branch", &base_branch])
        // Over the transport even if it is on this disk: only then are the objects checked.
        .arg("--no-local")
        .args(["--", &address])
        .arg(&layout.mirror)
        .run()
        .await
        .map_err(|error| unreadable(remote, &error))?;
    let told = |error: GitError| failed(format!("make a checkout of branch {base_branch:?} of {address:?}"), &error);
    tools
        .inside
        .command("clone")
        .args(["--quiet", "--no-hardlinks", "--single-branch", "--template=", "--branch", &base_branch])
        .arg("--")
        .arg(&layout.mirror)
        .arg(&layout.repo)
        .run()
        .await
        .map_err(told)?;
    let checkout = tools.checkout(layout);
    checkout.command("remote").args(["remove", "origin"]).run().await.map_err(told)?;
    let author = &tools.settings.author;
    for (key, value) in [("user.name", &author.name), ("user.email", &author.email)] {
        // So that the agent's own commits have an author too.
        checkout.command("config").args([key, value]).run().await.map_err(told)?;
    }
    let head = checkout.command("rev-parse").args(["--verify", "HEAD^{commit}"]).run().await.map_err(told)?;
    let origin = Origin { base_branch, base_commit: head.text() };
    layout.finish(&origin).await?;
    Ok(origin)
}

async fn base_branch(tools: &Tools, remote: &RepositoryAddress, asked: Option<&str>) -> Result<String, Failure> {
    let refused = |message: String| Failure::new(FailureCode::WorkspaceFailed, message);
    let address = redacted(&remote.to_string());
    if let Some(asked) = asked {
        branch_names::check(asked).map_err(|reason| refused(format!("cannot use base branch {asked:?}: {reason}")))?;
    }
    let listing = tools
        .host
        .command("ls-remote")
        .args(["--symref", "--", &remote.to_string(), "HEAD", "refs/heads/*"])
        .limit(MANY_BRANCHES)
        .run()
        .await
        .map_err(|error| unreadable(remote, &error))?;
    let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
    let branches: Vec<&str> =
        listing.lines().filter_map(|line| line.split_once('\t')?.1.strip_prefix("refs/heads/")).collect();
    if branches.is_empty() {
        return Err(refused(format!(
            "repository {address:?} is empty; push a first commit to it, then create the order again"
        )));
    }
    let default = || {
        let symref = listing.lines().find_map(|line| line.strip_prefix("ref: refs/heads/"))?;
        symref.strip_suffix("\tHEAD")
    };
    let base = match asked {
        Some(asked) => asked,
        None => default()
            .ok_or_else(|| refused(format!("repository {address:?} has no default branch; name a base branch")))?,
    };
    if !branches.contains(&base) {
        return Err(refused(format!(
            "repository {address:?} has no branch {base:?}; name one that it has: {}",
            some_of(&branches)
        )));
    }
    branch_names::check(base)
        .map_err(|reason| refused(format!("cannot use base branch {base:?} of {address:?}: {reason}")))?;
    Ok(base.to_owned())
}

fn some_of(branches: &[&str]) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<String> = branches.iter().take(SHOWN).map(|branch| format!("{branch:?}")).collect();
    let more = if branches.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

fn unreadable(remote: &RepositoryAddress, error: &GitError) -> Failure {
    let address = redacted(&remote.to_string());
    let cure = match remote {
        RepositoryAddress::Local(_) => "check that the path is a git repository that awo may read",
        _ => "check the address and that awo's account has access",
    };
    Failure::new(
        FailureCode::WorkspaceFailed,
        format!("cannot read repository {address:?}: {}; {cure}", with_causes(error)),
    )
}
