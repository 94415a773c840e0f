//! Checkouts from end to end: made, changed, looked at, committed, pushed, found again, removed.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use awo_adapters::{AddressPolicy, Author, GitSandboxes, Processes, Redirect, Redirects, WorkspaceSettings};
use awo_engine::ports::{FileKind, Progress, Sandbox, SandboxProvider as _, SandboxRequest};
use awo_models::{Failure, FailureCode, Isolation, Network, OrderId, SandboxType};
use awo_testkit::repository::FixtureRepository;

/// A provider in a directory of its own, and a remote.
pub(crate) struct Setting {
    place: tempfile::TempDir,
    pub(crate) remote: FixtureRepository,
    pub(crate) provider: GitSandboxes,
}

impl Setting {
    pub(crate) fn new(remote: FixtureRepository) -> Self {
        Self::with(remote, |_| {})
    }

    pub(crate) fn with(remote: FixtureRepository, change: impl FnOnce(&mut WorkspaceSettings)) -> Self {
        let place = tempfile::tempdir().unwrap();
        let processes = Arc::new(Processes::of(place.path(), None));
        let author = Author { name: "awo".into(), email: "awo@example.org".into() };
        // A space, as people have them in the names of their directories.
        let (root, mirrors) = (place.path().join("work spaces"), place.path().join("mirr ors"));
        let mut settings = WorkspaceSettings::new(root, mirrors, processes, author);
        settings.policy.allow_local = true;
        change(&mut settings);
        Self { provider: GitSandboxes::new(settings), place, remote }
    }

    pub(crate) fn request(&self, n: u8) -> SandboxRequest {
        SandboxRequest {
            order: order(n),
            repository_url: self.remote.url().into(),
            sandbox_type: SandboxType::GitWorktree,
            base_branch: None,
            isolation: Isolation::Auto,
            network: Network::Host,
            progress: Progress::default(),
        }
    }

    pub(crate) fn directory(&self, n: u8) -> PathBuf {
        self.place.path().join("work spaces").join(order(n).to_string())
    }

    pub(crate) fn mirror(&self, n: u8) -> PathBuf {
        self.place.path().join("mirr ors").join(format!("{}.git", order(n)))
    }

    pub(crate) async fn prepare(&self, n: u8) -> Arc<dyn Sandbox> {
        self.provider.prepare(&self.request(n)).await.unwrap()
    }

    async fn refused(&self, request: &SandboxRequest) -> Failure {
        let failure = self.provider.prepare(request).await.unwrap_err();
        assert!(!self.directory(1).exists() && !self.mirror(1).exists(), "a failed attempt leaves nothing");
        failure
    }
}

pub(crate) fn order(n: u8) -> OrderId {
    OrderId::new(1_700_000_000_000, [n; 10])
}

pub(crate) fn write(sandbox: &dyn Sandbox, path: &str, text: &str) {
    let path = sandbox.working_dir().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[tokio::test]
async fn work_gets_from_the_remote_to_the_agent_and_back() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    assert_eq!(sandbox.base_branch(), "main");
    assert_eq!(sandbox.base_commit(), setting.remote.head("main"));
    assert_eq!(sandbox.isolation(), Isolation::None);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&setting.directory(1)), 0o700);

    let before = sandbox.snapshot().await.unwrap();
    assert_eq!(before, sandbox.snapshot().await.unwrap());
    assert_eq!(before.branch.as_deref(), Some("main"));

    write(&*sandbox, "README.md", "# Greeting\n\nSays hello and goodbye.\n");
    write(&*sandbox, "src/new file.rs", "one\ntwo\n");
    write(&*sandbox, "ignored.log", "noise\n");
    write(&*sandbox, "run.sh", "#!/bin/sh\n");
    let script = sandbox.working_dir().join("run.sh");
    fs::set_permissions(script, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(sandbox.working_dir().join("blob"), [0, 1, 2]).unwrap();
    fs::remove_file(sandbox.working_dir().join("docs/usage.md")).unwrap();

    let after = sandbox.snapshot().await.unwrap();
    let stat = sandbox.compare(&before, &after).await.unwrap();
    let files: Vec<&str> = stat.files.iter().map(|file| &**file).collect();
    assert_eq!(files, ["README.md", "blob", "docs/usage.md", "run.sh", "src/new file.rs"]);
    assert_eq!((stat.commits, stat.lines_added, stat.lines_removed), (0, 4, 2));
    let patch = String::from_utf8(sandbox.patch(&before, &after).await.unwrap()).unwrap();
    insta::assert_snapshot!(patch);

    let branch = sandbox.create_branch("feat-greeting").await.unwrap();
    assert_eq!(&*branch, "feat-greeting");
    assert_eq!(sandbox.snapshot().await.unwrap().tree, after.tree, "a new branch keeps changes");
    assert_eq!(sandbox.commit("say goodbye\n\nand mean it").await, Ok(true));
    assert_eq!(sandbox.commit("again").await, Ok(false));
    let committed = sandbox.snapshot().await.unwrap();
    assert_eq!(committed.tree, after.tree);
    assert_eq!(committed.branch.as_deref(), Some("feat-greeting"));
    assert_eq!(sandbox.compare(&before, &committed).await.unwrap().commits, 1);

    let push = sandbox.push("feat-greeting").await.unwrap();
    assert_eq!(push.commit, committed.head);
    let remote = &setting.remote;
    assert_eq!(remote.head("feat-greeting"), &*committed.head);
    assert_eq!(remote.log("feat-greeting"), ["say goodbye", "first commit"]);
    assert_eq!(remote.file_at("feat-greeting", "src/new file.rs").as_deref(), Some("one\ntwo\n"));
    assert_eq!(remote.file_at("feat-greeting", "docs/usage.md"), None);
    assert_eq!(remote.log("main"), ["first commit"]);
    let author = remote.git(["log", "-1", "--format=%an <%ae> %cn <%ce>", "feat-greeting"]);
    assert_eq!(author, "awo <awo@example.org> awo <awo@example.org>\n");

    setting.provider.remove(order(1)).await.unwrap();
    assert!(!setting.directory(1).exists() && !setting.mirror(1).exists());
    setting.provider.remove(order(1)).await.unwrap();
}

#[tokio::test]
async fn the_remotes_default_branch_is_the_base_unless_another_is_asked() {
    let setting = Setting::new(FixtureRepository::with_default_branch("trunk"));
    setting.remote.commit("next", "ahead", &[("ahead", "1")]);
    assert_eq!(setting.prepare(1).await.base_branch(), "trunk");
    let request = SandboxRequest { base_branch: Some("next".into()), ..setting.request(2) };
    let sandbox = setting.provider.prepare(&request).await.unwrap();
    assert_eq!((sandbox.base_branch(), sandbox.base_commit()), ("next", &*setting.remote.head("next")));
    assert!(sandbox.working_dir().join("ahead").exists());
}

#[tokio::test]
async fn what_cannot_be_checked_out_is_refused_with_the_cure() {
    let setting = Setting::new(FixtureRepository::new());
    let with_base = |base: &str| SandboxRequest { base_branch: Some(base.into()), ..setting.request(1) };
    let nowhere = SandboxRequest { repository_url: "/nowhere/at all".into(), ..setting.request(1) };
    let mut told = Vec::new();
    for request in [with_base("maine"), with_base("--upload-pack=id"), nowhere] {
        told.push(setting.refused(&request).await.to_string());
    }
    let empty = Setting::new(FixtureRepository::empty());
    told.push(empty.refused(&empty.request(1)).await.to_string());
    let told = told.join("\n").replace(&setting.remote.url(), "REMOTE").replace(&empty.remote.url(), "EMPTY");
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn an_address_is_judged_as_text() {
    let setting = Setting::with(FixtureRepository::new(), |settings| {
        settings.policy = AddressPolicy::default();
    });
    for bad in [setting.remote.url().as_str(), "--help", "ext::sh -c id", "https://u:p@host/a"] {
        assert!(setting.provider.check_address(bad).is_err(), "{bad}");
        let request = SandboxRequest { repository_url: bad.into(), ..setting.request(1) };
        assert_eq!(setting.refused(&request).await.code, FailureCode::WorkspaceFailed);
    }
    assert_eq!(setting.provider.check_address("https://github.com/owner/repo"), Ok(()));
}

#[tokio::test]
async fn a_redirect_leads_to_a_place_that_callers_may_not_name() {
    let remote = FixtureRepository::new();
    let to = remote.url();
    let setting = Setting::with(remote, |settings| {
        settings.policy = AddressPolicy::default();
        settings.redirects = Redirects::new(vec![Redirect { from: "https://github.com/owner/repo".into(), to }]);
    });
    let request = SandboxRequest { repository_url: "https://github.com/owner/repo".into(), ..setting.request(1) };
    let sandbox = setting.provider.prepare(&request).await.unwrap();
    write(&*sandbox, "new", "1");
    sandbox.create_branch("b").await.unwrap();
    sandbox.commit("m").await.unwrap();
    sandbox.push("b").await.unwrap();
    assert_eq!(setting.remote.branches(), ["b", "main"]);
}

#[tokio::test]
async fn a_taken_branch_name_gets_a_number() {
    let setting = Setting::new(FixtureRepository::new());
    setting.remote.commit("fix", "theirs", &[("theirs", "1")]);
    let sandbox = setting.prepare(1).await;
    assert_eq!(&*sandbox.create_branch("fix").await.unwrap(), "fix-2");
    assert_eq!(&*sandbox.create_branch("fix").await.unwrap(), "fix-3");
    assert_eq!(&*sandbox.create_branch("main").await.unwrap(), "main-2");
    for bad in ["-b", "a..b", "a b", "x.lock", "a@{0}", "", "HEAD"] {
        let failure = sandbox.create_branch(bad).await.unwrap_err();
        assert_eq!(failure.code, FailureCode::WorkspaceFailed, "{bad}");
    }
}

#[tokio::test]
async fn pushing_again_is_fine_and_more_work_follows() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    sandbox.create_branch("b").await.unwrap();
    write(&*sandbox, "new", "1");
    sandbox.commit("one").await.unwrap();
    let first = sandbox.push("b").await.unwrap();
    assert_eq!(sandbox.push("b").await.unwrap(), first);
    write(&*sandbox, "new", "2");
    sandbox.commit("two").await.unwrap();
    let second = sandbox.push("b").await.unwrap();
    assert_ne!(first.commit, second.commit);
    assert_eq!(setting.remote.log("b"), ["two", "one", "first commit"]);
}

#[tokio::test]
async fn somebody_elses_commits_are_not_overwritten() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    sandbox.create_branch("b").await.unwrap();
    write(&*sandbox, "new", "1");
    sandbox.commit("one").await.unwrap();
    sandbox.push("b").await.unwrap();
    let theirs = setting.remote.commit("b", "theirs", &[("theirs", "1")]);
    write(&*sandbox, "new", "2");
    sandbox.commit("two").await.unwrap();
    let failure = sandbox.push("b").await.unwrap_err();
    assert_eq!(failure.code, FailureCode::ForgeFailed);
    assert!(failure.message.contains(&theirs), "{failure}");
    assert_eq!(setting.remote.head("b"), theirs);
}

#[tokio::test]
async fn a_remote_that_refuses_is_a_failure_of_the_forge() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    let hook = setting.remote.path().join("hooks/pre-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\necho 'protected by policy' >&2\nexit 1\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.create_branch("b").await.unwrap();
    let failure = sandbox.push("b").await.unwrap_err();
    assert_eq!(failure.code, FailureCode::ForgeFailed);
    assert!(failure.message.contains("protected by policy"), "{failure}");
}

#[tokio::test]
async fn only_what_is_checked_out_is_pushed() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    sandbox.create_branch("b").await.unwrap();
    sandbox.create_branch("c").await.unwrap();
    write(&*sandbox, "new", "1");
    sandbox.commit("one").await.unwrap();
    for branch in ["b", "unknown"] {
        assert_eq!(sandbox.push(branch).await.unwrap_err().code, FailureCode::WorkspaceFailed);
    }
    assert_eq!(setting.remote.branches(), ["main"]);
}

#[tokio::test]
async fn a_checkout_is_found_again_with_its_work() {
    let setting = Setting::new(FixtureRepository::new());
    let request = setting.request(1);
    assert!(setting.provider.reopen(&request).await.unwrap().is_none());
    let sandbox = setting.prepare(1).await;
    write(&*sandbox, "new", "1");
    let before = sandbox.snapshot().await.unwrap();
    drop(sandbox);

    let again = setting.provider.reopen(&request).await.unwrap().unwrap();
    assert_eq!(again.snapshot().await.unwrap(), before);
    assert_eq!(again.base_branch(), "main");
    assert_eq!(again.base_commit(), setting.remote.head("main"));

    // As if this program had been killed before the checkout was whole.
    fs::remove_file(setting.directory(1).join("workspace.json")).unwrap();
    assert!(setting.provider.reopen(&request).await.unwrap().is_none());
    let fresh = setting.prepare(1).await;
    assert!(!fresh.working_dir().join("new").exists());
}

#[tokio::test]
async fn two_orders_work_on_one_remote_at_once() {
    let setting = Setting::new(FixtureRepository::new());
    let work = async |n: u8| {
        let sandbox = setting.prepare(n).await;
        write(&*sandbox, &format!("file-{n}"), "1");
        let branch = sandbox.create_branch(&format!("branch-{n}")).await.unwrap();
        sandbox.commit("work").await.unwrap();
        sandbox.push(&branch).await.unwrap();
    };
    futures::join!(work(1), work(2), work(3));
    assert_eq!(setting.remote.branches(), ["branch-1", "branch-2", "branch-3", "main"]);
    assert_eq!(setting.remote.file_at("branch-2", "file-3"), None);
}

#[tokio::test]
async fn a_path_is_looked_at_without_following_links() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    let root = sandbox.working_dir();
    symlink("/etc/passwd", root.join("plan.md")).unwrap();
    symlink("/etc", root.join("specs")).unwrap();
    symlink("docs", root.join("inner")).unwrap();
    for (path, expected) in [
        ("README.md", FileKind::File(fs::metadata(root.join("README.md")).unwrap().len())),
        ("./docs/usage.md", FileKind::File(17)),
        ("docs", FileKind::Other),
        ("", FileKind::Other),
        ("docs/none.md", FileKind::Missing),
        ("README.md/below", FileKind::Missing),
        ("plan.md", FileKind::Outside),
        ("specs/passwd", FileKind::Outside),
        ("inner/usage.md", FileKind::Outside),
        ("../repo/README.md", FileKind::Outside),
        ("/etc/passwd", FileKind::Outside),
        (".git/config", FileKind::Outside),
        (".GIT/config", FileKind::Outside),
        ("a\0b", FileKind::Outside),
    ] {
        assert_eq!(sandbox.inspect(path).await, Ok(expected), "{path:?}");
    }
}

#[tokio::test]
async fn a_long_patch_is_cut_at_a_line() {
    let setting = Setting::with(FixtureRepository::new(), |settings| settings.max_patch_bytes = 200);
    let sandbox = setting.prepare(1).await;
    let before = sandbox.snapshot().await.unwrap();
    write(&*sandbox, "long", &"a line of text\n".repeat(10_000));
    let after = sandbox.snapshot().await.unwrap();
    let patch = String::from_utf8(sandbox.patch(&before, &after).await.unwrap()).unwrap();
    assert!(patch.ends_with("a line of text\n# the rest is left out: the patch is longer than 200 bytes\n"), "{patch}");
}

#[tokio::test]
async fn a_checkout_becomes_again_what_it_was() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    let dir = sandbox.working_dir().to_owned();
    std::fs::create_dir_all(dir.join("specs")).unwrap();
    std::fs::write(dir.join("specs/plan.md"), "# Plan\n").unwrap();
    let planned = sandbox.snapshot().await.unwrap();
    sandbox.create_branch("feat-x").await.unwrap();
    assert_eq!(&*sandbox.create_branch("feat-x").await.unwrap(), "feat-x", "the same one, at HEAD already");
    let branched = sandbox.snapshot().await.unwrap();

    // An attempt that was cut: changed, removed and new files, a commit, another branch, a directory in the way.
    std::fs::write(dir.join("README.md"), "overwritten\n").unwrap();
    std::fs::remove_file(dir.join("specs/plan.md")).unwrap();
    std::fs::create_dir_all(dir.join("specs/plan.md/in/the/way")).unwrap();
    std::fs::write(dir.join("new.txt"), "new\n").unwrap();
    sandbox.commit("half done").await.unwrap();
    std::fs::write(dir.join("newer.txt"), "newer\n").unwrap();
    sandbox.create_branch("feat-y").await.unwrap();

    sandbox.restore(&branched).await.unwrap();
    assert_eq!(sandbox.snapshot().await.unwrap(), branched);
    assert_eq!(std::fs::read_to_string(dir.join("specs/plan.md")).unwrap(), "# Plan\n");
    assert!(!dir.join("new.txt").exists() && !dir.join("newer.txt").exists());
    sandbox.restore(&planned).await.unwrap();
    assert_eq!(sandbox.snapshot().await.unwrap(), planned);

    let unknown = awo_models::WorkspaceSnapshot { tree: "0".repeat(40).into(), ..planned.clone() };
    assert!(sandbox.restore(&unknown).await.is_err());
    assert_eq!(sandbox.snapshot().await.unwrap(), planned, "a restore that cannot be done does nothing");
}

#[tokio::test]
async fn no_order_begins_on_a_disk_that_is_nearly_full() {
    let setting = Setting::with(FixtureRepository::new(), |settings| settings.min_free_bytes = u64::MAX);
    let failure = setting.refused(&setting.request(1)).await;
    assert_eq!(failure.code, FailureCode::WorkspaceFailed);
    assert!(failure.message.contains("min_free_bytes"), "{failure}");
}
