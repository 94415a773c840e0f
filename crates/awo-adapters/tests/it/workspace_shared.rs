//! The mirror that orders of one repository share: fetched once, locked, lost, broken, and what git puts into it.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::fs;
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use awo_engine::ports::{SandboxProvider as _, SandboxRequest, Standing};
use awo_models::{FailureCode, SandboxType};
use awo_testkit::repository::FixtureRepository;
use futures::future::join_all;

use crate::workspace::{Setting, order, write};
use crate::workspace_checkpoints::{Breakage, examine, git, rebuild};

/// The mirror of the setting's remote, which is the only one.
fn mirror(setting: &Setting) -> PathBuf {
    let entries = fs::read_dir(setting.mirror(1).parent().unwrap().join("shared")).unwrap();
    let mut mirrors = entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().unwrap() == "git");
    let mirror = mirrors.next().unwrap();
    assert_eq!(mirrors.next(), None);
    mirror
}

/// A git that writes down what it is asked.
fn counting(place: &Path) -> (PathBuf, PathBuf) {
    let (program, log) = (place.join("git"), place.join("log"));
    let script = format!("#!/bin/sh\necho \"$@\" >> '{}'\nexec git \"$@\"\n", log.display());
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    (program, log)
}

fn fetches(log: &Path) -> usize {
    let asked = fs::read_to_string(log).unwrap();
    fs::write(log, "").unwrap();
    asked.lines().filter(|line| line.contains(" fetch ")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_begin_at_once_fetch_each_repository_once() {
    const ORDERS: u8 = 40;
    let place = tempfile::tempdir().unwrap();
    let (program, log) = counting(place.path());
    let setting = Setting::with(FixtureRepository::new(), |settings| settings.git = program);
    let others: Vec<_> = (0..9).map(|_| FixtureRepository::new()).collect();
    let remotes: Vec<_> = std::iter::once(&setting.remote).chain(&others).collect();
    for repositories in [1, 10] {
        let begun = join_all((1..=ORDERS).map(|n| {
            let remote = remotes[usize::from(n) % repositories];
            let request = SandboxRequest { repository_url: remote.url().into(), ..setting.request(n) };
            let provider = &setting.provider;
            async move {
                let sandbox = provider.prepare(&request).await.unwrap();
                assert_eq!(sandbox.base_commit(), remote.head("main"));
                if repositories == 1 {
                    write(&*sandbox, "new", &n.to_string());
                    sandbox.create_branch(&format!("work-{n}")).await.unwrap();
                    sandbox.commit("work").await.unwrap();
                    sandbox.push(&format!("work-{n}")).await.unwrap();
                }
            }
        }));
        begun.await;
        // The first of the ten had one already.
        assert_eq!(fetches(&log), if repositories == 1 { 1 } else { 9 });
    }
    assert_eq!(setting.remote.branches().len(), 1 + usize::from(ORDERS));
    setting.remote.commit("main", "later", &[("later", "1")]);
    setting.prepare(1).await;
    setting.prepare(2).await;
    assert_eq!(fetches(&log), 1, "what is new is fetched, once");
}

#[tokio::test]
async fn a_worktree_borrows_and_a_branch_has_all_of_its_own() {
    let setting = Setting::new(FixtureRepository::new());
    setting.remote.git(["tag", "v1", "main"]);
    setting.remote.commit("other", "theirs", &[("theirs", "1")]);
    setting.remote.git(["tag", "v2", "other"]);
    for (n, sandbox_type) in [(1, SandboxType::GitWorktree), (2, SandboxType::GitBranch)] {
        let request = SandboxRequest { sandbox_type, ..setting.request(n) };
        let sandbox = setting.provider.prepare(&request).await.unwrap();
        let root = sandbox.working_dir();
        let borrows = fs::read_to_string(root.join(".git/objects/info/alternates")).ok();
        let mirror = mirror(&setting).join("objects");
        let expected = (sandbox_type == SandboxType::GitWorktree).then(|| format!("{}\n", mirror.display()));
        assert_eq!(borrows, expected);
        assert_eq!(git(root, &["tag"]), "v1", "the tags of its history");
        assert_eq!(git(root, &["branch", "--all"]), "* main");
        assert_eq!((git(root, &["remote"]), git(root, &["status", "--short"])), Default::default());
        git(root, &["fsck", "--no-progress"]);
        write(&*sandbox, "new", "1");
        let left = sandbox.snapshot().await.unwrap();
        sandbox.checkpoint(&left).await.unwrap();
        fs::remove_dir_all(setting.directory(n)).unwrap();
        let again = setting.provider.rebuild(&request, &left).await.unwrap();
        assert_eq!(again.snapshot().await.unwrap(), left);
        assert_eq!(again.working_dir().join(".git/objects/info/alternates").exists(), expected.is_some());
    }
}

/// What may have become of a mirror, seen from its directory.
const BREAKAGES: [Breakage; 16] = [
    ("it is gone", |mirror| fs::remove_dir_all(mirror).unwrap()),
    ("all bare repositories are gone", |mirror| {
        fs::remove_dir_all(mirror.parent().unwrap().parent().unwrap()).unwrap();
    }),
    ("it was half removed", |mirror| {
        fs::remove_dir_all(mirror.join("objects")).unwrap();
        fs::remove_file(mirror.join("awo-mirror.json")).unwrap();
    }),
    ("it was half made", |mirror| {
        fs::rename(mirror, mirror.with_extension("git.new")).unwrap();
        fs::remove_file(mirror.with_extension("git.new").join("HEAD")).unwrap();
    }),
    ("a file is in its place", |mirror| {
        fs::remove_dir_all(mirror).unwrap();
        fs::write(mirror, "").unwrap();
    }),
    ("its head is gone", |mirror| fs::remove_file(mirror.join("HEAD")).unwrap()),
    ("its head is rubbish", |mirror| fs::write(mirror.join("HEAD"), "rubbish").unwrap()),
    ("its settings are rubbish", |mirror| fs::write(mirror.join("config"), "[rubbish").unwrap()),
    ("its objects are gone", |mirror| fs::remove_dir_all(mirror.join("objects")).unwrap()),
    ("its packs are gone", |mirror| {
        fs::remove_dir_all(mirror.join("objects/pack")).unwrap();
        fs::create_dir(mirror.join("objects/pack")).unwrap();
    }),
    ("its packs are spoilt", |mirror| {
        for pack in files(&mirror.join("objects/pack"), "pack") {
            let mut bytes = fs::read(&pack).unwrap();
            bytes[12..].iter_mut().for_each(|byte| *byte ^= 0x55);
            fs::remove_file(&pack).unwrap();
            fs::write(&pack, bytes).unwrap();
        }
    }),
    ("its indexes are cut", |mirror| {
        for index in files(&mirror.join("objects/pack"), "idx") {
            fs::remove_file(&index).unwrap();
            fs::write(&index, "").unwrap();
        }
    }),
    ("its refs are gone", |mirror| fs::remove_dir_all(mirror.join("refs")).unwrap()),
    ("a ref is rubbish", |mirror| fs::write(mirror.join("refs/awo/branches/main"), "rubbish\n").unwrap()),
    ("a ref names what is not there", |mirror| {
        fs::write(mirror.join("refs/awo/branches/main"), format!("{}\n", "1".repeat(40))).unwrap();
    }),
    ("a killed git left its locks and half a pack", |mirror| {
        for remains in ["refs/awo/branches/main.lock", "packed-refs.lock", "HEAD.lock", "objects/pack/tmp_pack_x"] {
            fs::write(mirror.join(remains), "").unwrap();
        }
    }),
];

fn files(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|it| it == ending)).collect()
}

#[tokio::test]
async fn the_next_order_finds_a_mirror_whatever_became_of_it() {
    let setting = Setting::new(FixtureRepository::new());
    setting.prepare(1).await;
    for (n, (what, break_it)) in BREAKAGES.into_iter().enumerate() {
        break_it(&mirror(&setting));
        let sandbox = setting.prepare(2).await;
        assert_eq!(sandbox.base_commit(), setting.remote.head("main"), "{what}");
        git(sandbox.working_dir(), &["fsck", "--no-progress"]);
        setting.remote.commit("main", "later", &[(&format!("later-{n}"), "1")]);
        let sandbox = setting.prepare(3).await;
        assert!(sandbox.working_dir().join(format!("later-{n}")).exists(), "{what}");
        let unfinished =
            files(&mirror(&setting).join("objects/pack"), "").len() + files(&mirror(&setting), "lock").len();
        assert_eq!(unfinished, 0, "{what}");
    }
}

#[tokio::test]
async fn an_order_at_work_goes_on_whatever_becomes_of_the_mirror() {
    for (what, break_it) in BREAKAGES {
        let setting = Setting::new(FixtureRepository::new());
        let sandbox = setting.prepare(1).await;
        let base = sandbox.base_commit().to_owned();
        sandbox.create_branch("feat-x").await.unwrap();
        write(&*sandbox, "new", "1\n");
        let left = sandbox.snapshot().await.unwrap();
        sandbox.checkpoint(&left).await.unwrap();
        write(&*sandbox, "since", "1\n");
        setting.remote.commit("main", "later", &[("later", "1")]);
        break_it(&mirror(&setting));

        // As an engine that finds its order again: what is there, or else anew.
        let request = setting.request(1);
        let reopened = setting.provider.reopen(&request).await.unwrap();
        let sandbox = match reopened {
            Some(sandbox) if sandbox.restore(&left).await.is_ok() => sandbox,
            _ => rebuild(&setting, &left).await,
        };
        assert_eq!(sandbox.snapshot().await.unwrap(), left, "{what}");
        assert_eq!(sandbox.base_commit(), base, "{what}");
        sandbox.commit("work").await.unwrap();
        sandbox.checkpoint(&sandbox.snapshot().await.unwrap()).await.unwrap();
        sandbox.push("feat-x").await.unwrap();
        assert_eq!(setting.remote.log("feat-x"), ["work", "first commit"], "{what}");
    }
}

#[tokio::test]
async fn a_mirror_that_goes_between_two_calls_is_there_for_the_second() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    let all = setting.mirror(1).parent().unwrap().to_owned();
    let lose = || fs::remove_dir_all(&all).unwrap();
    let before = sandbox.snapshot().await.unwrap();
    lose();
    sandbox.create_branch("feat-x").await.unwrap();
    lose();
    write(&*sandbox, "new", "1\n");
    let after = sandbox.snapshot().await.unwrap();
    lose();
    assert_eq!(sandbox.compare(&before, &after).await.unwrap().files.len(), 1);
    lose();
    assert!(!sandbox.patch(&before, &after).await.unwrap().is_empty());
    lose();
    sandbox.checkpoint(&after).await.unwrap();
    lose();
    sandbox.commit("work").await.unwrap();
    lose();
    let pushed = sandbox.push("feat-x").await.unwrap();
    assert_eq!(&*pushed.commit, setting.remote.head("feat-x"));
    lose();
    assert_eq!(sandbox.push("feat-x").await.unwrap(), pushed);
    let committed = sandbox.snapshot().await.unwrap();
    lose();
    sandbox.restore(&after).await.unwrap();
    sandbox.restore(&committed).await.unwrap();
    assert_eq!(sandbox.snapshot().await.unwrap(), committed);
}

#[tokio::test]
async fn work_that_only_the_checkout_has_outlives_the_mirror() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    write(&*sandbox, "new", "1\n");
    let left = sandbox.snapshot().await.unwrap();
    sandbox.checkpoint(&left).await.unwrap();
    write(&*sandbox, "ignored.log", "noise\n");
    fs::remove_dir_all(setting.mirror(1).parent().unwrap()).unwrap();
    assert_eq!(examine(&setting, &left).await, Standing::Lost, "no other machine is asked");
    // Whoever could not restore it asks for it anew. There is nothing that it could be made from but itself.
    let again = rebuild(&setting, &left).await;
    assert_eq!(again.snapshot().await.unwrap(), left);
    assert!(again.working_dir().join("ignored.log").exists());

    // The same with a mirror that is there and broken.
    fs::remove_dir_all(mirror(&setting).join("objects/pack")).unwrap();
    fs::create_dir(mirror(&setting).join("objects/pack")).unwrap();
    assert_eq!(rebuild(&setting, &left).await.snapshot().await.unwrap(), left);

    // With the remote away it is not lost, and the failure does not say so.
    fs::remove_dir_all(setting.mirror(1).parent().unwrap()).unwrap();
    let away = setting.remote.path().with_extension("away");
    fs::rename(setting.remote.path(), &away).unwrap();
    let failure = setting.provider.rebuild(&setting.request(1), &left).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::WorkspaceFailed, "{failure}");
    fs::rename(&away, setting.remote.path()).unwrap();
    assert_eq!(rebuild(&setting, &left).await.snapshot().await.unwrap(), left);
}

#[tokio::test]
async fn a_base_that_the_remote_gave_up_stays_in_the_mirror_and_is_asked_for_by_its_id() {
    let setting = Setting::new(FixtureRepository::new());
    setting.remote.commit("next", "theirs", &[("theirs", "1")]);
    let request = |n| SandboxRequest { base_branch: Some("next".into()), ..setting.request(n) };
    let sandbox = setting.provider.prepare(&request(1)).await.unwrap();
    let base = sandbox.base_commit().to_owned();
    // Rewritten, and a name that git cannot keep beside the one it had.
    setting.remote.git(["update-ref", "-d", "refs/heads/next"]);
    setting.remote.commit("next/part", "others", &[("others", "1")]);
    let other = SandboxRequest { base_branch: Some("next/part".into()), ..setting.request(2) };
    let other = setting.provider.prepare(&other).await.unwrap();
    assert!(other.working_dir().join("others").exists());
    git(sandbox.working_dir(), &["fsck", "--no-progress"]);
    setting.remote.git(["update-ref", "-d", "refs/heads/next/part"]);
    setting.remote.commit("next", "again", &[("again", "1")]);
    let third = setting.provider.prepare(&request(3)).await.unwrap();
    assert_ne!(third.base_commit(), base);

    fs::remove_dir_all(mirror(&setting)).unwrap();
    write(&*sandbox, "new", "1");
    let left = sandbox.snapshot().await.unwrap();
    sandbox.checkpoint(&left).await.unwrap();
    fs::remove_dir_all(setting.directory(1)).unwrap();
    let again = setting.provider.rebuild(&request(1), &left).await.unwrap();
    assert_eq!((again.base_commit(), again.snapshot().await.unwrap()), (&*base, left));
}

#[tokio::test]
async fn who_waits_too_long_for_the_lock_is_told() {
    let setting =
        Setting::with(FixtureRepository::new(), |settings| settings.network_deadline = Duration::from_secs(2));
    setting.prepare(1).await;
    setting.remote.commit("main", "later", &[("later", "1")]);
    let lock = mirror(&setting).with_extension("lock");
    let held = fs::File::open(&lock).unwrap();
    held.try_lock().unwrap();
    let failure = setting.provider.prepare(&setting.request(2)).await.unwrap_err();
    assert!(failure.message.contains("others changed it for 4 s"), "{failure}");
    setting.remote.git(["update-ref", "refs/heads/main", "main~1"]);
    setting.prepare(2).await; // nothing is to be changed, so nobody waits
    setting.remote.commit("main", "latest", &[("latest", "1")]);
    // Whoever has it in a directory that was moved away holds nobody up.
    fs::rename(lock.parent().unwrap(), lock.parent().unwrap().with_extension("moved")).unwrap();
    let sandbox = setting.prepare(3).await;
    assert!(sandbox.working_dir().join("latest").exists());
}

#[tokio::test]
async fn a_history_can_be_cut_and_work_goes_on_the_same() {
    let setting = Setting::with(FixtureRepository::new(), |settings| settings.depth = NonZeroU32::new(2));
    for n in 0..5 {
        setting.remote.commit("main", &format!("number {n}"), &[("number", &n.to_string())]);
    }
    for (n, sandbox_type) in [(1, SandboxType::GitWorktree), (2, SandboxType::GitBranch)] {
        setting.remote.commit("main", &format!("before {n}"), &[("before", &n.to_string())]);
        let request = SandboxRequest { sandbox_type, ..setting.request(n) };
        let sandbox = setting.provider.prepare(&request).await.unwrap();
        assert_eq!(git(sandbox.working_dir(), &["log", "--format=%s"]).lines().count(), 2);
        sandbox.create_branch(&format!("feat-{n}")).await.unwrap();
        write(&*sandbox, "new", "1\n");
        sandbox.commit("work").await.unwrap();
        let left = sandbox.snapshot().await.unwrap();
        sandbox.checkpoint(&left).await.unwrap();
        sandbox.push(&format!("feat-{n}")).await.unwrap();
        assert_eq!(setting.remote.log(&format!("feat-{n}")).len(), 7 + usize::from(n));
        for gone in [setting.directory(n), mirror(&setting)] {
            fs::remove_dir_all(gone).unwrap();
            let again = setting.provider.rebuild(&request, &left).await.unwrap();
            assert_eq!(again.snapshot().await.unwrap(), left);
        }
    }
}

#[tokio::test]
async fn many_packs_are_put_together_and_nothing_is_lost() {
    let setting = Setting::new(FixtureRepository::new());
    let first = setting.prepare(1).await;
    let base = first.base_commit().to_owned();
    for n in 0..25 {
        setting.remote.commit("main", "more", &[("number", &n.to_string())]);
        if n == 10 {
            setting.remote.git(["update-ref", "refs/heads/main", &base]); // what came until here is reached by no ref
        }
        setting.prepare(2).await;
    }
    assert!(files(&mirror(&setting).join("objects/pack"), "pack").len() < 20);
    git(first.working_dir(), &["fsck", "--no-progress"]);
    assert_eq!(setting.provider.orders().await.unwrap(), [order(1), order(2)]);
}
