//! The command line, and what the parser makes of each recording.

use std::ffi::OsString;

use awo_engine::ports::AgentSession;

use super::*;
use crate::agent::ProgramEnd;
use crate::agent::recordings::{self, Case, end_of, recording};
use crate::process::Exit;

fn command_line(change: impl FnOnce(&mut Case)) -> String {
    let mut case = Case::new();
    change(&mut case);
    case.command_line(&Codex)
}

#[test]
fn the_command_line_holds_what_was_asked_for_and_never_the_prompt() {
    let lines = [
        command_line(|_| {}),
        command_line(|case| {
            case.request.model = Some("gpt-mock".into());
            case.skip_permissions = true;
            case.more_arguments = ["-c", "model_provider=\"mock\""].map(OsString::from).into();
        }),
        command_line(|case| {
            case.request.session = AgentSession::Resumed("01a20298-41a0-77b0-b35f-7e69ed57dac7".into());
            case.passed_env = vec![
                ("OPENAI_API_KEY".into(), "sk-canary".into()),
                ("OPENAI_BASE_URL".into(), "http://me:\"pw\"@127.0.0.1:1/v1".into()),
            ];
        }),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn every_recording_comes_to_what_really_happened() {
    insta::assert_snapshot!(recordings::table("codex", &Codex));
}

#[test]
fn what_it_does_is_told_while_it_does_it() {
    insta::assert_snapshot!(
        recordings::story("codex", "commit", &Codex) + &recordings::story("codex", "err500", &Codex)
    );
}

#[test]
fn a_session_that_goes_on_is_not_counted_twice() {
    let (first, second) = (recording("codex", "text"), recording("codex", "resume"));
    let before = Case::new().outcome(&Codex, Earlier::Nothing, &first.output, &end_of(&first));
    let earlier = Earlier::Total(before.session_total.unwrap());
    let used = Case::new().outcome(&Codex, earlier, &second.output, &end_of(&second)).usage.unwrap();
    assert_eq!((used.input_tokens, used.output_tokens), (Some(100), Some(20)));
    let unknown = Case::new().outcome(&Codex, Earlier::Unknown, &second.output, &end_of(&second));
    assert_eq!(unknown.usage, None);
    assert_eq!(unknown.session_total.unwrap().input_tokens, Some(200), "for the next time");
}

#[test]
fn words_of_errors_have_classes() {
    use awo_models::FailureCode::{AgentAuth, AgentCrashed, AgentOverloaded, AgentRateLimited};
    for (words, code) in [
        ("unexpected status 401 Unauthorized: bad key, url: http://127.0.0.1/v1/responses", AgentAuth),
        ("exceeded retry limit, last status: 429 Too Many Requests", AgentRateLimited),
        ("You've hit your usage limit. Try again in 3 days", AgentRateLimited),
        ("Your access token could not be refreshed. Please log out and sign in again.", AgentAuth),
        ("We’re currently experiencing high demand, which may cause temporary errors.", AgentOverloaded),
        ("unexpected status 503 Service Unavailable", AgentOverloaded),
        ("The model does not exist", AgentCrashed),
    ] {
        let failed = serde_json::json!({"type": "turn.failed", "error": {"message": words}}).to_string();
        let end = ProgramEnd { exit: Exit::Exited(1), lingered: false, stderr_tail: String::new() };
        let outcome = Case::new().outcome(&Codex, Earlier::Nothing, &failed, &end);
        assert_eq!(outcome.answer.unwrap_err().code, code, "{words}");
    }
}
