//! The command line, and what the parser makes of each recording.

use awo_engine::ports::AgentSession;

use super::*;
use crate::agent::recordings::{self, Case};

fn command_line(change: impl FnOnce(&mut Case)) -> String {
    let mut case = Case::new();
    change(&mut case);
    case.command_line(&OpenCode)
}

#[test]
fn the_command_line_holds_what_was_asked_for_and_never_the_prompt() {
    let lines = [
        command_line(|_| {}),
        command_line(|case| {
            case.request.model = Some("anthropic/claude-sonnet-5".into());
            case.request.session = AgentSession::Resumed("ses_dfd62e7d0ffeeOTOSLD7ddYvxi".into());
            case.skip_permissions = true;
        }),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn every_recording_comes_to_what_really_happened() {
    insta::assert_snapshot!(recordings::table("opencode", &OpenCode));
}

#[test]
fn what_it_does_is_told_while_it_does_it() {
    insta::assert_snapshot!(
        recordings::story("opencode", "commit", &OpenCode)
            + &recordings::story("opencode", "outside-noauto", &OpenCode)
    );
}
