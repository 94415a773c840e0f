//! Every driver, faced with every trick that an agent program can play: one table of what comes of each.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use awo_adapters::{
    AgentDriver, Claude, Codex, CommandDescription, CommandDriver, Gemini, Keeper, LinesFormat, OpenCode, Processes,
    ProgramAgent, ProgramConfig,
};
use awo_engine::ports::{AgentExecutor, AgentReport, AgentRequest, AgentSession, ProgressSink};
use awo_models::{AgentName, FailureCode, Isolation, Network, OrderId, ProgramExit, StepName};
use awo_testkit::hostile;
use rstest::rstest;
use tokio_util::sync::CancellationToken;

use crate::processes::{marked, runs};

const HOSTILE: &str = env!("CARGO_BIN_EXE_hostile");
/// Much longer than any of it takes, also on a busy machine.
const LONG: Duration = Duration::from_mins(2);
const SECRET: &str = "sk-canary-of-the-drivers";

/// What an execution comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comes {
    /// It has answered so.
    To(&'static str),
    /// It has failed.
    Failed(FailureCode),
    /// Its program crashed.
    Crashed(ProgramExit),
}

/// What an execution is bound by, where it does not end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    None,
    Time,
    Silence,
    Bytes,
}

/// What comes of each trick, whatever the driver. What an agent claims is believed here: the engine looks for itself.
const TABLE: &[(&str, Bound, Comes)] = &[
    ("hangs", Bound::Time, Comes::Failed(FailureCode::AgentTimeout)),
    ("deaf", Bound::Time, Comes::Failed(FailureCode::AgentTimeout)),
    ("silent", Bound::Silence, Comes::Failed(FailureCode::AgentSilent)),
    ("stops-itself", Bound::Silence, Comes::Failed(FailureCode::AgentSilent)),
    ("floods-lines", Bound::Bytes, Comes::Failed(FailureCode::AgentBudget)),
    ("floods-one-line", Bound::Bytes, Comes::Failed(FailureCode::AgentBudget)),
    ("floods-binary", Bound::Bytes, Comes::Failed(FailureCode::AgentBudget)),
    ("floods-errors", Bound::Bytes, Comes::Failed(FailureCode::AgentBudget)),
    ("splits-utf8", Bound::None, Comes::To("split")),
    ("two-results", Bound::None, Comes::To("the last")),
    ("no-result", Bound::None, Comes::Failed(FailureCode::AgentNoResult)),
    ("talks-on", Bound::None, Comes::To("done")),
    ("long-line", Bound::None, Comes::To("done")),
    ("lingers", Bound::None, Comes::To("done")),
    ("dies", Bound::None, Comes::Crashed(ProgramExit::Signal(9))),
    ("exits-130", Bound::None, Comes::Crashed(ProgramExit::Code(130))),
    ("claims", Bound::None, Comes::To("all is done, committed and pushed")),
    ("leaves-session", Bound::None, Comes::To("done")),
    ("leaves-orphans", Bound::None, Comes::To("done")),
    ("leaves-strangers", Bound::None, Comes::To("done")),
    ("leaves-supervisor", Bound::None, Comes::To("done")),
    ("forks", Bound::None, Comes::To("done")),
    ("kills-keeper", Bound::None, Comes::Crashed(ProgramExit::Signal(9))),
    ("stops-keeper", Bound::Time, Comes::Failed(FailureCode::AgentTimeout)),
];

/// What comes to something else, as the format says: whose answer comes in pieces, and who is at work again after a result.
const OTHERWISE: &[(&str, &str, Comes)] = &[
    ("gemini", "splits-utf8", Comes::To("grünsplit")),
    ("opencode", "splits-utf8", Comes::To("grün\n\nsplit")),
    ("opencode", "talks-on", Comes::Failed(FailureCode::AgentNoResult)),
];

/// Tricks that have a test of their own: what they answer differs.
const APART: [&str; 2] = ["tells-secrets", "fills-disk"];

fn described() -> CommandDriver {
    CommandDriver::new(CommandDescription {
        name: "described".into(),
        args: vec!["--lines".into()],
        prompt_on_stdin: true,
        keys: vec!["MY_KEY".into()],
        lines: Some(LinesFormat {
            kind: "event".into(),
            result_kind: "done".into(),
            text_kinds: vec!["say".into()],
            text: Some("words".into()),
            ..LinesFormat::default()
        }),
        ..CommandDescription::default()
    })
    .unwrap()
}

/// Runs a trick as the agent of a driver, under a keeper, and sees that nothing of it is left.
async fn play(driver: Arc<dyn AgentDriver>, trick: &str, bound: Bound) -> AgentReport {
    let place = tempfile::tempdir().unwrap();
    let (data, checkout) = (place.path().join("data"), place.path().join("checkout"));
    std::fs::create_dir(&data).unwrap();
    std::fs::create_dir(&checkout).unwrap();
    let facts = driver.facts();
    let key = facts.keys.first().unwrap().clone();
    let mut config = ProgramConfig::new(&facts.name, &place.path().join("state"));
    config.program = hostile::link(Path::new(HOSTILE), trick, place.path());
    config.skip_permissions = true;
    // Its temporary directory is in the place, so the place is in the environment of all that it starts.
    config.passed_env = vec![("PATH".into(), "/usr/bin:/bin".into()), (key.into(), SECRET.into())];
    config.linger = Duration::from_millis(100);
    config.silence = (bound == Bound::Silence).then_some(Duration::from_millis(300));
    config.limits.interrupt_grace = Duration::from_millis(50);
    config.limits.terminate_grace = Duration::from_millis(50);
    if bound == Bound::Bytes {
        (config.limits.max_output, config.limits.max_transcript) = (3 << 20, 1 << 19);
    }
    let processes = Processes::of(&data, Some(Keeper::at(HOSTILE.into())));
    let request = AgentRequest {
        order: OrderId::new(1_700_000_000_000, [7; 10]),
        step: StepName::known("plan"),
        agent_name: AgentName::known("planner"),
        attempt: 1,
        prompt: "Do it.".into(),
        working_dir: checkout,
        borrowed: Vec::new(),
        repository_url: "https://git.example/repository".into(),
        isolation: Isolation::None,
        network: Network::Host,
        model: None,
        session: AgentSession::New(None),
        max_turns: None,
        max_cost_nanousd: None,
        timeout: if bound == Bound::Time { Duration::from_millis(500) } else { LONG },
        silence: None,
        progress: ProgressSink::none(),
    };
    let home = config.home_dir.clone();
    let report =
        ProgramAgent::new(driver, config, Arc::new(processes)).execute(request, CancellationToken::new()).await;
    let left = marked(&place.path().display().to_string());
    assert!(left.is_empty(), "{trick} left {left:?}");
    let mut told = format!("{:?}", report.answer);
    for file in &report.files {
        let text = String::from_utf8_lossy(&std::fs::read(&file.path).unwrap()).into_owned();
        let strays: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("left ")).collect();
        assert!(!strays.iter().any(|pid| runs(pid)), "{trick} left one of {strays:?}");
        let leaves = trick.starts_with("leaves-") || matches!(trick, "forks" | "kills-keeper" | "stops-keeper");
        assert!(file.kind != "transcript.jsonl" || leaves != strays.is_empty(), "{trick} left {strays:?}");
        told.push_str(&text);
    }
    assert!(!told.contains(SECRET), "{trick} told the key: {told}");
    assert_eq!(std::fs::read_dir(home).map_or(0, Iterator::count), 0, "{trick} left a home");
    report
}

fn came(report: &AgentReport) -> (Option<&str>, Option<FailureCode>, Option<ProgramExit>) {
    match &report.answer {
        Ok(answer) => (Some(answer), None, None),
        Err(failure) => (None, Some(failure.code), failure.exit),
    }
}

#[rstest]
#[case::claude(Arc::new(Claude))]
#[case::codex(Arc::new(Codex))]
#[case::gemini(Arc::new(Gemini))]
#[case::opencode(Arc::new(OpenCode))]
#[case::described(Arc::new(described()))]
#[tokio::test]
async fn every_trick_comes_to_the_same_with_every_driver(#[case] driver: Arc<dyn AgentDriver>) {
    let mut wrong = Vec::new();
    for &(trick, bound, comes) in TABLE {
        let report = play(Arc::clone(&driver), trick, bound).await;
        let name = driver.facts().name;
        let otherwise = OTHERWISE.iter().find(|(program, played, _)| *program == name && *played == trick);
        let comes = otherwise.map_or(comes, |(_, _, comes)| *comes);
        let expected = match comes {
            Comes::To(answer) => (Some(answer), None, None),
            Comes::Failed(code) => (None, Some(code), None),
            Comes::Crashed(exit) => (None, Some(FailureCode::AgentCrashed), Some(exit)),
        };
        if came(&report) != expected {
            wrong.push(format!("{trick}: {:?}, and not {comes:?}", report.answer));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let report = play(Arc::clone(&driver), "tells-secrets", Bound::None).await;
    let key = driver.facts().keys[0].clone();
    assert!(report.answer.unwrap().contains(&format!("{key}=[{key}]")));
    let report = play(driver, "fills-disk", Bound::None).await;
    assert_eq!(report.answer.as_deref().unwrap(), "64 MiB");
}

#[test]
fn every_trick_of_the_list_is_in_the_table() {
    let mut faced: Vec<_> = TABLE.iter().map(|(trick, ..)| *trick).chain(APART).collect();
    let mut all: Vec<_> = hostile::TRICKS.iter().map(|(trick, _)| *trick).collect();
    faced.sort_unstable();
    all.sort_unstable();
    assert_eq!(faced, all);
}
