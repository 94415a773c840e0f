//! The command line, and what the parser makes of each recording.

use std::ffi::OsString;

use awo_engine::ports::{AgentProgress, AgentSession};
use awo_models::FailureCode;

use super::*;
use crate::agent::recordings::{self, Case, end_of, recording};
use crate::agent::{ProgramEnd, agent_environment};
use crate::process::Exit;

fn command_line(change: impl FnOnce(&mut Case)) -> String {
    let mut case = Case::new();
    change(&mut case);
    case.command_line(&Claude)
}

#[test]
fn the_command_line_holds_what_was_asked_for_and_never_the_prompt() {
    let lines = [
        command_line(|_| {}),
        command_line(|case| {
            case.request.model = Some("sonnet".into());
            case.request.max_turns = Some(30);
            case.skip_permissions = true;
        }),
        command_line(|case| {
            case.request.model = Some("opus".into());
            case.request.session = AgentSession::New(None);
            case.request.max_turns = Some(5);
            case.request.max_cost_nanousd = Some(250_000_000);
            (case.skip_permissions, case.as_root) = (true, true);
        }),
        command_line(|case| {
            case.request.session = AgentSession::Resumed("11111111-2222-4333-8444-555555555555".into());
            case.more_arguments = ["--add-dir", "/shared"].map(OsString::from).into();
            case.as_root = true;
        }),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn only_names_on_the_list_are_passed_on() {
    let passed = agent_environment(&Claude, &["MY_PROVIDER".into()], |name| (name != "LANG").then(|| "value".into()));
    let names: Vec<_> = passed.iter().map(|(name, _)| name.to_str().unwrap()).collect();
    assert!(
        names.contains(&"MY_PROVIDER")
            && names.contains(&"PATH")
            && names.contains(&"ANTHROPIC_API_KEY")
            && !names.contains(&"LANG")
    );
    for secret in ["GITHUB_TOKEN", "GH_TOKEN", "SSH_AUTH_SOCK", "AWS_SECRET_ACCESS_KEY", "CLAUDECODE"] {
        assert!(!names.contains(&secret), "{secret}");
    }
}

#[test]
fn every_recording_comes_to_what_really_happened() {
    insta::assert_snapshot!(recordings::table("claude", &Claude));
}

#[test]
fn a_refusal_that_is_the_last_word_is_no_answer() {
    let mut parser = Box::new(ClaudeParser::default());
    let refusal =
        r#"{"type":"result","subtype":"success","is_error":false,"stop_reason":"refusal","result":"I cannot"}"#;
    parser.feed(refusal, &mut |_| {});
    let end = ProgramEnd { exit: Exit::Exited(0), lingered: false, stderr_tail: String::new() };
    assert_eq!(parser.finish(&end).answer.unwrap_err().code, FailureCode::AgentRefused);
}

#[test]
fn only_a_limit_that_was_reached_is_waited_for() {
    let until = |name: &str| {
        let recording = recording("claude", name);
        let outcome = Case::new().outcome(&Claude, Earlier::Nothing, &recording.output, &end_of(&recording));
        let failure = outcome.answer.unwrap_err();
        assert_eq!(failure.code, FailureCode::AgentRateLimited);
        failure.until.map(|until| until.to_string())
    };
    assert_eq!(until("ratelimit").as_deref(), Some("2100-01-01T00:00:00Z"));
    assert_eq!(until("ratelimit-warning"), None, "that limit was far away");
}

#[test]
fn what_it_does_is_told_while_it_does_it() {
    let told =
        recordings::story("claude", "commit", &Claude) + &recordings::story("claude", "err529-recovers", &Claude);
    insta::assert_snapshot!(told);
}

#[test]
fn it_has_answered_when_it_is_not_at_work_again() {
    let mut parser = ClaudeParser::default();
    let mut answered_after = |line: &str| {
        parser.feed(line, &mut |_: AgentProgress| {});
        parser.has_answered()
    };
    assert!(!answered_after(r#"{"type":"system","subtype":"init","session_id":"s"}"#));
    assert!(!answered_after(r#"{"type":"assistant","message":{"id":"1","content":[]}}"#));
    assert!(answered_after(r#"{"type":"result","subtype":"success","is_error":false,"result":"first"}"#));
    assert!(answered_after(r#"{"type":"system","subtype":"task_updated"}"#));
    assert!(!answered_after(r#"{"type":"system","subtype":"init","session_id":"s"}"#));
    assert!(answered_after(r#"{"type":"result","subtype":"success","is_error":false,"result":"second"}"#));
}
