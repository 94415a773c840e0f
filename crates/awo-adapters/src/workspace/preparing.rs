//! Making a checkout: ask the remote, clone it bare, clone that for the agent.

use awo_models::{Failure, FailureCode};

use super::layout::Layout;
use super::origin::Origin;
use super::{Tools, branch_names, failed, holding, mirror, with_causes};
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
    layout.check_room(tools.settings.min_free_bytes).await?;
    let base_branch = base_branch(tools, remote, asked).await?;
    let origin = mirror::make(tools, layout, remote, &base_branch, None).await?;
    clone_for_agent(tools, layout, &base_branch).await?;
    let told = |error: GitError| failed(format!("check out branch {base_branch:?}"), &error);
    // Within the walls, as it is the repository that says which files there are.
    let files = tools.checkout(layout).command("read-tree").args(["--reset", "-u", "HEAD"]).run().await;
    files.map_err(told)?;
    holding::hold_back(tools, layout).await?;
    layout.finish(&origin).await?;
    Ok(origin)
}

/// Makes the checkout, without its files: a clone of the bare clone, with a git directory of its own and no remote.
pub(super) async fn clone_for_agent(tools: &Tools, layout: &Layout, base_branch: &str) -> Result<(), Failure> {
    let told = |error: GitError| failed(format!("make a checkout of branch {base_branch:?}"), &error);
    tools
        .inside
        .command("clone")
        .args(["--quiet", "--no-checkout", "--no-hardlinks", "--single-branch", "--template=", "--branch", base_branch])
        .arg("--")
        .arg(&layout.mirror)
        .arg(&layout.repo)
        .run()
        .await
        .map_err(told)?;
    layout.hand_over(tools.room.as_ref().and_then(|room| room.account)).await?;
    let checkout = tools.checkout(layout);
    checkout.command("remote").args(["remove", "origin"]).run().await.map_err(told)?;
    let author = &tools.settings.author;
    for (key, value) in [("user.name", &author.name), ("user.email", &author.email)] {
        // So that the agent's own commits have an author too.
        checkout.command("config").args([key, value]).run().await.map_err(told)?;
    }
    Ok(())
}

/// The branch to start from: the one that was asked for or the remote's default, if the remote has it.
pub(super) async fn base_branch(
    tools: &Tools,
    remote: &RepositoryAddress,
    asked: Option<&str>,
) -> Result<String, Failure> {
    let refused = |message: String| Failure::new(FailureCode::WorkspaceFailed, message);
    let address = redacted(&remote.to_string());
    if let Some(asked) = asked {
        branch_names::check(asked).map_err(|reason| refused(format!("cannot use base branch {asked:?}: {reason}")))?;
    }
    let listing = tools
        .host
        .command("ls-remote")
        .arg("--symref")
        .toward(remote)
        .args(["HEAD", "refs/heads/*"])
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

pub(super) fn unreadable(remote: &RepositoryAddress, error: &GitError) -> Failure {
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
