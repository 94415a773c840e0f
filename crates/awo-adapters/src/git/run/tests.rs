use std::fs;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tempfile::TempDir;

use super::*;

/// Name of the script that the shell, in git's stead, is given.
const SCRIPT: &str = "script";

/// A script that stands in for git. It is read by a shell, not executed itself: a file that was just written is busy as
/// long as any process that was forked meanwhile has it open.
fn program(script: &str) -> (TempDir, Git) {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join(SCRIPT), script).unwrap();
    let git = Git {
        program: "/bin/sh".into(),
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        settings: &[],
        directory: place.path().to_owned(),
        deadline: Duration::from_mins(1),
        owner: None,
        tokens: None,
        walls: None,
        dialling: None,
    };
    (place, git)
}

fn group(place: &TempDir) -> Pid {
    let pid = fs::read_to_string(place.path().join("pid")).unwrap();
    Pid::from_raw(pid.trim().parse().unwrap()).unwrap()
}

async fn group_ends(place: &TempDir) {
    let group = group(place);
    while test_kill_process_group(group).is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn too_much_output_ends_the_whole_group() {
    let (place, git) = program("echo $$ > pid; sleep 600 & yes");
    let error = git.command(SCRIPT).limit(Limit::Refuse(1000)).run().await.unwrap_err();
    assert!(matches!(error, GitError::TooMuch { most: 1000, .. }), "{error}");
    group_ends(&place).await;

    let output = git.command(SCRIPT).limit(Limit::Cut(1000)).run().await.unwrap();
    assert_eq!((output.code, output.stdout.len(), output.cut), (0, 1000, true));
    group_ends(&place).await;
}

#[tokio::test]
async fn what_the_program_leaves_running_is_ended() {
    let (place, git) = program("echo $$ > pid; sleep 600 & echo done");
    assert_eq!(git.command(SCRIPT).run().await.unwrap().text(), "done");
    group_ends(&place).await;
}

#[tokio::test]
async fn a_survivor_outside_the_group_does_not_hold_the_answer_back() {
    let (place, git) =
        program("setsid sh -c 'echo $$ > pid; exec sleep 600' & while ! test -s pid; do :; done; echo done");
    assert_eq!(git.command(SCRIPT).run().await.unwrap().text(), "done");
    kill_process_group(group(&place), Signal::KILL).unwrap();
}

#[tokio::test]
async fn a_run_ends_at_its_deadline_and_when_nobody_waits_for_it() {
    let (place, mut git) = program("echo $$ > pid; exec sleep 600");
    {
        let run = git.command(SCRIPT).run();
        tokio::pin!(run);
        let started = async {
            while !fs::read_to_string(place.path().join("pid")).is_ok_and(|pid| pid.ends_with('\n')) {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            ended = &mut run => panic!("{ended:?}"),
            () = started => {}
        }
    }
    group_ends(&place).await;

    git.deadline = Duration::from_millis(1);
    let error = git.command(SCRIPT).run().await.unwrap_err();
    assert!(matches!(error, GitError::Deadline { .. }), "{error}");
}

#[tokio::test]
async fn the_environment_holds_what_was_given_and_nothing_else() {
    let (_place, git) = program("exec /usr/bin/env");
    let output = git.command(SCRIPT).env("GIT_X", "1").run().await.unwrap();
    let mut lines: Vec<String> = output.text().lines().map(str::to_owned).collect();
    // What a shell sets by itself.
    lines.retain(|line| !["PWD=", "_=", "SHLVL=", "OLDPWD="].iter().any(|start| line.starts_with(start)));
    lines.sort();
    assert_eq!(lines, ["GIT_X=1", "PATH=/usr/bin:/bin"]);
}
