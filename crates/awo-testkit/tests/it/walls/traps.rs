//! What an agent leaves in a checkout so that git runs it: traps that spring for whoever uses git there, and for awo only
//! within walls.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use awo_adapters::WallKind;
use awo_models::{FailureCode, Network};
use awo_testkit::programs;
use rstest::rstest;

use super::{KEY, Prison, answer};

/// Each trap of `plants-traps.sh`, and a use of git that it springs at.
const TRAPS: &[(&str, &str)] = &[
    ("hook-pre-commit", "git commit --allow-empty -m x"),
    ("hook-prepare-commit-msg", "git commit --allow-empty -m x"),
    ("hook-commit-msg", "git commit --allow-empty -m x"),
    ("hook-post-commit", "git commit --allow-empty -m x"),
    ("hook-post-checkout", "git checkout -f other"),
    ("hook-pre-push", "git push file://$PWD HEAD:x"),
    ("hook-post-index-change", "git add work"),
    ("hook-reference-transaction", "git branch x"),
    ("hook-post-update", "git push file://$PWD HEAD:x"),
    ("hook-pre-receive", "git push file://$PWD HEAD:x"),
    ("hook-update", "git push file://$PWD HEAD:x"),
    ("hook-post-rewrite", "git commit --amend -m x"),
    (
        "hook-pre-auto-gc",
        "git repack -q; git commit --allow-empty -m x; git repack -q; git -c gc.autoPackLimit=1 gc --auto",
    ),
    (
        "hook-push-to-checkout",
        "git config receive.denyCurrentBranch updateInstead; git push -f file://$PWD HEAD~1:main",
    ),
    ("fsmonitor", "git status"),
    ("included", "git status"),
    ("ssh", "git fetch ssh://nowhere.invalid/x"),
    ("askpass", r"printf 'protocol=https\nhost=x\n' | git credential fill"),
    ("credential", r"printf 'protocol=https\nhost=x\n' | git credential fill"),
    ("editor", "git commit --allow-empty"),
    ("pager", "git grep -O a"),
    ("alternates", "git push file://$PWD HEAD:x"),
    ("gitproxy", "git fetch git://nowhere.invalid/x"),
    ("sequence", "git rebase -i HEAD~1"),
    ("gpg", "git commit --allow-empty -m x"),
    ("gpgssh", "git -c gpg.format=ssh -c user.signingKey=x commit --allow-empty -m x"),
    ("external", "echo c > a; git diff"),
    ("diffdriver", "echo c > a; git diff"),
    ("textconv", "git log -p -1"),
    ("clean", "git add work"),
    ("smudge", "git checkout -f other"),
    ("process", "git add file.long"),
    ("mergedriver", "git checkout -f other; echo z > a; git commit -am z; git merge main"),
    ("uploadpack", "git -c remote.origin.url=file://$PWD/bare fetch origin"),
    ("receivepack", "git -c remote.origin.url=file://$PWD/bare push origin HEAD:x"),
    ("trailer", "echo x | git interpret-trailers --trailer x=1"),
    ("difffilter", "echo c > a; echo q | git -c color.ui=always add -p"),
    ("browser", "git web--browse -b x y"),
    ("alias", "git evil"),
    ("insteadof", "git fetch /x"),
    ("pushinsteadof", "git push /x HEAD:x"),
    ("remote", "git fetch origin"),
    (
        "submoduleurl",
        "git add nested; rm -rf nested .git/modules; git -c protocol.ext.allow=always submodule update --init",
    ),
    ("modules", "git add nested; rm -rf nested .git/modules; git -c protocol.ext.allow=always submodule update --init"),
    ("submodule", "git add nested; git -C nested commit --allow-empty -m y; git submodule update"),
];

/// A repository with two commits, and a branch at the first.
const REPOSITORY: &str = "git init -q -b main . && echo a > a && echo a > a.long && git add . && git commit -qm 1 && \
                          echo b > a && git commit -qam 2 && git branch other HEAD~1";

fn marks(directory: &Path) -> Vec<String> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Runs a command in a directory, as somebody who uses git there would; what it said.
fn run(directory: &Path, program: &str, args: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(args).current_dir(directory).env_clear().stdin(Stdio::null());
    command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", directory).env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "a").env(format!("GIT_{who}_EMAIL"), "a@example.org");
    }
    let output = command.output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn each_trap_springs_where_there_are_no_walls() {
    let shell = programs::path("plants-traps.sh");
    let dead = TRAPS.iter().filter_map(|(name, command)| {
        let place = tempfile::tempdir().unwrap();
        let (repository, outside) = (place.path().join("repository"), place.path().join("marks"));
        fs::create_dir(&repository).unwrap();
        fs::create_dir(&outside).unwrap();
        run(&repository, "sh", &["-c", REPOSITORY]);
        let planted = run(&repository, "sh", &[shell.to_str().unwrap(), outside.to_str().unwrap(), name]);
        assert!(planted.ends_with("planted\n"), "{name}: {planted}");
        let said = run(&repository, "sh", &["-c", command]);
        (!marks(&outside).iter().any(|mark| mark == name)).then(|| format!("{name}: {said}"))
    });
    assert_eq!(dead.collect::<Vec<_>>(), [""; 0], "these prove nothing");
}

#[rstest]
#[tokio::test]
async fn what_is_planted_in_a_checkout_runs_within_the_walls_only(
    #[values(WallKind::Bubblewrap, WallKind::Landlock)] kind: WallKind,
) {
    let Some(prison) = Prison::new(kind).await else { return };
    let outside = prison.outside().join("marks");
    fs::create_dir(&outside).unwrap();
    fs::set_permissions(&outside, Permissions::from_mode(0o777)).unwrap();
    let sandbox = prison.prepare().await;
    let before = sandbox.snapshot().await.unwrap();
    let shell = prison.place.path().join("plants-traps.sh");
    fs::copy(programs::path("plants-traps.sh"), &shell).unwrap();
    let report = prison.execute(&*sandbox, &shell, &[outside.to_str().unwrap()], Network::Host).await;
    assert_eq!(answer(&report).trim(), "planted");
    let root = sandbox.working_dir();

    let after = sandbox.snapshot().await.unwrap();
    let stat = sandbox.compare(&before, &after).await.unwrap();
    assert!(stat.files.iter().any(|file| &**file == "work"), "{stat:?}");
    sandbox.patch(&before, &after).await.unwrap();
    sandbox.checkpoint(&after).await.unwrap();
    fs::remove_file(root.join("work")).unwrap();
    sandbox.restore(&after).await.unwrap();
    let branch = sandbox.create_branch("work").await.unwrap();
    assert_eq!(sandbox.commit("work").await, Ok(true));
    sandbox.push(&branch).await.unwrap();
    assert_eq!(prison.remote.file_at("work", "work").as_deref(), Some("done\n"));

    assert_eq!(marks(&outside), [""; 0], "something ran outside");
    let beside: Vec<_> = marks(&root.join("..")).into_iter().filter(|name| name.starts_with("ran-")).collect();
    assert_eq!(beside, [""; 0], "something ran outside");
    // Git refuses this one itself, and so does the order.
    let trap = "git config -f .gitmodules submodule.x.update '!.git/evil.sh update'; echo set";
    let report = prison.execute(&*sandbox, Path::new("/bin/sh"), &["-c", trap], Network::Host).await;
    assert_eq!(answer(&report).trim(), "set");
    let failure = sandbox.compare(&before, &after).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::WorkspaceFailed, "{failure}");
    // Without these, nothing would have been proved.
    let within = root.join(".git");
    let ran: Vec<_> =
        marks(&within).into_iter().filter_map(|name| Some(name.strip_prefix("ran-")?.to_owned())).collect();
    assert!(["clean", "smudge"].iter().all(|name| ran.iter().any(|ran| ran == name)), "{ran:?}");
    for name in ran {
        let seen = fs::read_to_string(within.join(format!("ran-{name}"))).unwrap();
        assert!(!seen.contains(KEY), "{name} found the key of the agent");
        assert!(seen.contains("network none"), "{name} had a network: {seen}");
    }
}
