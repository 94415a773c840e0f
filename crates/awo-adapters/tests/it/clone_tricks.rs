//! Orders of hostile repositories: none runs anything or writes anything outside of its checkout, and each ends with a
//! checkout or with a reason.

#![expect(clippy::unwrap_used, reason = "test code")]

mod hostile;
mod tricks;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use awo_adapters::{Keeper, Processes, WallKind, WallSettings, Walls};
use awo_engine::ports::{Sandbox, SandboxProvider as _, SandboxRequest};
use awo_models::{Failure, FailureCode, Isolation, SandboxType};
use awo_testkit::skipped;

use crate::workspace::{Setting, order, write};
use hostile::Hostile;
use tricks::{ATTRIBUTES, BESIDE, Ends, NAMES, OBJECTS, REFS, SUBMODULES, Trick};

/// All tricks, in parts that are tried side by side.
const PARTS: [&[Trick]; 6] = [SUBMODULES, NAMES, ATTRIBUTES, BESIDE, REFS, OBJECTS];

#[rstest::rstest]
#[tokio::test]
async fn hostile_repositories_run_nothing_and_write_nothing_elsewhere(#[values(0, 1, 2, 3, 4, 5)] part: usize) {
    all_of(PARTS[part], Isolation::None, SandboxType::GitWorktree, &Arc::new(Walls::none())).await;
}

#[rstest::rstest]
#[tokio::test]
async fn nor_do_they_within_walls(
    #[values(0, 1, 2, 3, 4, 5)] part: usize,
    #[values(WallKind::Bubblewrap, WallKind::Landlock)] kind: WallKind,
) {
    let own = vec![std::env::temp_dir()];
    let walls = Arc::new(Walls::new(WallSettings { own, ..WallSettings::new(Some(keeper())) }));
    match &walls.probe(kind).await.found {
        Ok(_) => all_of(PARTS[part], kind.isolation(), SandboxType::GitBranch, &walls).await,
        Err(reason) => skipped(&format!("there are no walls of this kind here: {kind:?}: {reason}")),
    }
}

#[test]
fn the_tricks_that_run_something_do_so_where_they_are_let() {
    for Trick { name, plant, live, .. } in PARTS.into_iter().flatten() {
        let Some(live) = live else { continue };
        let hostile = Hostile::new();
        plant(&hostile);
        assert!(hostile.is_live(live), "{name}");
    }
}

fn keeper() -> Keeper {
    Keeper::at(env!("CARGO_BIN_EXE_awo-keeper").into())
}

async fn all_of(tricks: &[Trick], isolation: Isolation, sandbox_type: SandboxType, walls: &Arc<Walls>) {
    let mut wrong = Vec::new();
    for Trick { name, plant, ends, .. } in tricks {
        let hostile = Hostile::new();
        plant(&hostile);
        let (ran, outside, operators) = (hostile.ran(), hostile.outside(), hostile.settings());
        let (repository, _place) = hostile.into_repository();
        let setting = Setting::with(repository, |settings| {
            settings.host_environment = vec![("GIT_CONFIG_GLOBAL".into(), operators.into())];
            settings.walls = Arc::clone(walls);
            // What comes out of walls is waited for by its keeper, and not until somebody else is ready to.
            settings.processes = Arc::new(Processes::of(settings.root.parent().unwrap(), Some(keeper())));
        });
        let request = SandboxRequest { isolation, sandbox_type, ..setting.request(1) };
        let ended = tried(&setting, &request).await;
        assert!(!ran.exists(), "{name} ran something");
        let left: Vec<_> = fs::read_dir(outside).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["precious"], "{name} wrote something elsewhere");
        let (as_told, told) = match (&ended, ends) {
            (Ok(()), Ends::Clean) => (true, String::new()),
            (Ok(()), Ends::Refused(_)) => (false, "it got a checkout".into()),
            (Err(failure), Ends::Refused(words)) => {
                let clear = failure.code == FailureCode::WorkspaceFailed && failure.message.contains(words);
                (clear && !failure.message.contains(char::is_control), failure.to_string())
            }
            (Err(failure), Ends::Clean) => (false, failure.to_string()),
        };
        if !as_told {
            wrong.push(format!("{name}: {told}"));
        }
        setting.provider.remove(order(1)).await.unwrap();
        assert!(!setting.directory(1).exists() && !setting.mirror(1).exists(), "{name} cannot be removed");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An order from its checkout to its branch.
async fn tried(setting: &Setting, request: &SandboxRequest) -> Result<(), Failure> {
    let sandbox = setting.provider.prepare(request).await?;
    only_ours(&setting.mirror(1));
    setting.provider.size(request.order).await?;
    let left = worked(&*sandbox).await?;
    sandbox.push(&left).await?;
    let changed = setting.remote.git(["--no-replace-objects", "diff", "--name-only", "HEAD", &left]);
    assert_eq!(changed, "new\n", "nothing but the work");
    Ok(())
}

/// Does some work, keeps its state and commits it; the branch.
async fn worked(sandbox: &dyn Sandbox) -> Result<String, Failure> {
    let before = sandbox.snapshot().await?;
    write(sandbox, "new", "1\n");
    let branch = sandbox.create_branch("feat-x").await?;
    let after = sandbox.snapshot().await?;
    let changed = sandbox.compare(&before, &after).await?.files;
    assert_eq!(changed.iter().map(|file| &**file).collect::<Vec<_>>(), ["new"], "nothing but the work");
    sandbox.checkpoint(&after).await?;
    sandbox.restore(&after).await?;
    assert!(sandbox.commit("work").await?);
    Ok(branch.to_string())
}

/// A remote chooses no names in a bare clone, but those of the branch and of tags.
fn only_ours(mirror: &Path) {
    let refs = Command::new("git").args(["for-each-ref", "--format=%(refname)"]).current_dir(mirror).output().unwrap();
    let refs = String::from_utf8(refs.stdout).unwrap();
    let of = |start: &str| refs.lines().filter(|name| name.starts_with(start)).count();
    assert_eq!(of("refs/heads/"), 1, "{refs}");
    assert_eq!(of("refs/tags/") + of("refs/awo/") + 1, refs.lines().count(), "{refs}");
}
