//! Checkouts after a hostile agent was in them: what it planted finds no secrets and never runs outside.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use awo_engine::ports::{Sandbox, SandboxProvider as _};
use awo_models::FailureCode;
use awo_testkit::repository::FixtureRepository;

use crate::workspace::{Setting, order};

const CANARY: &str = "s3cret-of-the-operator";

/// A setting whose operator has a secret, and a directory where planted programs leave their traces.
fn setting_with_secret() -> (Setting, tempfile::TempDir) {
    let setting = Setting::with(FixtureRepository::new(), |settings| {
        settings.host_environment = vec![("AWO_CANARY".into(), CANARY.into())];
    });
    (setting, tempfile::tempdir().unwrap())
}

/// A program that writes down its environment and where it ran, once per run.
fn plant(traces: &Path, name: &str) -> PathBuf {
    let program = traces.join(format!("{name}.sh"));
    let script = format!(
        "#!/bin/sh\nexport RAN_IN=\"$PWD\"\nenv > {}/{name}.$$.trace\ncat 2>/dev/null\nexit 0\n",
        traces.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

fn traces(directory: &Path) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "trace"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().split('.').next().unwrap().to_owned();
            (name, String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned())
        })
        .collect();
    found.sort();
    found
}

fn agents_git(directory: &Path, arguments: &[&str]) {
    let status = Command::new("git")
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{arguments:?}");
}

/// Everything that is known to make git run a program, set to programs that leave traces.
fn booby_trap(sandbox: &dyn Sandbox, traces: &Path) {
    let repo = sandbox.working_dir();
    for hook in [
        "pre-commit",
        "prepare-commit-msg",
        "commit-msg",
        "post-commit",
        "post-checkout",
        "pre-push",
        "post-index-change",
        "reference-transaction",
        "post-update",
        "pre-receive",
        "update",
        "post-rewrite",
        "pre-auto-gc",
        "push-to-checkout",
    ] {
        let hooks = repo.join(".git/hooks");
        fs::create_dir_all(&hooks).unwrap();
        fs::copy(plant(traces, &format!("hook-{hook}")), hooks.join(hook)).unwrap();
    }
    for (key, name) in [
        ("core.fsmonitor", "fsmonitor"),
        ("core.sshCommand", "sshcommand"),
        ("core.askPass", "askpass"),
        ("core.editor", "editor"),
        ("core.pager", "pager"),
        ("core.alternateRefsCommand", "alternaterefs"),
        ("sequence.editor", "sequence"),
        ("gpg.program", "gpg"),
        ("diff.external", "external"),
        ("diff.evil.command", "diffdriver"),
        ("diff.evil.textconv", "textconv"),
        ("filter.evil.clean", "clean"),
        ("filter.evil.smudge", "smudge"),
        ("merge.evil.driver", "mergedriver"),
        ("credential.helper", "credential"),
        ("uploadpack.packObjectsHook", "packobjects"),
        ("remote.origin.uploadpack", "uploadpack"),
        ("remote.origin.receivepack", "receivepack"),
        ("trailer.x.command", "trailer"),
    ] {
        agents_git(repo, &["config", key, plant(traces, name).to_str().unwrap()]);
    }
    let alias = format!("!{}", plant(traces, "alias").display());
    let included = traces.join("included.config");
    fs::write(
        &included,
        format!(
            "[core]\n\tfsmonitor = {0}\n\thooksPath = {1}\n",
            plant(traces, "included").display(),
            repo.join(".git/hooks").display()
        ),
    )
    .unwrap();
    for (key, value) in [
        ("core.hooksPath", repo.join(".git/hooks").to_str().unwrap()),
        ("commit.gpgSign", "true"),
        ("tag.gpgSign", "true"),
        ("alias.commit", &alias),
        ("alias.snapshot", &alias),
        ("include.path", included.to_str().unwrap()),
        ("core.worktree", "/etc"),
        ("core.fileMode", "false"),
        ("url.ext::sh.insteadOf", "/"),
        ("remote.origin.url", "ext::sh -c id"),
    ] {
        agents_git(repo, &["config", key, value]);
    }
    fs::write(repo.join(".gitattributes"), "* filter=evil diff=evil merge=evil\n").unwrap();
    fs::create_dir_all(repo.join(".git/info")).unwrap();
    fs::write(repo.join(".git/info/attributes"), "* filter=evil diff=evil merge=evil\n").unwrap();
}

#[tokio::test]
async fn what_the_agent_planted_finds_no_secrets_and_never_runs_on_the_host_side() {
    let (setting, place) = setting_with_secret();
    let sandbox = setting.prepare(1).await;
    let before = sandbox.snapshot().await.unwrap();
    booby_trap(&*sandbox, place.path());
    let nested = sandbox.working_dir().join("nested");
    fs::create_dir(&nested).unwrap();
    agents_git(&nested, &["init", "--quiet"]);
    agents_git(
        &nested,
        &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--allow-empty", "-m", "x"],
    );
    agents_git(&nested, &["config", "core.fsmonitor", plant(place.path(), "nested").to_str().unwrap()]);
    fs::write(nested.join("file"), "1").unwrap();
    fs::write(sandbox.working_dir().join("work"), "done\n").unwrap();

    let after = sandbox.snapshot().await.unwrap();
    let stat = sandbox.compare(&before, &after).await.unwrap();
    assert!(stat.files.iter().any(|file| &**file == "work"), "{stat:?}");
    sandbox.patch(&before, &after).await.unwrap();
    let now = sandbox.snapshot().await.unwrap();
    sandbox.restore(&now).await.unwrap();
    let branch = sandbox.create_branch("work").await.unwrap();
    assert_eq!(sandbox.commit("work").await, Ok(true));
    sandbox.push(&branch).await.unwrap();
    assert_eq!(setting.remote.file_at("work", "work").as_deref(), Some("done\n"));
    assert_eq!(setting.remote.git(["show", "-s", "--format=%G?", "work"]), "N\n");

    let traces = traces(place.path());
    let mut ran: Vec<&str> = traces.iter().map(|(name, _)| &**name).collect();
    ran.dedup();
    // Names of filters are the agent's choice, so no setting of ours can switch them off. Nothing else ran.
    assert_eq!(ran, ["clean", "smudge"]);
    let home = setting.directory(1).join("home");
    for (name, environment) in &traces {
        assert!(!environment.contains(CANARY), "{name} found the operator's secret");
        let line = |start: &str| environment.lines().find_map(|line| line.strip_prefix(start));
        assert_eq!(line("HOME="), home.to_str(), "{name}");
        assert_eq!(line("RAN_IN="), sandbox.working_dir().to_str(), "{name} ran elsewhere");
    }
}

#[tokio::test]
async fn keeping_a_state_and_making_it_anew_run_nothing_that_the_agent_planted() {
    let (setting, place) = setting_with_secret();
    let sandbox = setting.prepare(1).await;
    let root = sandbox.working_dir();
    booby_trap(&*sandbox, place.path());
    for (key, value) in
        [("i18n.commitEncoding", "latin1"), ("pack.packSizeLimit", "1"), ("extensions.partialClone", "x")]
    {
        agents_git(root, &["config", key, value]);
    }
    agents_git(root, &["config", "remote.x.url", &format!("ext::{}", plant(place.path(), "promisor").display())]);
    agents_git(root, &["config", "remote.x.uploadpack", plant(place.path(), "promisorpack").to_str().unwrap()]);
    agents_git(root, &["config", "remote.x.promisor", "true"]);
    fs::write(root.join("work"), "done\n").unwrap();
    let left = sandbox.snapshot().await.unwrap();
    let ran = || {
        let names: Vec<String> = traces(place.path()).into_iter().map(|(name, _)| name).collect();
        for entry in fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.extension().is_some_and(|extension| extension == "trace") {
                fs::remove_file(entry).unwrap();
            }
        }
        names
    };
    assert!(!ran().is_empty(), "the traps work");
    sandbox.checkpoint(&left).await.unwrap();
    assert_eq!(ran(), Vec::<String>::new());

    // Its objects thrown away, so that they have to be brought back into the trapped checkout. What was cloned is a pack.
    let objects = root.join(".git/objects");
    for entry in fs::read_dir(&objects).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.file_name().unwrap().len() == 2 {
            fs::remove_dir_all(entry).unwrap();
        }
    }
    fs::remove_file(setting.directory(1).join("home/snapshot.index")).unwrap();
    fs::remove_file(root.join("work")).unwrap();
    sandbox.restore(&left).await.unwrap();
    assert_eq!(fs::read_to_string(root.join("work")).unwrap(), "done\n");
    assert!(traces(place.path()).iter().all(|(_, environment)| !environment.contains(CANARY)));
    // As in every snapshot: filters run, inside and without secrets.
    assert!(ran().iter().all(|name| name == "clean" || name == "smudge"));

    fs::remove_dir_all(&objects).unwrap();
    fs::create_dir(&objects).unwrap();
    let standing = setting.provider.examine(&setting.request(1), &left).await.unwrap();
    assert_eq!(standing, awo_engine::ports::Standing::Rebuildable);
    ran();
    let again = setting.provider.rebuild(&setting.request(1), &left).await.unwrap();
    assert_eq!(again.snapshot().await.unwrap(), left);
    assert_eq!(fs::read_to_string(again.working_dir().join("work")).unwrap(), "done\n");
    assert_eq!(ran(), Vec::<String>::new());
}

#[tokio::test]
async fn evil_or_huge_states_are_not_kept() {
    let setting = Setting::with(FixtureRepository::new(), |settings| settings.max_export_bytes = 10_000);
    let sandbox = setting.prepare(1).await;
    let root = sandbox.working_dir();
    let clean = sandbox.snapshot().await.unwrap();
    let script = "blob=$(echo x | git hash-object -w --stdin)
        inner=$(printf '100644 blob %s\\tconfig\\n' $blob | git mktree)
        printf '040000 tree %s\\t.git\\n' $inner | git mktree";
    let output = Command::new("/bin/sh").args(["-ec", script]).current_dir(root).output().unwrap();
    let tree = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let evil = awo_models::WorkspaceSnapshot { tree: tree.into(), ..clean };
    let failure = sandbox.checkpoint(&evil).await.unwrap_err();
    assert!(failure.message.contains("hasDotgit"), "{failure}");
    let noise: Vec<u8> = (0..60_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    fs::write(root.join("noise"), noise).unwrap();
    let failure = sandbox.checkpoint(&sandbox.snapshot().await.unwrap()).await.unwrap_err();
    assert!(failure.message.contains("more than the 10000 allowed"), "{failure}");
    let refs = fs::read_dir(setting.mirror(1).join("refs")).unwrap();
    assert!(refs.into_iter().all(|entry| entry.unwrap().file_name() != "awo"), "nothing was kept");
}

#[tokio::test]
async fn the_operators_variables_do_reach_host_git() {
    // Without this, the test above would pass if nobody got the secret.
    let traces_at = tempfile::tempdir().unwrap();
    let remote = FixtureRepository::new();
    let hook = remote.path().join("hooks/pre-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::copy(plant(traces_at.path(), "server"), hook).unwrap();
    let setting = Setting::with(remote, |settings| {
        settings.host_environment = vec![("AWO_CANARY".into(), CANARY.into())];
    });
    let sandbox = setting.prepare(1).await;
    sandbox.create_branch("b").await.unwrap();
    sandbox.push("b").await.unwrap();
    let traces = traces(traces_at.path());
    assert_eq!(traces.len(), 1);
    assert!(traces[0].1.contains(CANARY));
}

#[tokio::test]
async fn a_broken_nested_repository_and_odd_files_do_not_hide_the_rest() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    let root = sandbox.working_dir();
    let before = sandbox.snapshot().await.unwrap();
    fs::create_dir(root.join("empty-repository")).unwrap();
    agents_git(&root.join("empty-repository"), &["init", "--quiet"]);
    fs::create_dir_all(root.join("broken/.git")).unwrap();
    fs::write(root.join("broken/file"), "1").unwrap();
    fs::write(root.join("-dash"), "1").unwrap();
    fs::write(root.join("new\nline"), "1").unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, root.join("pipe"), rustix::fs::Mode::RWXU).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", root.join("link")).unwrap();
    fs::write(root.join("work"), "1").unwrap();
    // Flags that would hide a change from anybody who trusts the agent's index.
    agents_git(root, &["update-index", "--assume-unchanged", "README.md"]);
    agents_git(root, &["update-index", "--skip-worktree", "docs/usage.md"]);
    fs::write(root.join("README.md"), "changed\n").unwrap();
    fs::write(root.join("docs/usage.md"), "changed\n").unwrap();

    let after = sandbox.snapshot().await.unwrap();
    let stat = sandbox.compare(&before, &after).await.unwrap();
    let files: Vec<&str> = stat.files.iter().map(|file| &**file).collect();
    for expected in ["work", "-dash", "new\nline", "link", "README.md", "docs/usage.md"] {
        assert!(files.contains(&expected), "{expected:?} is not in {files:?}");
    }

    // A commit without a file that is there would pass for the whole work.
    let failure = sandbox.commit("work").await.unwrap_err();
    assert_eq!(failure.code, FailureCode::WorkspaceFailed);
    assert!(failure.message.contains("\"empty-repository/\" could not be added"), "{failure}");
    assert_eq!(sandbox.snapshot().await.unwrap().head, before.head);
    fs::remove_dir_all(root.join("empty-repository")).unwrap();
    assert_eq!(sandbox.commit("work").await, Ok(true));
}

#[tokio::test]
async fn a_git_directory_that_leads_elsewhere_is_refused() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    let git = sandbox.working_dir().join(".git");
    fs::remove_dir_all(&git).unwrap();
    fs::write(&git, format!("gitdir: {}\n", setting.mirror(1).display())).unwrap();
    let failure = sandbox.snapshot().await.unwrap_err();
    assert_eq!(failure.code, FailureCode::WorkspaceFailed);
    assert_eq!(sandbox.commit("x").await.unwrap_err(), failure);
    fs::remove_file(&git).unwrap();
    std::os::unix::fs::symlink(setting.mirror(1), &git).unwrap();
    assert_eq!(sandbox.push("main").await.unwrap_err(), failure);
}

#[tokio::test]
async fn evil_objects_do_not_get_into_the_bare_clone() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    let root = sandbox.working_dir();
    sandbox.create_branch("b").await.unwrap();
    // A tree with an entry `.git`: whoever checks it out gets a planted git directory.
    let script = "blob=$(echo x | git hash-object -w --stdin)
        inner=$(printf '100644 blob %s\\tconfig\\n' $blob | git mktree)
        outer=$(printf '040000 tree %s\\t.git\\n' $inner | git mktree)
        commit=$(git -c user.name=a -c user.email=a@b commit-tree -p HEAD -m evil $outer)
        git update-ref refs/heads/b $commit";
    let status = Command::new("/bin/sh").args(["-ec", script]).current_dir(root).stdin(Stdio::null()).status().unwrap();
    assert!(status.success());
    let failure = sandbox.push("b").await.unwrap_err();
    assert_eq!(failure.code, FailureCode::WorkspaceFailed);
    assert!(failure.message.contains("hasDotgit"), "{failure}");
    assert_eq!(setting.remote.branches(), ["main"]);
}

#[tokio::test]
async fn more_than_may_leave_the_checkout_is_refused() {
    let setting = Setting::with(FixtureRepository::new(), |settings| settings.max_export_bytes = 10_000);
    let sandbox = setting.prepare(1).await;
    sandbox.create_branch("b").await.unwrap();
    let noise: Vec<u8> = (0..60_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    fs::write(sandbox.working_dir().join("noise"), noise).unwrap();
    sandbox.commit("noise").await.unwrap();
    let failure = sandbox.push("b").await.unwrap_err();
    assert_eq!(failure.code, FailureCode::WorkspaceFailed);
    assert!(failure.message.contains("more than the 10000 allowed"), "{failure}");
}

#[tokio::test]
async fn removal_follows_no_links_and_minds_no_permissions() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("precious"), "1").unwrap();
    let closed = sandbox.working_dir().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::write(closed.join("file"), "1").unwrap();
    std::os::unix::fs::symlink(outside.path(), closed.join("out")).unwrap();
    fs::set_permissions(closed, fs::Permissions::from_mode(0o500)).unwrap();
    setting.provider.remove(order(1)).await.unwrap();
    assert!(!setting.directory(1).exists());
    assert!(outside.path().join("precious").exists());
}

#[tokio::test]
async fn a_repository_around_awos_directory_has_no_say() {
    let setting = Setting::new(FixtureRepository::new());
    let around = setting.directory(1).parent().unwrap().parent().unwrap().to_owned();
    agents_git(&around, &["init", "--quiet"]);
    agents_git(&around, &["config", "url./nowhere/.insteadOf", "/"]);
    setting.prepare(1).await;
}

#[tokio::test]
async fn git_is_never_looked_for_in_the_checkout() {
    let place = tempfile::tempdir().unwrap();
    let setting = Setting::with(FixtureRepository::new(), |settings| {
        settings.search_path = ":.:bin:/usr/local/bin:/usr/bin:/bin:".into();
    });
    let sandbox = setting.prepare(1).await;
    let root = sandbox.working_dir();
    fs::create_dir(root.join("bin")).unwrap();
    for planted in ["git", "bin/git"] {
        fs::copy(plant(place.path(), "planted"), root.join(planted)).unwrap();
    }
    agents_git(root, &["config", "filter.evil.clean", plant(place.path(), "clean").to_str().unwrap()]);
    fs::write(root.join(".gitattributes"), "* filter=evil\n").unwrap();

    sandbox.snapshot().await.unwrap();
    sandbox.create_branch("b").await.unwrap();
    assert_eq!(sandbox.commit("work").await, Ok(true));
    sandbox.push("b").await.unwrap();

    let traces = traces(place.path());
    assert!(!traces.is_empty() && traces.iter().all(|(name, _)| name == "clean"), "the planted git did not run");
    // Git puts the directory of its own programs in front.
    let paths =
        traces.iter().filter_map(|(_, environment)| environment.lines().find_map(|it| it.strip_prefix("PATH=")));
    for path in paths {
        assert!(path.split(':').all(|directory| directory.starts_with('/')), "{path}");
        assert!(path.ends_with(":/usr/local/bin:/usr/bin:/bin"), "{path}");
    }
}
