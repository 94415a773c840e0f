//! The command line, and what the parser makes of each recording.

use awo_engine::ports::AgentSession;

use super::*;
use crate::agent::recordings::{self, Case};

fn command_line(change: impl FnOnce(&mut Case)) -> String {
    let mut case = Case::new();
    change(&mut case);
    case.command_line(&Gemini)
}

#[test]
fn the_command_line_holds_what_was_asked_for_and_never_the_prompt() {
    let lines = [
        command_line(|_| {}),
        command_line(|case| {
            case.request.model = Some("gemini-2.5-flash".into());
            case.request.max_turns = Some(7);
            case.request.session = AgentSession::Resumed("11111111-2222-4333-8444-555555555555".into());
            case.skip_permissions = true;
            case.passed_env = vec![(KEY.into(), "canary".into())];
        }),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn every_recording_comes_to_what_really_happened() {
    insta::assert_snapshot!(recordings::table("gemini", &Gemini));
}

#[test]
fn what_it_does_is_told_while_it_does_it() {
    insta::assert_snapshot!(
        recordings::story("gemini", "commit", &Gemini) + &recordings::story("gemini", "noyolo", &Gemini)
    );
}
