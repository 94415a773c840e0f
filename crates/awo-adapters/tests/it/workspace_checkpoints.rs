//! Checkouts that were lost or broken after their state was kept: found out, restored, made anew.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use awo_engine::ports::{Sandbox, SandboxProvider as _, Standing};
use awo_models::WorkspaceSnapshot;
use awo_testkit::repository::FixtureRepository;

use crate::workspace::{Setting, write};

/// What happens to a directory, and how.
pub(crate) type Breakage = (&'static str, fn(&Path));

pub(crate) fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Agent", "-c", "user.email=agent@example.org"])
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Work of every kind, committed and not, and its state, which is kept.
async fn work(sandbox: &dyn Sandbox) -> WorkspaceSnapshot {
    let root = sandbox.working_dir();
    sandbox.create_branch("feat-x").await.unwrap();
    write(sandbox, "committed", "1\n");
    sandbox.commit("first part").await.unwrap();
    write(sandbox, "README.md", "# Changed\n");
    write(sandbox, "run.sh", "#!/bin/sh\n");
    fs::set_permissions(root.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("run.sh", root.join("link")).unwrap();
    fs::remove_file(root.join("docs/usage.md")).unwrap();
    write(sandbox, &format!("{}deep", "long-name/".repeat(80)), "far down\n");
    write(sandbox, "new\nline -- \u{e9}", "odd\n");
    fs::write(root.join("blob"), [0, 255, 1]).unwrap();
    write(sandbox, "ignored.log", "noise\n");
    let left = sandbox.snapshot().await.unwrap();
    sandbox.checkpoint(&left).await.unwrap();
    left
}

fn assert_work_is_there(root: &Path) {
    assert_eq!(fs::read_to_string(root.join("README.md")).unwrap(), "# Changed\n");
    assert_eq!(fs::metadata(root.join("run.sh")).unwrap().permissions().mode() & 0o111, 0o111);
    assert_eq!(fs::read_link(root.join("link")).unwrap(), Path::new("run.sh"));
    assert!(!root.join("docs/usage.md").exists());
    assert_eq!(git(root, &["log", "--format=%s"]), "first part\nfirst commit");
    assert_eq!(git(root, &["diff", "--name-only", "HEAD", "--", "committed"]), "");
}

pub(crate) async fn examine(setting: &Setting, left: &WorkspaceSnapshot) -> Standing {
    setting.provider.examine(&setting.request(1), left).await.unwrap()
}

pub(crate) async fn rebuild(setting: &Setting, left: &WorkspaceSnapshot) -> Arc<dyn Sandbox> {
    setting.provider.rebuild(&setting.request(1), left).await.unwrap()
}

#[tokio::test]
async fn what_was_kept_is_read_whatever_the_checkout_is() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    let base =
        WorkspaceSnapshot { head: sandbox.base_commit().into(), tree: sandbox.base_commit().into(), branch: None };
    let before = sandbox.snapshot().await.unwrap();
    let left = work(&*sandbox).await;
    let order = setting.request(1).order;
    let expected = sandbox.patch(&base, &left).await.unwrap();
    assert!(String::from_utf8_lossy(&expected).contains("+# Changed"));
    assert_eq!(setting.provider.working_dir(order).await.unwrap().as_deref(), Some(sandbox.working_dir()));

    // A git that ran in the checkout would execute this, and find nothing.
    let (root, marker) = (sandbox.working_dir().to_owned(), setting.directory(1).join("executed"));
    fs::remove_dir_all(root.join(".git/objects")).unwrap();
    fs::write(root.join(".git/config"), format!("[core]\nfsmonitor = touch '{}'\n", marker.display())).unwrap();
    for from in [&base, &before] {
        let patch = setting.provider.kept_patch(order, from, &left).await.unwrap();
        assert_eq!(patch.as_deref(), Some(&*expected));
    }
    let commit = setting.provider.kept_commit(order, &left.head).await.unwrap().unwrap();
    assert_eq!((&commit.id, &*commit.subject), (&left.head, "first part"));
    assert!(!marker.exists());

    let unknown: Arc<str> = "0123456789".repeat(4).into();
    let state = WorkspaceSnapshot { head: Arc::clone(&unknown), tree: Arc::clone(&unknown), branch: None };
    assert_eq!(setting.provider.kept_patch(order, &base, &state).await.unwrap(), None);
    assert_eq!(setting.provider.kept_commit(order, &unknown).await.unwrap(), None);
    assert!(setting.provider.kept_commit(order, "--output=x").await.is_err());

    setting.provider.remove(order).await.unwrap();
    assert_eq!(setting.provider.kept_patch(order, &base, &left).await.unwrap(), None);
    assert_eq!(setting.provider.kept_commit(order, &left.head).await.unwrap(), None);
    assert_eq!(setting.provider.working_dir(order).await.unwrap(), None);
}

#[tokio::test]
async fn a_checkout_that_is_gone_or_broken_is_made_anew() {
    let breakages: [Breakage; 7] = [
        ("everything is gone", |order| fs::remove_dir_all(order).unwrap()),
        ("all checkouts are gone", |order| fs::remove_dir_all(order.parent().unwrap()).unwrap()),
        ("the files are gone", |order| fs::remove_dir_all(order.join("repo")).unwrap()),
        ("it was never finished", |order| fs::remove_file(order.join("workspace.json")).unwrap()),
        ("the git directory is a file", |order| {
            fs::remove_dir_all(order.join("repo/.git")).unwrap();
            fs::write(order.join("repo/.git"), "gitdir: /nowhere\n").unwrap();
        }),
        ("the head is rubbish", |order| fs::write(order.join("repo/.git/HEAD"), "rubbish\n").unwrap()),
        ("the objects are gone", |order| {
            fs::remove_dir_all(order.join("repo/.git/objects")).unwrap();
            fs::create_dir(order.join("repo/.git/objects")).unwrap();
        }),
    ];
    for (what, break_it) in breakages {
        let setting = Setting::new(FixtureRepository::new());
        let sandbox = setting.prepare(1).await;
        let left = work(&*sandbox).await;
        assert_eq!(examine(&setting, &left).await, Standing::Sound, "{what}");
        let base = sandbox.base_commit().to_owned();
        break_it(&setting.directory(1));
        // It must not matter what the remote has by now.
        setting.remote.commit("main", "later", &[("later", "1")]);

        assert_eq!(examine(&setting, &left).await, Standing::Rebuildable, "{what}");
        let again = rebuild(&setting, &left).await;
        assert_eq!(again.snapshot().await.unwrap(), left, "{what}");
        assert_eq!(again.working_dir(), sandbox.working_dir());
        assert_eq!((again.base_branch(), again.base_commit()), ("main", &*base));
        assert_work_is_there(again.working_dir());
        assert!(!again.working_dir().join("ignored.log").exists(), "ignored files are not kept");
        assert_eq!(examine(&setting, &left).await, Standing::Sound, "{what}");

        // The work goes on as if nothing had been.
        again.commit("second part").await.unwrap();
        again.push("feat-x").await.unwrap();
        assert_eq!(setting.remote.log("feat-x"), ["second part", "first part", "first commit"]);
        let reopened = setting.provider.reopen(&setting.request(1)).await.unwrap().unwrap();
        assert_eq!(reopened.base_commit(), base);
    }
}

#[tokio::test]
async fn what_came_since_is_undone_though_the_agent_threw_the_objects_away() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    let left = work(&*sandbox).await;
    let root = sandbox.working_dir();
    git(root, &["checkout", "--quiet", "--force", "main"]);
    git(root, &["branch", "-D", "feat-x"]);
    git(root, &["clean", "-ffdxq"]);
    fs::remove_file(setting.directory(1).join("home/snapshot.index")).unwrap();
    git(root, &["reflog", "expire", "--expire=now", "--all"]);
    git(root, &["gc", "--quiet", "--prune=now"]);
    let lost = Command::new("git").args(["cat-file", "-e", &left.tree]).current_dir(root).status().unwrap();
    assert!(!lost.success(), "the agent did throw it away");

    assert_eq!(examine(&setting, &left).await, Standing::Changed);
    sandbox.restore(&left).await.unwrap();
    assert_eq!(sandbox.snapshot().await.unwrap(), left);
    assert_work_is_there(root);

    // The next state builds on one that the checkout does not have any more.
    git(root, &["checkout", "--quiet", "--force", "main"]);
    git(root, &["branch", "-D", "feat-x"]);
    git(root, &["reflog", "expire", "--expire=now", "--all"]);
    git(root, &["gc", "--quiet", "--prune=now"]);
    let next = sandbox.snapshot().await.unwrap();
    sandbox.checkpoint(&next).await.unwrap();
    fs::remove_dir_all(setting.directory(1)).unwrap();
    assert_eq!(rebuild(&setting, &next).await.snapshot().await.unwrap(), next);
    assert_eq!(rebuild(&setting, &left).await.snapshot().await.unwrap(), left, "an earlier one is kept too");
}

#[tokio::test]
async fn a_state_is_kept_once_and_stays_while_others_come() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    let first = work(&*sandbox).await;
    let refs = || git(&setting.mirror(1), &["for-each-ref", "refs/awo/checkpoints"]);
    let kept = refs();
    assert_eq!(kept.lines().count(), 1);
    sandbox.checkpoint(&first).await.unwrap();
    assert_eq!(refs(), kept);
    git(&setting.mirror(1), &["update-ref", "-d", kept.rsplit('\t').next().unwrap()]);
    sandbox.checkpoint(&first).await.unwrap();
    assert_eq!(refs(), kept, "one state is one commit");
    let reference = kept.rsplit('\t').next().unwrap();
    assert_eq!(git(&setting.mirror(1), &["log", "-1", "--format=%at %ct", reference]), "0 0", "whenever it is made");

    write(&*sandbox, "more", "2\n");
    let second = sandbox.snapshot().await.unwrap();
    sandbox.checkpoint(&second).await.unwrap();
    git(&setting.mirror(1), &["gc", "--quiet", "--prune=now"]);
    for state in [&first, &second, &first] {
        fs::remove_dir_all(setting.directory(1)).unwrap();
        assert_eq!(rebuild(&setting, state).await.snapshot().await.unwrap(), *state);
    }
    let unknown = WorkspaceSnapshot { tree: "0".repeat(40).into(), ..first };
    assert!(sandbox.checkpoint(&unknown).await.is_err());
}

#[tokio::test]
async fn only_what_is_new_travels() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    let noise: Vec<u8> = (0..200_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    fs::write(sandbox.working_dir().join("noise"), noise).unwrap();
    sandbox.checkpoint(&sandbox.snapshot().await.unwrap()).await.unwrap();
    let size = || -> u64 {
        let packs = fs::read_dir(setting.mirror(1).join("objects/pack")).unwrap();
        packs.map(|pack| pack.unwrap().metadata().unwrap().len()).sum()
    };
    let before = size();
    assert!(before > 100_000);
    write(&*sandbox, "small", "1\n");
    sandbox.checkpoint(&sandbox.snapshot().await.unwrap()).await.unwrap();
    assert!(size() - before < 5_000, "{before} {}", size());
}

#[tokio::test]
async fn a_repository_with_longer_ids_and_a_tree_without_files_are_kept_too() {
    let place = tempfile::tempdir().unwrap();
    let remote = place.path().join("sha256.git");
    git(place.path(), &["init", "--quiet", "--bare", "--object-format=sha256", "--initial-branch=main", "sha256.git"]);
    git(place.path(), &["clone", "--quiet", "sha256.git", "work"]);
    let work = place.path().join("work");
    fs::write(work.join("file"), "1").unwrap();
    git(&work, &["add", "."]);
    git(&work, &["commit", "--quiet", "-m", "first"]);
    git(&work, &["push", "--quiet", "origin", "HEAD:main"]);

    let setting = Setting::new(FixtureRepository::new());
    for (n, url) in [(1, setting.remote.url()), (2, remote.to_str().unwrap().to_owned())] {
        let request = awo_engine::ports::SandboxRequest { repository_url: url.into(), ..setting.request(n) };
        let sandbox = setting.provider.prepare(&request).await.unwrap();
        let root = sandbox.working_dir();
        git(root, &["rm", "-r", "-f", "--quiet", "."]);
        let empty = sandbox.snapshot().await.unwrap();
        sandbox.checkpoint(&empty).await.unwrap();
        fs::write(root.join("new"), "1").unwrap();
        let full = sandbox.snapshot().await.unwrap();
        sandbox.checkpoint(&full).await.unwrap();
        for state in [empty, full] {
            fs::remove_dir_all(setting.directory(n)).unwrap();
            assert_eq!(setting.provider.examine(&request, &state).await, Ok(Standing::Rebuildable));
            let again = setting.provider.rebuild(&request, &state).await.unwrap();
            assert_eq!(again.snapshot().await.unwrap(), state);
        }
    }
}

#[tokio::test]
async fn a_repository_inside_the_repository_is_not_kept_and_the_failure_names_it() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    let nested = sandbox.working_dir().join("nested");
    fs::create_dir(&nested).unwrap();
    git(&nested, &["init", "--quiet"]);
    fs::write(nested.join("file"), "1").unwrap();
    git(&nested, &["add", "."]);
    git(&nested, &["commit", "--quiet", "-m", "inner"]);
    let left = sandbox.snapshot().await.unwrap();
    sandbox.checkpoint(&left).await.unwrap();
    // Once it is part of a commit, it is a submodule that is not checked out.
    sandbox.commit("outer").await.unwrap();
    let committed = sandbox.snapshot().await.unwrap();
    sandbox.checkpoint(&committed).await.unwrap();
    fs::remove_dir_all(setting.directory(1)).unwrap();
    assert_eq!(rebuild(&setting, &committed).await.snapshot().await.unwrap(), committed);
    let failure = setting.provider.rebuild(&setting.request(1), &left).await.unwrap_err();
    assert!(failure.message.contains("\"nested\" came out otherwise"), "{failure}");
}

#[tokio::test]
async fn a_checkpoint_or_a_rebuild_that_was_cut_is_done_again() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    let first = work(&*sandbox).await;
    // Each poll lets it get a little further; then it is dropped, and its git is killed.
    for polls in (1..40).step_by(3) {
        write(&*sandbox, "counter", &polls.to_string());
        let state = sandbox.snapshot().await.unwrap();
        cut(sandbox.checkpoint(&state), polls).await;
        sandbox.checkpoint(&state).await.unwrap();
        let (head, tree) = (&state.head, &state.tree);
        // The locks that a git leaves which is killed at the worst moment.
        fs::write(setting.mirror(1).join(format!("refs/awo/checkpoints/{head}-{tree}.lock")), "").unwrap();
        sandbox.checkpoint(&state).await.unwrap();
    }
    write(&*sandbox, "counter", "last");
    let last = sandbox.snapshot().await.unwrap();
    let lock = setting.mirror(1).join(format!("refs/awo/checkpoints/{}-{}.lock", last.head, last.tree));
    fs::write(lock, "").unwrap();
    sandbox.checkpoint(&last).await.unwrap();
    for polls in (1..200).step_by(13) {
        let state = if polls % 2 == 0 { &first } else { &last };
        let request = setting.request(1);
        cut(setting.provider.rebuild(&request, state), polls).await;
        assert_ne!(examine(&setting, state).await, Standing::Lost, "{polls}");
        assert_eq!(rebuild(&setting, state).await.snapshot().await.unwrap(), *state, "{polls}");
    }
}

#[tokio::test]
async fn locks_of_a_git_that_was_killed_stop_no_later_one() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    let branch = sandbox.create_branch("feat-a").await.unwrap();
    let begun = sandbox.snapshot().await.unwrap();
    let leave_locks = || {
        for lock in ["index", "HEAD", "packed-refs", &format!("refs/heads/{branch}"), "refs/heads/feat-b"] {
            let lock = sandbox.working_dir().join(format!(".git/{lock}.lock"));
            fs::write(lock, "").unwrap();
        }
    };
    write(&*sandbox, "new", "1\n");
    leave_locks();
    assert!(sandbox.commit("work").await.unwrap());
    leave_locks();
    sandbox.restore(&begun).await.unwrap();
    assert_eq!(sandbox.snapshot().await.unwrap(), begun);
    leave_locks();
    assert_eq!(&*sandbox.create_branch("feat-b").await.unwrap(), "feat-b");
}

/// Drops a future after so many polls, if it has not ended before.
async fn cut<T>(future: impl Future<Output = T>, polls: u32) {
    let mut future = Box::pin(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        left -= 1;
        if left == 0 || future.as_mut().poll(context).is_ready() {
            return std::task::Poll::Ready(());
        }
        std::task::Poll::Pending
    })
    .await;
}

#[tokio::test]
async fn a_state_that_was_not_kept_is_told_apart() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    let untouched = sandbox.snapshot().await.unwrap();
    write(&*sandbox, "new", "1\n");
    let left = sandbox.snapshot().await.unwrap();
    write(&*sandbox, "new", "2\n");
    assert_eq!(examine(&setting, &left).await, Standing::Changed, "the objects are there");
    assert_eq!(examine(&setting, &untouched).await, Standing::Changed);
    fs::remove_dir_all(sandbox.working_dir()).unwrap();
    assert_eq!(examine(&setting, &left).await, Standing::Lost);
    assert_eq!(examine(&setting, &untouched).await, Standing::Rebuildable, "it is the commit that was cloned");
    let failure = setting.provider.rebuild(&setting.request(1), &left).await.unwrap_err();
    assert!(failure.message.contains("\"main\""), "{failure}");
    assert!(setting.directory(1).join("workspace.json").exists(), "a rebuild that cannot be done removes nothing");
    assert_eq!(rebuild(&setting, &untouched).await.snapshot().await.unwrap(), untouched);
    for bad in ["--help", "main", ""] {
        let bad = WorkspaceSnapshot { tree: bad.into(), ..left.clone() };
        assert!(setting.provider.examine(&setting.request(1), &bad).await.is_err());
    }
}

#[tokio::test]
async fn a_git_that_cannot_be_run_says_nothing_about_the_checkout() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    let left = work(&*sandbox).await;
    let (root, mirrors) = (setting.directory(1), setting.mirror(1));
    let without = Setting::with(FixtureRepository::new(), |settings| {
        settings.root = root.parent().unwrap().to_owned();
        settings.mirrors = mirrors.parent().unwrap().to_owned();
        settings.git = "/nowhere/git".into();
    });
    // With the bare clone, and without.
    for _ in 0..2 {
        let failure = without.provider.examine(&setting.request(1), &left).await.unwrap_err();
        assert!(failure.message.contains("cannot find the program"), "{failure}");
        fs::remove_dir_all(&mirrors).unwrap();
        fs::create_dir(&mirrors).unwrap();
    }
}

#[tokio::test]
async fn a_checkpoint_takes_a_handful_of_processes() {
    let place = tempfile::tempdir().unwrap();
    let (counting, log) = (place.path().join("git"), place.path().join("log"));
    let script = format!("#!/bin/sh\necho \"$@\" >> '{}'\nexec git \"$@\"\n", log.display());
    fs::write(&counting, script).unwrap();
    fs::set_permissions(&counting, fs::Permissions::from_mode(0o755)).unwrap();
    let setting = Setting::with(FixtureRepository::new(), |settings| settings.git = counting);
    let sandbox = setting.prepare(1).await;
    write(&*sandbox, "new", "1\n");
    let state = sandbox.snapshot().await.unwrap();
    let ran = || {
        let lines = fs::read_to_string(&log).unwrap().lines().count();
        fs::write(&log, "").unwrap();
        lines
    };
    ran();
    sandbox.checkpoint(&state).await.unwrap();
    assert_eq!(ran(), 6);
    sandbox.checkpoint(&state).await.unwrap();
    assert_eq!(ran(), 1, "it is kept already");
    sandbox.commit("work").await.unwrap();
    let committed = sandbox.snapshot().await.unwrap();
    ran();
    sandbox.checkpoint(&committed).await.unwrap();
    assert_eq!(ran(), 6);
}
