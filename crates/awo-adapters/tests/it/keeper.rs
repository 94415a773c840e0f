//! Programs under a real keeper: what they are given, how they end, and that nothing of them stays.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use awo_adapters::{
    Custody, EndCause, Exit, Invocation, Keeper, Line, Purpose, RunEnd, RunError, RunLimits, Secrets, run,
};
use awo_testkit::until;
use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process};
use tokio_util::sync::CancellationToken;

/// Long enough that a test that needs it has failed.
const LONG: Duration = Duration::from_mins(1);
/// Starts a process in a session of its own that is nobody's child, and waits until it has said its number. It ignores
/// requests and holds stdout.
const DAEMON: &str = r#"f=$(mktemp -u); mkfifo "$f"; setsid sh -c 'trap "" INT TERM HUP
sh -c "echo \$\$; echo > $1; exec sleep 600" & exit 0' sh "$f"; read -r _ < "$f"; rm "$f""#;

fn keeper() -> Keeper {
    Keeper::at(env!("CARGO_BIN_EXE_awo-keeper").into())
}

struct Case {
    invocation: Invocation,
    limits: RunLimits,
    cancel: CancellationToken,
    cancel_on_line: bool,
}

impl Case {
    fn shell(script: &str) -> Self {
        Self {
            invocation: Invocation {
                program: "/bin/sh".into(),
                args: ["-c", script].map(Into::into).into(),
                env: BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into())]),
                working_dir: std::env::temp_dir(),
                stdin: Vec::new(),
                secrets: Secrets::default(),
                custody: Custody {
                    keeper: Some(keeper()),
                    // Those of this test alone.
                    marks: vec![("KEEPER_TEST".into(), format!("{}", std::process::id()).into())],
                },
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

    async fn run(self) -> (RunEnd, Vec<String>) {
        let mut lines = Vec::new();
        let mut on_line = |line| {
            if let Line::Text(line) = line {
                lines.push(line);
            }
            if self.cancel_on_line {
                self.cancel.cancel();
            }
        };
        let end = run(self.invocation, &self.limits, None, &self.cancel, &|_| Ok(Box::new(())), &mut on_line).await;
        (end.unwrap(), lines)
    }

    async fn error(self) -> RunError {
        run(self.invocation, &self.limits, None, &self.cancel, &|_| Ok(Box::new(())), &mut |_| ()).await.unwrap_err()
    }
}

/// Whether a process runs. One that ended and waits to be reaped does not.
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with(['Z', 'X']) && !rest.is_empty())
}

#[rstest]
#[tokio::test]
async fn codes_are_codes_and_signals_are_signals(#[values(0, 1, 3, 129, 130, 137, 143, 192, 255)] code: i32) {
    let (end, lines) = Case::shell(&format!("echo out; echo err >&2; exit {code}")).run().await;
    assert_eq!(lines, ["out"]);
    let expected =
        RunEnd { exit: Exit::Exited(code), cause: EndCause::Own, stderr_tail: "err\n".into(), dropped_bytes: 0 };
    assert_eq!(end, expected);
    if let 1..=31 = code - 128 {
        let (end, _) = Case::shell(&format!("kill -{} $$", code - 128)).run().await;
        assert_eq!((end.exit, end.cause), (Exit::Signalled(code - 128), EndCause::Own));
    }
}

#[tokio::test]
async fn the_program_and_its_keeper_have_the_same_environment_and_the_program_no_other_files() {
    let script = "cat /proc/$$/environ | tr '\\0' '\\n'; echo =; cat /proc/$PPID/environ | tr '\\0' '\\n'; echo =; \
                  for fd in /proc/$$/fd/*; do readlink $fd; done; echo =; cat /proc/$PPID/comm";
    let (_, lines) = Case::shell(script).run().await;
    let parts: Vec<_> = lines.split(|line| line == "=").collect();
    let mark = format!("KEEPER_TEST={}", std::process::id());
    assert_eq!(parts[0], [mark.as_str(), "PATH=/usr/bin:/bin"]);
    assert_eq!(parts[0], parts[1]);
    // The shell may have opened files of its own meanwhile.
    assert_eq!(parts[2][0], "/dev/null");
    assert!(parts[2].len() >= 3 && !parts[2].iter().any(|file| file.starts_with("socket:")), "{lines:?}");
    assert_eq!(parts[3], ["awo-keeper"]);
}

#[tokio::test]
async fn programs_let_whoever_started_them_go_first() {
    // The nineteenth figure of `stat`, counted behind the name in brackets.
    let script =
        "stat=$(cat /proc/$$/stat); set -- ${stat##*) }; shift 16; echo $1; cat /proc/$$/autogroup 2>/dev/null";
    let (_, lines) = Case::shell(script).run().await;
    let own = std::fs::read_to_string("/proc/self/stat").unwrap();
    let own: i32 = own.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap().parse().unwrap();
    assert_eq!(lines[0], (own + 10).min(19).to_string());
    // Where sessions share the processors, they step back as a whole.
    let sessions = std::path::Path::new("/proc/self/autogroup").exists();
    assert_eq!(lines.get(1).is_some_and(|session| session.ends_with(" nice 10")), sessions, "{lines:?}");
}

#[tokio::test]
async fn input_is_given_whole_and_without_one_there_is_nothing_to_read() {
    let mut case = Case::shell("cat");
    case.invocation.stdin = format!("{}\n", "x".repeat(999)).repeat(2000).into_bytes();
    let (end, lines) = case.run().await;
    assert_eq!((end.exit, lines), (Exit::Exited(0), vec!["x".repeat(999); 2000]));
    let (_, lines) = Case::shell("cat; echo done; readlink /proc/$$/fd/0").run().await;
    assert_eq!(lines, ["done", "/dev/null"]);
}

#[tokio::test]
async fn children_in_other_sessions_are_gone_when_the_run_is() {
    let (end, lines) =
        Case::shell(&format!("{DAEMON}\n{DAEMON}\n(trap '' HUP TERM; exec sleep 600) & echo $!")).run().await;
    assert_eq!((end.exit, end.cause, lines.len()), (Exit::Exited(0), EndCause::Own, 3));
    assert!(!lines.iter().any(|pid| runs(pid)), "{lines:?}");
}

#[tokio::test]
async fn cancel_ends_all_sessions_of_a_program_that_ignores_requests() {
    let mut case = Case::shell(&format!("trap '' INT TERM; {DAEMON}; sleep 600"));
    case.cancel_on_line = true;
    let (end, lines) = case.run().await;
    assert_eq!((end.exit, end.cause), (Exit::Signalled(9), EndCause::Cancelled));
    assert!(!runs(&lines[0]));
}

#[tokio::test]
async fn a_polite_program_may_end_by_itself() {
    let mut case = Case::shell("trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.05; done");
    case.limits.interrupt_grace = LONG;
    case.cancel_on_line = true;
    let (end, lines) = case.run().await;
    assert_eq!((end.exit, end.cause), (Exit::Exited(5), EndCause::Cancelled));
    assert_eq!(lines[1], "interrupted");
}

#[tokio::test]
async fn when_nobody_waits_for_it_any_more_all_of_it_ends() {
    let case = Case::shell(&format!("trap '' INT TERM; {DAEMON}; echo $$; sleep 600"));
    let (seen, first) = tokio::sync::oneshot::channel();
    let (mut seen, mut lines) = (Some(seen), Vec::new());
    let mut on_line = |line| {
        let Line::Text(line) = line else { return };
        lines.push(line);
        if lines.len() == 2 {
            seen.take().unwrap().send(lines.clone()).unwrap();
        }
    };
    let run = run(case.invocation, &case.limits, None, &case.cancel, &|_| Ok(Box::new(())), &mut on_line);
    let pids = tokio::select! {
        _ = run => panic!("it hangs"),
        pids = first => pids.unwrap(),
    };
    until("all of it ends", || !pids.iter().any(|pid| runs(pid)));
}

#[tokio::test]
async fn a_program_that_kills_its_keeper_gains_nothing() {
    let (end, lines) = Case::shell(&format!("{DAEMON}; echo $$; kill -9 $PPID; sleep 600")).run().await;
    assert_eq!((end.exit, end.cause, lines.len()), (Exit::Signalled(9), EndCause::Own, 2));
    assert!(!lines.iter().any(|pid| runs(pid)), "{lines:?}");
}

/// A program can be so fast that its keeper is gone before it could say that the program runs.
#[tokio::test]
async fn a_keeper_that_is_killed_before_its_first_word_is_a_program_that_was_killed() {
    let place = tempfile::tempdir().unwrap();
    let dead = place.path().join("dead");
    std::fs::write(&dead, "#!/bin/sh\ndd bs=1 count=1 status=none > /dev/null\nkill -KILL $$\n").unwrap();
    std::fs::set_permissions(&dead, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut case = Case::shell("echo never");
    case.invocation.custody.keeper = Some(Keeper::at(dead));
    // Nobody is told a number: the keeper's own may be somebody else's by now, and would be ended in the program's stead.
    let told = |pid| panic!("{pid} is nobody's number");
    let end = run(case.invocation, &case.limits, None, &case.cancel, &told, &mut |_| ()).await.unwrap();
    assert_eq!((end.exit, end.cause), (Exit::Signalled(9), EndCause::Own));
}

#[tokio::test]
async fn a_program_that_stops_its_keeper_gains_nothing() {
    let mut case = Case::shell(&format!("trap '' INT TERM; kill -STOP $PPID; {DAEMON}; sleep 600"));
    case.cancel_on_line = true;
    let (end, lines) = case.run().await;
    assert_eq!((end.exit, end.cause), (Exit::Signalled(9), EndCause::Cancelled));
    assert!(!runs(&lines[0]));
}

#[tokio::test]
async fn a_program_that_stops_its_keeper_and_ends_is_told_of_all_the_same() {
    let (end, lines) = Case::shell(&format!("{DAEMON}; kill -STOP $PPID; exit 7")).run().await;
    assert_eq!((end.exit, end.cause), (Exit::Exited(7), EndCause::Own));
    assert!(!runs(&lines[0]));
}

#[tokio::test]
async fn a_keeper_does_not_heed_what_a_terminal_or_a_service_manager_sends_to_all() {
    let script =
        "for signal in HUP INT QUIT TERM; do kill -$signal $PPID; done; sleep 0.1; kill -0 $PPID && echo there";
    let (end, lines) = Case::shell(script).run().await;
    assert_eq!((end.exit, lines), (Exit::Exited(0), vec!["there".to_owned()]));
}

#[tokio::test]
async fn a_program_in_a_storm_of_forks_is_ended() {
    // Each process has two, for a while; none of them waits.
    let storm = "f() { [ $1 -gt 7 ] || { f $(($1 + 1)) & f $(($1 + 1)) & }; sleep 600; }; f 0 & echo storm; sleep 0.3";
    let mut case = Case::shell(storm);
    let mark = format!("STORM={}", std::process::id());
    case.invocation.env.insert("STORM".into(), std::process::id().to_string().into());
    let (end, _) = case.run().await;
    assert_eq!(end.exit, Exit::Exited(0));
    let alive = std::fs::read_dir("/proc").unwrap().flatten().filter(|entry| {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    });
    assert_eq!(alive.count(), 0);
}

#[tokio::test]
async fn what_cannot_start_is_named_and_so_is_a_keeper_that_is_none() {
    let mut case = Case::shell("true");
    case.invocation.program = "/nonexistent/claude".into();
    let error = case.error().await;
    assert!(
        matches!(&error, RunError::Start { program, source } if program == Path::new("/nonexistent/claude")
            && source.kind() == std::io::ErrorKind::NotFound),
        "{error:?}"
    );
    for none in ["/bin/true", "/nonexistent/awo"] {
        let mut case = Case::shell("true");
        case.invocation.custody.keeper = Some(Keeper::at(none.into()));
        let error = case.error().await;
        assert!(matches!(&error, RunError::Keeper { keeper, .. } if keeper == Path::new(none)), "{error:?}");
        assert!(Keeper::at(none.into()).check().await.is_err(), "{none}");
    }
    keeper().check().await.unwrap();
}

#[test]
fn a_keeper_that_is_started_by_hand_says_what_it_is_for() {
    let by_hand = std::process::Command::new(keeper().program())
        .args(["awo-keeper/1", "/bin/true"])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(by_hand.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&by_hand.stderr).contains("of no use by hand"));
}

#[tokio::test]
async fn the_process_that_is_told_is_the_program() {
    let case = Case::shell("echo $$; exec sleep 600");
    let told = std::sync::Mutex::new(0);
    let spawned = |pid| -> std::io::Result<Box<dyn Send>> {
        *told.lock().unwrap() = pid;
        Ok(Box::new(()))
    };
    let mut lines = Vec::new();
    let mut on_line = |line| {
        lines.push(line);
        let pid = Pid::from_raw(i32::try_from(*told.lock().unwrap()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
    };
    let end = run(case.invocation, &case.limits, None, &case.cancel, &spawned, &mut on_line).await.unwrap();
    assert_eq!(end.exit, Exit::Signalled(15));
    assert_eq!(lines, [Line::Text(told.lock().unwrap().to_string())]);
}
