//! What is in a checkout and what changed: trees and differences, read without the agent's index or settings.

use std::fs;
use std::sync::Arc;

use awo_models::{DiffStat, Failure, FailureCode, WorkspaceSnapshot};

use super::layout::{Layout, is_object_id};
use super::{aside, failed};
use crate::git::{Git, GitError, Limit};

/// Most that the list of changed paths may take.
const MANY_PATHS: Limit = Limit::Refuse(32 << 20);
/// Asked of every comparison: no programs of the agent's choice, paths as they are.
const PLAINLY: [&str; 5] = ["-r", "--no-ext-diff", "--no-textconv", "--no-renames", "--no-color"];

pub(super) async fn snapshot(git: &Git, layout: &Layout) -> Result<WorkspaceSnapshot, Failure> {
    let told = |error: GitError| failed("read the state of the checkout", &error);
    let head = head(git).await?;
    let branch = git
        .command("symbolic-ref")
        .args(["--quiet", "--short", "HEAD"])
        .accept(&[0, 1])
        .run()
        .await
        .map_err(told)?
        .text();
    let tree = match tree(git, layout, &head).await {
        Ok(tree) => tree,
        Err(first) => {
            // The index is only a memory of what was read before. If that is what is broken, begin afresh.
            let index = layout.index.clone();
            let removed = aside(move || fs::remove_file(index)).await;
            removed.map_err(|_| told(first))?;
            tree(git, layout, &head).await.map_err(told)?
        }
    };
    Ok(WorkspaceSnapshot { head: head.into(), tree: tree.into(), branch: (!branch.is_empty()).then(|| branch.into()) })
}

/// The commit that is checked out.
pub(super) async fn head(git: &Git) -> Result<String, Failure> {
    let output = git.command("rev-parse").args(["--verify", "--quiet", "HEAD^{commit}"]).run().await;
    match output.map(|output| output.text()) {
        Ok(head) if is_object_id(&head) => Ok(head),
        Ok(_) | Err(GitError::Failed { .. }) => Err(Failure::new(
            FailureCode::WorkspaceFailed,
            "the checkout has no commit at its head any more; create the order again",
        )),
        Err(error) => Err(failed("read the head of the checkout", &error)),
    }
}

/// Tree of all files that are there. Uses an index of awo's own: flags in the agent's index could hide changes.
async fn tree(git: &Git, layout: &Layout, head: &str) -> Result<String, GitError> {
    let mut lock = layout.index.clone().into_os_string();
    lock.push(".lock");
    // Left by a run that was killed; nobody else uses this index.
    let _ = aside(move || fs::remove_file(lock)).await;
    let index = &layout.index;
    git.command("read-tree").args(["--reset", head]).env("GIT_INDEX_FILE", index).run().await?;
    add_all(git, Some(layout)).await?;
    let output = git.command("write-tree").env("GIT_INDEX_FILE", index).run().await?;
    Ok(output.text())
}

/// Adds all files to the checkout's own index; a failure that names a file if one could not be added: what is committed
/// without it would look like the whole work.
pub(super) async fn stage(git: &Git) -> Result<(), Failure> {
    let tried = "commit the changes of the checkout";
    let Some(complaint) = add_all(git, None).await.map_err(|error| failed(tried, &error))? else {
        return Ok(());
    };
    // Git's words are for people; its lists are exact.
    let left = git
        .command("ls-files")
        .args(["-z", "--others", "--modified", "--exclude-standard"])
        .limit(Limit::Cut(16 << 10))
        .run()
        .await
        .map_err(|error| failed(tried, &error))?;
    let path = left.stdout.split(|b| *b == 0).next().map(String::from_utf8_lossy).filter(|path| !path.is_empty());
    let what = path.map_or_else(|| "a file".to_owned(), |path| format!("{path:?}"));
    let message = format!("cannot {tried}: {what} could not be added ({complaint}); remove it, or have git ignore it");
    Err(Failure::new(FailureCode::WorkspaceFailed, message))
}

/// Adds all files to the snapshot's index or, without one, to the checkout's own; what git complained about if it had
/// to leave one out. What cannot be added (an unreadable file, a nested repository without commits) does not hide the
/// rest.
async fn add_all(git: &Git, snapshot: Option<&Layout>) -> Result<Option<String>, GitError> {
    let mut command = git.command("add").args(["--all", "--ignore-errors"]).accept(&[0, 1]);
    if let Some(layout) = snapshot {
        command = command.env("GIT_INDEX_FILE", &layout.index);
    }
    let output = command.args(["--", "."]).run().await?;
    let complaint = left_out(output.code, &output.complaint());
    if let Some(complaint) = &complaint {
        tracing::warn!(%complaint, "some files of the checkout could not be added");
    }
    Ok(complaint)
}

/// The complaint of `git add` if it left something out. Directories that it cannot read are only a warning to it.
fn left_out(code: i32, complaint: &str) -> Option<String> {
    (code != 0 || complaint.contains("warning: could not open directory")).then(|| complaint.to_owned())
}

pub(super) async fn compare(git: &Git, from: &WorkspaceSnapshot, to: &WorkspaceSnapshot) -> Result<DiffStat, Failure> {
    let told = |error: GitError| failed("compare two states of the checkout", &error);
    let ids = [&from.head, &to.head, &from.tree, &to.tree];
    check_ids(&ids)?;
    let mut stat = DiffStat::default();
    if from.head != to.head {
        let output =
            git.command("rev-list").args(["--count", &to.head, "--not", &from.head, "--"]).run().await.map_err(told)?;
        stat.commits = output.text().parse().unwrap_or(0);
    }
    if from.tree != to.tree {
        let output = git
            .command("diff-tree")
            .args(PLAINLY)
            .args(["--numstat", "-z", &from.tree, &to.tree, "--"])
            .limit(MANY_PATHS)
            .run()
            .await
            .map_err(told)?;
        count(&output.stdout, &mut stat);
    }
    Ok(stat)
}

/// Reads `added TAB removed TAB path NUL`…; binary files have dashes for numbers.
fn count(numstat: &[u8], stat: &mut DiffStat) {
    for entry in numstat.split(|b| *b == 0).filter(|entry| !entry.is_empty()) {
        let mut fields = entry.splitn(3, |b| *b == b'\t').map(String::from_utf8_lossy);
        let mut number = || fields.next().and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
        let (added, removed) = (number(), number());
        if let Some(path) = fields.next() {
            stat.lines_added += added;
            stat.lines_removed += removed;
            stat.files.push(Arc::from(path.as_ref()));
        }
    }
}

pub(super) async fn patch(
    git: &Git,
    from: &WorkspaceSnapshot,
    to: &WorkspaceSnapshot,
    most: usize,
) -> Result<Vec<u8>, Failure> {
    check_ids(&[&from.tree, &to.tree])?;
    let output = git
        .command("diff-tree")
        .args(PLAINLY)
        .args(["--patch", &from.tree, &to.tree, "--"])
        .limit(Limit::Cut(most))
        .run()
        .await
        .map_err(|error| failed("print the difference of two states of the checkout", &error))?;
    let mut patch = output.stdout;
    if output.cut {
        let whole_lines = patch.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
        patch.truncate(whole_lines);
        patch.extend_from_slice(format!("# the rest is left out: the patch is longer than {most} bytes\n").as_bytes());
    }
    Ok(patch)
}

/// Fails if the checkout does not have the commit or the tree of a state.
pub(super) async fn find(git: &Git, state: &WorkspaceSnapshot) -> Result<(), GitError> {
    for (id, kind) in [(&state.head, "commit"), (&state.tree, "tree")] {
        git.command("cat-file").args(["-e", &format!("{id}^{{{kind}}}")]).run().await?;
    }
    Ok(())
}

/// Makes commit, branch, index and files what they were.
pub(super) async fn restore(git: &Git, layout: &Layout, wanted: &WorkspaceSnapshot) -> Result<(), Failure> {
    check_ids(&[&wanted.head, &wanted.tree])?;
    let told = |error: GitError| failed(format!("restore the checkout of commit {}", wanted.head), &error);
    find(git, wanted).await.map_err(told)?;
    if let Some(branch) = &wanted.branch {
        let reference = format!("refs/heads/{branch}");
        git.command("update-ref").args([reference.as_str(), &wanted.head]).run().await.map_err(told)?;
        git.command("symbolic-ref").args(["HEAD", &reference]).run().await.map_err(told)?;
    } else {
        git.command("update-ref").args(["--no-deref", "HEAD", &wanted.head]).run().await.map_err(told)?;
    }
    // The files of the tree, whatever is in their way; then away with what is not in it; then the index of the commit.
    git.command("read-tree").args(["--reset", "-u", &wanted.tree]).run().await.map_err(told)?;
    git.command("clean").args(["-f", "-f", "-d", "--quiet"]).run().await.map_err(told)?;
    git.command("read-tree").args(["--reset", &wanted.head]).run().await.map_err(told)?;
    let now = snapshot(git, layout).await?;
    if now == *wanted {
        return Ok(());
    }
    Err(Failure::new(
        FailureCode::WorkspaceFailed,
        format!("cannot restore the checkout of commit {}: {}", wanted.head, difference(git, wanted, &now).await),
    ))
}

/// What did not come out as it was.
async fn difference(git: &Git, wanted: &WorkspaceSnapshot, now: &WorkspaceSnapshot) -> String {
    let listing = git.command("diff-tree").args(PLAINLY).args(["--name-only", "-z", &wanted.tree, &now.tree, "--"]);
    let paths = listing.limit(Limit::Cut(16 << 10)).run().await.map(|output| output.stdout).unwrap_or_default();
    match paths.split(|b| *b == 0).next().map(String::from_utf8_lossy) {
        Some(path) if !path.is_empty() => format!(
            "{path:?} came out otherwise (files of a repository inside the repository are not kept, and conversions \
             that an agent set up are not done)"
        ),
        _ => "its commit or branch came out otherwise".into(),
    }
}

pub(super) fn check_ids(ids: &[&Arc<str>]) -> Result<(), Failure> {
    match ids.iter().find(|id| !is_object_id(id)) {
        None => Ok(()),
        Some(id) => Err(Failure::new(
            FailureCode::WorkspaceFailed,
            format!("cannot compare: {id:?} is not the id of a commit or tree"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::left_out;

    #[test]
    fn a_directory_that_cannot_be_read_is_left_out_though_git_calls_it_success() {
        let unreadable = "warning: could not open directory 'closed/': Permission denied";
        assert_eq!(left_out(0, unreadable).as_deref(), Some(unreadable));
        assert_eq!(left_out(1, "error: x").as_deref(), Some("error: x"));
        assert_eq!(left_out(0, "warning: adding embedded git repository: nested"), None);
    }
}
