//! The runner, with real programs that behave badly.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use awo_adapters::{Custody, EndCause, Exit, Invocation, Line, Purpose, RunEnd, RunError, RunLimits, Secrets, run};
use awo_testkit::programs;
use tokio_util::sync::CancellationToken;

/// Long enough that a test that needs it has failed.
const LONG: Duration = Duration::from_mins(1);

struct Case {
    invocation: Invocation,
    limits: RunLimits,
    cancel: CancellationToken,
    /// Cancel when the first line comes.
    cancel_on_line: bool,
}

impl Case {
    fn new(program: &Path, args: &[&str]) -> Self {
        Self {
            invocation: Invocation {
                program: program.to_owned(),
                args: args.iter().map(Into::into).collect(),
                env: BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into())]),
                working_dir: std::env::temp_dir(),
                stdin: Vec::new(),
                secrets: Secrets::default(),
                custody: Custody::default(),
                walled: false,
                purpose: Purpose::Agent,
            },
            limits: RunLimits {
                wall: LONG,
                interrupt_grace: Duration::from_millis(100),
                terminate_grace: Duration::from_millis(100),
                ..RunLimits::default()
            },
            cancel: CancellationToken::new(),
            cancel_on_line: false,
        }
    }

    fn program(name: &str) -> Self {
        Self::new(&programs::path(name), &[])
    }

    fn shell(script: &str) -> Self {
        Self::new(Path::new("/bin/sh"), &["-c", script])
    }

    async fn run(self) -> (RunEnd, Vec<Line>) {
        let mut lines = Vec::new();
        let cancel = self.cancel.clone();
        let mut on_line = |line| {
            lines.push(line);
            if self.cancel_on_line {
                cancel.cancel();
            }
        };
        let end = run(self.invocation, &self.limits, None, &self.cancel, &|_| Ok(Box::new(())), &mut on_line);
        (end.await.unwrap(), lines)
    }
}

fn texts(lines: &[Line]) -> Vec<&str> {
    let text = |index: usize| match &lines[index] {
        Line::Text(text) => text.as_str(),
        Line::TooLong { .. } => "(too long)",
    };
    (0..lines.len()).map(text).collect()
}

fn pids(line: &Line) -> Vec<u32> {
    let Line::Text(text) = line else { panic!("a line of process numbers") };
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// Whether a process runs. One that ended and waits to be reaped does not.
fn runs(pid: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !matches!(stat.rsplit(')').next().map(str::trim_start), Some(rest) if rest.starts_with(['Z', 'X'])),
        Err(_) => false,
    }
}

#[tokio::test]
async fn output_errors_and_exit_are_told() {
    let (end, lines) = Case::shell("cat; echo out; echo err >&2; exit 7").run().await;
    assert_eq!(texts(&lines), ["out"]);
    assert_eq!(
        end,
        RunEnd { exit: Exit::Exited(7), cause: EndCause::Own, stderr_tail: "err\n".into(), dropped_bytes: 0 }
    );
    let (end, _) = Case::shell("kill -9 $$").run().await;
    assert_eq!((end.exit, end.cause), (Exit::Signalled(9), EndCause::Own));
}

#[tokio::test]
async fn the_environment_is_complete_and_starts_empty() {
    assert_ne!(std::env::vars_os().count(), 0, "we have something to keep back");
    let mut case = Case::new(Path::new("/usr/bin/env"), &[]);
    case.invocation.env = BTreeMap::from([("ONLY".into(), "this".into())]);
    let (_, lines) = case.run().await;
    assert_eq!(texts(&lines), ["ONLY=this"]);
}

#[tokio::test]
async fn input_is_given_whole_while_output_is_read() {
    let mut case = Case::new(Path::new("/bin/cat"), &[]);
    let line = "x".repeat(999);
    case.invocation.stdin = format!("{line}\n").repeat(2000).into_bytes();
    let (end, lines) = case.run().await;
    assert_eq!(end.exit, Exit::Exited(0));
    assert_eq!(lines, vec![Line::Text(line); 2000]);
}

#[tokio::test]
async fn a_program_that_does_not_read_its_input_ends_all_the_same() {
    let mut case = Case::shell("echo done");
    case.invocation.stdin = vec![b'x'; 1 << 20];
    let (end, lines) = case.run().await;
    assert_eq!((end.exit, texts(&lines)), (Exit::Exited(0), vec!["done"]));
}

#[tokio::test]
async fn a_polite_program_is_interrupted_and_may_say_so() {
    let mut case = Case::program("hangs-politely.sh");
    case.limits.interrupt_grace = LONG;
    case.cancel_on_line = true;
    let (end, lines) = case.run().await;
    assert_eq!((end.cause, end.exit), (EndCause::Cancelled, Exit::Exited(0)));
    assert_eq!(texts(&lines)[1], "interrupted");
}

#[tokio::test]
async fn cancel_ends_a_whole_group_that_ignores_requests() {
    let mut case = Case::program("hangs.sh");
    case.cancel_on_line = true;
    let (end, lines) = case.run().await;
    assert_eq!((end.cause, end.exit), (EndCause::Cancelled, Exit::Signalled(9)));
    let pids = pids(&lines[0]);
    assert_eq!(pids.len(), 2);
    assert!(!pids.iter().any(|pid| runs(*pid)), "{pids:?}");
}

#[tokio::test]
async fn a_stopped_program_is_let_go_on_so_that_it_hears_the_request() {
    // Its child says so when it has stopped.
    let says = "(until grep -q '^State:.T' /proc/$$/status; do :; done; echo $$) & kill -STOP $$";
    let mut case = Case::shell(says);
    case.cancel_on_line = true;
    let (end, lines) = case.run().await;
    assert_eq!((end.cause, end.exit), (EndCause::Cancelled, Exit::Signalled(2)));
    assert!(!runs(pids(&lines[0])[0]));
}

#[tokio::test]
async fn wall_time_ends_a_program_that_works_on() {
    let mut case = Case::shell("while :; do echo busy; sleep 0.01; done");
    case.limits.wall = Duration::from_secs(1);
    case.limits.silence = Some(LONG);
    let (end, lines) = case.run().await;
    assert_eq!(end.cause, EndCause::WallTimeout);
    assert!(!lines.is_empty());
}

#[tokio::test]
async fn silence_ends_a_program_and_a_byte_on_stderr_breaks_it() {
    let mut case = Case::shell("for i in 1 2 3 4; do sleep 0.4; printf . >&2; done; echo awake; sleep 60");
    case.limits.silence = Some(Duration::from_millis(1500));
    let (end, lines) = case.run().await;
    assert_eq!((end.cause, texts(&lines)), (EndCause::SilenceTimeout, vec!["awake"]));
}

#[tokio::test]
async fn children_left_in_the_group_go_with_it() {
    let (end, lines) = Case::program("leaves-child.sh").run().await;
    assert_eq!((end.cause, end.exit), (EndCause::Own, Exit::Exited(0)));
    assert!(!runs(pids(&lines[0])[0]));
}

#[tokio::test]
async fn nobody_waits_for_a_survivor_that_holds_the_pipe() {
    let case = Case::program("leaves-session.sh").run();
    let (end, lines) = tokio::time::timeout(Duration::from_secs(20), case).await.unwrap();
    assert_eq!((end.cause, end.exit), (EndCause::Own, Exit::Exited(0)));
    let survivor = pids(&lines[0])[0];
    if let Some(pid) = rustix::process::Pid::from_raw(survivor.try_into().unwrap()) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

#[tokio::test]
async fn dropping_the_run_kills_the_group() {
    let spawned = Mutex::new(None);
    let (seen, first_line) = tokio::sync::oneshot::channel();
    let mut seen = Some(seen);
    let case = Case::program("hangs.sh");
    let on_spawn = |pid| -> io::Result<Box<dyn Send>> {
        *spawned.lock().unwrap() = Some(pid);
        Ok(Box::new(()))
    };
    let mut on_line = |line| {
        if let Some(seen) = seen.take() {
            seen.send(line).unwrap();
        }
    };
    let run = run(case.invocation, &case.limits, None, &case.cancel, &on_spawn, &mut on_line);
    let line = tokio::select! {
        _ = run => panic!("it hangs"),
        line = first_line => line.unwrap(),
    };
    let pids = pids(&line);
    assert_eq!(Some(pids[0]), *spawned.lock().unwrap(), "the leader's number is told");
    let gone = async {
        while pids.iter().any(|pid| runs(*pid)) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, gone).await.unwrap();
}

#[tokio::test]
async fn a_process_that_cannot_be_recorded_does_not_run() {
    let case = Case::program("hangs.sh");
    let told = Mutex::new(0);
    let refuse = |pid| -> io::Result<Box<dyn Send>> {
        *told.lock().unwrap() = pid;
        Err(io::Error::other("disk full"))
    };
    let error = run(case.invocation, &case.limits, None, &case.cancel, &refuse, &mut |_| ()).await;
    assert!(matches!(error, Err(RunError::Untracked { .. })));
    let pid = *told.lock().unwrap();
    let gone = async {
        while runs(pid) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, gone).await.unwrap();
}

#[tokio::test]
async fn a_flood_without_line_end_is_cut_and_read_to_its_end() {
    let (end, lines) = Case::program("floods.sh").run().await;
    assert_eq!((end.exit, end.dropped_bytes), (Exit::Exited(0), 0));
    let [Line::TooLong { head, tail, dropped }] = &lines[..] else {
        panic!("one line, too long");
    };
    assert_eq!((head.len() + tail.len()) as u64 + dropped, 64 << 20);
}

#[tokio::test]
async fn the_transcript_is_bounded_and_lines_are_read_to_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let transcript = directory.path().join("transcript.jsonl");
    let mut case = Case::program("floods-lines.sh");
    case.limits.max_transcript = 100_000;
    let mut lines = Vec::new();
    let mut on_line = |line| lines.push(line);
    let spawned = |_| -> io::Result<Box<dyn Send>> { Ok(Box::new(())) };
    let end = run(case.invocation, &case.limits, Some(&transcript), &case.cancel, &spawned, &mut on_line);
    let end = end.await.unwrap();
    assert_eq!(end.exit, Exit::Exited(0), "it was not blocked");
    let written: usize = texts(&lines).iter().map(|line| line.len() + 1).sum();
    assert_eq!(end.dropped_bytes, written as u64 - 100_000);
    assert!(texts(&lines).last().unwrap().contains("the answer after the flood"));
    let metadata = transcript.metadata().unwrap();
    assert_eq!(metadata.len(), 100_000);
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777, 0o600);
}

#[tokio::test]
async fn secrets_show_nowhere_also_when_they_come_in_two_pieces() {
    let directory = tempfile::tempdir().unwrap();
    let transcript = directory.path().join("transcript.jsonl");
    // The second half of each comes when the first was read: the program sees the first in the transcript's end, as
    // what comes before the secret is written at once.
    let script = "printf 'out sk-ca'; until grep -q out \"$1\"; do :; done; printf 'nary-1 end\\n'\n\
                  printf 'err sk-ca' >&2; printf 'nary-1 end' >&2; dd if=/dev/zero bs=16000 count=1 2>/dev/null >&2";
    let mut case = Case::new(Path::new("/bin/sh"), &["-c", script, "sh", transcript.to_str().unwrap()]);
    case.invocation.secrets.add("KEY", "sk-canary-1");
    let mut lines = Vec::new();
    let mut on_line = |line| lines.push(line);
    let spawned = |_| -> io::Result<Box<dyn Send>> { Ok(Box::new(())) };
    let end = run(case.invocation, &case.limits, Some(&transcript), &case.cancel, &spawned, &mut on_line);
    let end = end.await.unwrap();
    assert_eq!(texts(&lines), ["out [KEY] end"]);
    assert_eq!(std::fs::read_to_string(&transcript).unwrap(), "out [KEY] end\n");
    assert_eq!(end.stderr_tail.trim_end_matches('\0'), "err [KEY] end");
}

#[tokio::test]
async fn of_many_errors_the_end_is_kept() {
    let (end, lines) = Case::program("floods-stderr.sh").run().await;
    assert_eq!((end.exit, texts(&lines)), (Exit::Exited(0), vec!["answer"]));
    assert!(end.stderr_tail.ends_with("eeethe end\n") && end.stderr_tail.len() <= 16 << 10);
}

#[tokio::test]
async fn what_cannot_start_is_named() {
    let mut case = Case::shell("true");
    case.invocation.working_dir = "/nonexistent".into();
    let error = run(case.invocation, &case.limits, None, &case.cancel, &|_| Ok(Box::new(())), &mut |_| ()).await;
    assert!(matches!(error, Err(RunError::WorkingDir { path }) if path == Path::new("/nonexistent")));
    let case = Case::new(Path::new("/nonexistent/claude"), &[]);
    let error = run(case.invocation, &case.limits, None, &case.cancel, &|_| Ok(Box::new(())), &mut |_| ()).await;
    assert!(matches!(error, Err(RunError::Start { program, .. }) if program == Path::new("/nonexistent/claude")));
}
