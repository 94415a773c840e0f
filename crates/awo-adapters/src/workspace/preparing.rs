//! Making a checkout: ask the remote, bring the mirror up to date, have bare clone and checkout borrow from it.

use awo_engine::ports::SandboxRequest;
use awo_models::{Failure, FailureCode, SandboxType};

use super::layout::{Layout, is_object_id};
use super::origin::Origin;
use super::packing::Trouble;
use super::shared::{SharedMirror, object_format};
use super::{Tools, borrowing, branch_names, failed, holding, mirror, weighing, with_causes};
use crate::RepositoryAddress;
use crate::address::redacted;
use crate::git::{GitError, Limit};

/// Most that a remote may say about its branches.
const MANY_BRANCHES: Limit = Limit::Refuse(32 << 20);

pub(super) async fn prepare(
    tools: &Tools,
    layout: &Layout,
    remote: &RepositoryAddress,
    request: &SandboxRequest,
) -> Result<Origin, Failure> {
    layout.make().await?;
    layout.check_room(tools.settings.min_free_bytes).await?;
    let mut origin = base(tools, remote, request.base_branch.as_deref()).await?;
    let shared = SharedMirror::of(&tools.settings.mirrors, remote);
    // The branch may have been rewritten since the remote was asked.
    origin.base_commit = shared.bring(tools, remote, &origin.base_branch, &origin.base_commit).await?;
    let made = check_out(tools, layout, remote, request.sandbox_type, &origin).await;
    if made.is_err() && shared.mend(tools, remote, &origin.base_branch, &origin.base_commit).await? {
        layout.clear_checkout().await?;
        layout.make().await?;
        check_out(tools, layout, remote, request.sandbox_type, &origin).await?;
    } else {
        made?;
    }
    layout.finish(&origin).await?;
    Ok(origin)
}

async fn check_out(
    tools: &Tools,
    layout: &Layout,
    remote: &RepositoryAddress,
    kind: SandboxType,
    origin: &Origin,
) -> Result<(), Failure> {
    mirror::make(tools, layout, remote, origin).await?;
    clone_for_agent(tools, layout, remote, kind, origin).await?;
    weighing::weigh(tools, layout).await?;
    // Within the walls, as it is the repository that says which files there are.
    let files = tools.checkout(layout).command("read-tree").args(["--reset", "-u", "HEAD"]).run().await;
    files.map_err(|error| failed(format!("check out branch {:?}", origin.base_branch), &error))?;
    holding::hold_back(tools, layout).await
}

/// Makes the checkout, without its files: a git directory of its own and no remote. Of kind `git_worktree` it borrows the
/// objects of the mirror; of kind `git_branch` it has them all.
pub(super) async fn clone_for_agent(
    tools: &Tools,
    layout: &Layout,
    remote: &RepositoryAddress,
    kind: SandboxType,
    origin: &Origin,
) -> Result<(), Failure> {
    let told = |error: Trouble| failed(format!("make a checkout of branch {:?}", origin.base_branch), &*error);
    match kind {
        SandboxType::GitWorktree => borrow_all(tools, layout, remote, origin).await.map_err(told)?,
        SandboxType::GitBranch => copy_all(tools, layout, origin).await.map_err(|error| told(error.into()))?,
        other => return Err(told(format!("checkouts of kind {other:?} are not made here").into())),
    }
    layout.hand_over(tools.room.as_ref().and_then(|room| room.account)).await?;
    tools.open_way().await?;
    let checkout = tools.checkout(layout);
    let author = &tools.settings.author;
    for (key, value) in [("user.name", &author.name), ("user.email", &author.email)] {
        // So that the agent's own commits have an author too.
        checkout.command("config").args([key, value]).run().await.map_err(|error| told(error.into()))?;
    }
    Ok(())
}

async fn borrow_all(
    tools: &Tools,
    layout: &Layout,
    remote: &RepositoryAddress,
    origin: &Origin,
) -> Result<(), Trouble> {
    let begins = begin(tools, layout, origin).await?;
    let shared = SharedMirror::of(&tools.settings.mirrors, remote);
    let git_directory = layout.repo.join(".git");
    borrowing::borrow(tools, &shared, &git_directory, &shared.objects(), &origin.base_branch, &begins).await
}

async fn copy_all(tools: &Tools, layout: &Layout, origin: &Origin) -> Result<(), GitError> {
    begin(tools, layout, origin).await?;
    tools
        .new_checkout(layout)
        .command("fetch")
        .args(["--quiet", "--no-write-fetch-head", "--update-head-ok", "--update-shallow", "--recurse-submodules=no"])
        .arg("--")
        .arg(&layout.mirror)
        .arg(format!("refs/heads/{0}:refs/heads/{0}", origin.base_branch))
        .run()
        .await
        .map(drop)
}

/// Makes the git directory, with nothing in it; the commit that the bare clone begins at: the base commit may be lost.
async fn begin(tools: &Tools, layout: &Layout, origin: &Origin) -> Result<String, GitError> {
    let mirror = tools.bare(&layout.mirror);
    let begins = mirror.command("rev-parse").args(["--verify", "HEAD^{commit}"]).run().await?.text();
    tools
        .inside
        .command("init")
        .args(["--quiet", "--template=", object_format(&begins)])
        .arg(format!("--initial-branch={}", origin.base_branch))
        .arg("--")
        .arg(&layout.repo)
        .env("GIT_DEFAULT_REF_FORMAT", "files")
        .run()
        .await?;
    Ok(begins)
}

/// The branch to start from, and its tip: the one that was asked for or the remote's default, if the remote has it.
pub(super) async fn base(tools: &Tools, remote: &RepositoryAddress, asked: Option<&str>) -> Result<Origin, Failure> {
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
    let of_branch = |line: &'_ str| {
        let (id, name) = line.split_once('\t')?;
        is_object_id(id).then_some(())?;
        Some((name.strip_prefix("refs/heads/")?.to_owned(), id.to_owned()))
    };
    let tips: Vec<(String, String)> = listing.lines().filter_map(of_branch).collect();
    let branches: Vec<&str> = tips.iter().map(|(branch, _)| &**branch).collect();
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
    let Some((_, tip)) = tips.iter().find(|(branch, _)| branch == base) else {
        return Err(refused(format!(
            "repository {address:?} has no branch {base:?}; name one that it has: {}",
            some_of(&branches)
        )));
    };
    if base.contains(char::REPLACEMENT_CHARACTER) {
        return Err(refused(format!("cannot use base branch {base:?} of {address:?}: its name is not UTF-8")));
    }
    branch_names::check(base)
        .map_err(|reason| refused(format!("cannot use base branch {base:?} of {address:?}: {reason}")))?;
    Ok(Origin { base_branch: base.to_owned(), base_commit: tip.clone() })
}

fn some_of(branches: &[&str]) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<String> = branches.iter().take(SHOWN).map(|branch| format!("{branch:?}")).collect();
    let more = if branches.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

pub(super) fn unreadable(remote: &RepositoryAddress, error: &GitError) -> Failure {
    let address = redacted(&remote.to_string());
    let cure = error.cure().unwrap_or_else(|| {
        let cure = match remote {
            RepositoryAddress::Local(_) => "check that the path is a git repository that awo may read",
            _ => "check the address and that awo's account has access",
        };
        cure.to_owned()
    });
    Failure::new(
        FailureCode::WorkspaceFailed,
        format!("cannot read repository {address:?}: {}; {cure}", with_causes(error)),
    )
}
