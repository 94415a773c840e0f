//! The command line, and what the parser makes of each recording.

use std::fmt::Write as _;
use std::time::Duration;

use awo_engine::ports::ProgressSink;
use awo_models::{AgentName, OrderId, StepName};
use awo_testkit::programs::{RecordedExit, Recording};

use super::*;
use crate::process::{EndCause, Exit, RunEnd};

fn request() -> AgentRequest {
    AgentRequest {
        order: OrderId::new(1_700_000_000_000, [7; 10]),
        step: StepName::known("plan"),
        agent_name: AgentName::known("planner"),
        attempt: 1,
        prompt: "$(touch /tmp/owned)".into(),
        working_dir: "/checkout".into(),
        model: None,
        session: AgentSession::New(Some("11111111-2222-4333-8444-555555555555".into())),
        max_turns: None,
        max_cost_nanousd: None,
        timeout: Duration::from_mins(1),
        silence: None,
        progress: ProgressSink::none(),
    }
}

fn command_line(config: &ClaudeConfig, request: &AgentRequest) -> String {
    let arguments = arguments::arguments(config, request);
    let words = arguments.iter().map(|argument| argument.to_str().unwrap());
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_command_line_holds_what_was_asked_for_and_never_the_prompt() {
    let mut config = ClaudeConfig::new(Path::new("/state"));
    let mut request = request();
    let usual = command_line(&config, &request);
    config.model = Some("sonnet".into());
    config.max_turns = Some(30);
    config.skip_permissions = true;
    let configured = command_line(&config, &request);
    request.model = Some("opus".into());
    request.session = AgentSession::New(None);
    request.max_turns = Some(5);
    request.max_cost_nanousd = Some(250_000_000);
    let requested = command_line(&config, &request);
    insta::assert_snapshot!(format!("{usual}\n{configured}\n{requested}"));
}

#[test]
fn only_names_on_the_list_are_passed_on() {
    let passed = claude_environment(|name| (name != "LANG").then(|| "value".into()));
    let names: Vec<_> = passed.iter().map(|(name, _)| name.to_str().unwrap()).collect();
    assert!(names.contains(&"PATH") && names.contains(&"ANTHROPIC_API_KEY") && !names.contains(&"LANG"));
    for secret in ["GITHUB_TOKEN", "GH_TOKEN", "SSH_AUTH_SOCK", "AWS_SECRET_ACCESS_KEY", "CLAUDECODE"] {
        assert!(!names.contains(&secret), "{secret}");
    }
}

fn outcome_of(recording: &Recording) -> parser::ClaudeOutcome {
    let exit = match recording.exit {
        RecordedExit::Code(code) => Exit::Exited(code),
        RecordedExit::Signal(signal) => Exit::Signalled(signal),
    };
    let end = RunEnd { exit, cause: EndCause::Own, stderr_tail: recording.errors.clone(), dropped_bytes: 0 };
    let mut parser = ClaudeParser::default();
    recording.output.lines().for_each(|line| parser.feed(line));
    parser.finish(&end, &RunLimits::default())
}

#[test]
fn every_recording_comes_to_what_really_happened() {
    let mut table = String::new();
    for recording in awo_testkit::programs::recordings("claude") {
        let outcome = outcome_of(&recording);
        let (class, text) = match &outcome.answer {
            Ok(answer) => ("completed", answer.to_string()),
            Err(failure) => (failure.code.as_str(), failure.message.to_string()),
        };
        let usage = outcome.usage.unwrap_or_default();
        let number = |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
        writeln!(
            table,
            "{:<40} {class:<17} {:<8} turns {:<2} in {:<5} out {:<4} cache {:<5} nanousd {:<9} {:<17} {:<8} {:?}",
            recording.name,
            outcome.session_id.as_deref().map_or("-", |id| &id[..8]),
            number(usage.turns),
            number(usage.input_tokens),
            number(usage.output_tokens),
            number(usage.cache_read_tokens),
            number(usage.cost_nanousd),
            usage.model.as_deref().unwrap_or("?"),
            usage.agent_version.as_deref().unwrap_or("?"),
            text.chars().take(70).collect::<String>(),
        )
        .unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn who_stopped_the_program_outweighs_what_it_said() {
    let code = |cause| {
        let mut parser = ClaudeParser::default();
        parser.feed(r#"{"type":"result","subtype":"success","is_error":false,"result":"done"}"#);
        let end = RunEnd { exit: Exit::Exited(0), cause, stderr_tail: String::new(), dropped_bytes: 0 };
        parser.finish(&end, &RunLimits::default()).answer.map_err(|failure| failure.code)
    };
    assert_eq!(code(EndCause::Own), Ok("done".into()));
    assert_eq!(code(EndCause::Cancelled), Err(FailureCode::Cancelled));
    assert_eq!(code(EndCause::WallTimeout), Err(FailureCode::AgentTimeout));
    assert_eq!(code(EndCause::SilenceTimeout), Err(FailureCode::AgentSilent));
}

#[test]
fn a_refusal_that_is_the_last_word_is_no_answer() {
    let mut parser = ClaudeParser::default();
    parser
        .feed(r#"{"type":"result","subtype":"success","is_error":false,"stop_reason":"refusal","result":"I cannot"}"#);
    let end = RunEnd { exit: Exit::Exited(0), cause: EndCause::Own, stderr_tail: String::new(), dropped_bytes: 0 };
    let outcome = parser.finish(&end, &RunLimits::default());
    assert_eq!(outcome.answer.unwrap_err().code, FailureCode::AgentRefused);
}

#[test]
fn only_a_limit_that_was_reached_is_waited_for() {
    let until = |name: &str| {
        let recordings = awo_testkit::programs::recordings("claude");
        let recording = recordings.iter().find(|recording| recording.name == name).unwrap();
        let failure = outcome_of(recording).answer.unwrap_err();
        assert_eq!(failure.code, FailureCode::AgentRateLimited);
        failure.until.map(|until| until.to_string())
    };
    assert_eq!(until("ratelimit").as_deref(), Some("2100-01-01T00:00:00Z"));
    assert_eq!(until("ratelimit-warning"), None, "that limit was far away");
}
