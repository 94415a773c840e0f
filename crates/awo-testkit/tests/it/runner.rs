//! The runner, faced with every trick: how each ends, within which bounds, and that nothing is left.

use std::collections::BTreeMap;
use std::time::Duration;

use awo_adapters::{Custody, EndCause, Exit, Invocation, Keeper, Line, Purpose, RunEnd, RunLimits, Secrets, run};
use awo_testkit::hostile;
use rstest::rstest;
use tokio_util::sync::CancellationToken;

use crate::processes::{marked, runs};

const HOSTILE: &str = env!("CARGO_BIN_EXE_hostile");
/// Much longer than any of it takes, also on a busy machine.
const LONG: Duration = Duration::from_mins(2);
/// What a variable of the agent says, and nobody else may.
const SECRET: &str = "sk-canary-of-the-table";

struct Played {
    end: RunEnd,
    /// Lines that were delivered, and bytes of those that were too long.
    lines: Vec<Line>,
    transcript: String,
    place: tempfile::TempDir,
}

/// Plays a trick under a keeper. Whoever does not end by itself is cancelled when it has said something, or stopped by a
/// limit.
async fn play(trick: &str, mut limits: RunLimits, cancel_after: usize) -> Played {
    let place = tempfile::tempdir().unwrap();
    let mut secrets = Secrets::default();
    secrets.add("SECRET", SECRET);
    let mark = place.path().display().to_string();
    let invocation = Invocation {
        program: hostile::link(HOSTILE.as_ref(), trick, place.path()),
        args: Vec::new(),
        env: BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into()), ("SECRET".into(), SECRET.into())]),
        working_dir: place.path().to_owned(),
        stdin: Vec::new(),
        secrets,
        custody: Custody {
            keeper: Some(Keeper::at(HOSTILE.into())),
            marks: vec![("HOSTILE_TEST".into(), mark.clone().into())],
        },
        walled: false,
        purpose: Purpose::Agent,
    };
    limits.wall = limits.wall.min(LONG);
    limits.interrupt_grace = Duration::from_millis(100);
    limits.terminate_grace = Duration::from_millis(100);
    let cancel = CancellationToken::new();
    let transcript = place.path().join("transcript");
    let mut lines = Vec::new();
    let mut on_line = |line| {
        if lines.len() < 1000 {
            lines.push(line);
        }
        if lines.len() == cancel_after {
            cancel.cancel();
        }
    };
    let spawned = |_| -> std::io::Result<Box<dyn Send>> { Ok(Box::new(())) };
    let end = run(invocation, &limits, Some(&transcript), &cancel, &spawned, &mut on_line).await.unwrap();
    let left = marked(&mark);
    assert!(left.is_empty(), "{trick} left {left:?}");
    let transcript = String::from_utf8_lossy(&std::fs::read(transcript).unwrap()).into_owned();
    let played = Played { end, lines, transcript, place };
    for pid in played.left() {
        assert!(!runs(&pid), "{trick} left {pid}");
    }
    played
}

impl Played {
    fn texts(&self) -> Vec<&str> {
        let text = |index: usize| match &self.lines[index] {
            Line::Text(text) => text.as_str(),
            Line::TooLong { .. } => "(too long)",
        };
        (0..self.lines.len()).map(text).collect()
    }

    /// The processes that it said it left.
    fn left(&self) -> Vec<String> {
        self.texts().iter().filter_map(|line| line.strip_prefix("left ")).map(ToOwned::to_owned).collect()
    }
}

const NEVER: usize = usize::MAX;
const ENDED: Exit = Exit::Exited(0);
const INTERRUPTED: Exit = Exit::Signalled(2);
const KILLED: Exit = Exit::Signalled(9);

#[rstest]
#[case::two_results("two-results", NEVER, ENDED)]
#[case::no_result("no-result", NEVER, ENDED)]
#[case::claims("claims", NEVER, ENDED)]
#[case::talks_on("talks-on", NEVER, ENDED)]
#[case::long_line("long-line", NEVER, ENDED)]
#[case::splits_utf8("splits-utf8", NEVER, ENDED)]
#[case::exits_130("exits-130", NEVER, Exit::Exited(130))]
#[case::dies("dies", NEVER, KILLED)]
#[case::tells_secrets("tells-secrets", NEVER, ENDED)]
#[case::leaves_session("leaves-session", NEVER, ENDED)]
#[case::leaves_orphans("leaves-orphans", NEVER, ENDED)]
#[case::leaves_strangers("leaves-strangers", NEVER, ENDED)]
#[case::leaves_supervisor("leaves-supervisor", NEVER, ENDED)]
#[case::forks("forks", NEVER, ENDED)]
#[case::fills_disk("fills-disk", NEVER, ENDED)]
#[case::kills_keeper("kills-keeper", NEVER, KILLED)]
#[case::lingers("lingers", 1, INTERRUPTED)]
#[case::deaf("deaf", 1, KILLED)]
#[case::stops_itself("stops-itself", 1, INTERRUPTED)]
#[case::stops_keeper("stops-keeper", 2, KILLED)]
#[case::floods_lines("floods-lines", 500, INTERRUPTED)]
#[tokio::test]
async fn every_trick_ends_as_it_should_and_leaves_nothing(
    #[case] trick: &str,
    #[case] cancel_after: usize,
    #[case] exit: Exit,
) {
    let played = play(trick, RunLimits::default(), cancel_after).await;
    assert_eq!(played.end.exit, exit, "{:?} {:?}", played.end, played.texts());
    let cause = if cancel_after == NEVER { EndCause::Own } else { EndCause::Cancelled };
    assert_eq!(played.end.cause, cause);
    assert!(!played.transcript.contains(SECRET) && !format!("{:?} {:?}", played.end, played.lines).contains(SECRET));
    match trick {
        "splits-utf8" => assert_eq!(played.texts(), ["grün", "split", "\u{fffd}"]),
        "two-results" => assert_eq!(played.texts(), ["the first", "the last"]),
        "tells-secrets" => assert!(played.texts()[0].contains("SECRET=[SECRET]"), "{:?}", played.texts()),
        "leaves-orphans" => assert_eq!(played.left().len(), 2),
        "leaves-session" | "leaves-strangers" | "leaves-supervisor" | "forks" | "kills-keeper" | "stops-keeper" => {
            assert_eq!(played.left().len(), 1, "{:?}", played.texts());
        }
        "fills-disk" => assert_eq!(played.place.path().join("filler").metadata().unwrap().len(), 64 << 20),
        _ => {}
    }
}

#[rstest]
#[case::hangs("hangs", EndCause::SilenceTimeout)]
#[case::silent("silent", EndCause::SilenceTimeout)]
#[case::floods_one_line("floods-one-line", EndCause::OutputLimit)]
#[case::floods_binary("floods-binary", EndCause::OutputLimit)]
#[case::floods_errors("floods-errors", EndCause::OutputLimit)]
#[tokio::test]
async fn who_does_not_end_is_stopped_by_a_limit(#[case] trick: &str, #[case] cause: EndCause) {
    let mut limits = RunLimits { max_output: 16 << 20, max_transcript: 1 << 20, ..RunLimits::default() };
    if cause == EndCause::SilenceTimeout {
        limits.silence = Some(Duration::from_millis(300));
    }
    let played = play(trick, limits, NEVER).await;
    assert_eq!((played.end.cause, played.end.exit), (cause, INTERRUPTED));
    assert!(played.transcript.len() <= 3 << 20, "a byte that is not UTF-8 is shown as three");
    let longest = played.lines.iter().map(|line| match line {
        Line::Text(text) => text.len(),
        Line::TooLong { head, tail, .. } => head.len() + tail.len(),
    });
    assert!(longest.max().unwrap_or(0) <= 3 << 20);
}

#[test]
fn every_trick_of_the_list_is_faced_here() {
    let text = include_str!("runner.rs");
    for (trick, _) in hostile::TRICKS {
        assert!(text.contains(&format!("(\"{trick}\", ")), "{trick} is faced by no test");
    }
}

#[test]
fn it_speaks_the_protocol_of_claude_when_it_is_called_as_claude_is() {
    let output = std::process::Command::new(HOSTILE)
        .args(["claims", "--print", "--session-id", "s-1"])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let lines: Vec<serde_json::Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["type"], &lines[0]["session_id"]), (&"system".into(), &"s-1".into()));
    assert_eq!((&lines[1]["type"], &lines[1]["is_error"]), (&"result".into(), &false.into()));
}
