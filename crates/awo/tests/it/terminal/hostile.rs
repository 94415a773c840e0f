//! Text that means a terminal ill, in every place where one is shown.

use awo_testkit::Terminal;

use super::{ADDRESS, setting};
use crate::setting::{Setting, text};

/// Clears the screen, sets its title, turns its direction, hides, is wide, climbs, and is long.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}evil\u{200b}\u{9b}31m 漢字漢字漢字 👩\u{200d}👩\u{200d}👧 \
                       Z\u{301}\u{301}\u{301}\u{301}\u{301}\u{301} and so on, and so on, and so on, and so on, to the end";

/// An order that failed with hostile words, for a hostile request; its id.
fn failed() -> (Setting, String) {
    let setting = setting();
    setting.agent.fail("planner", HOSTILE);
    let told = setting.run(&["run", "--repo", ADDRESS, HOSTILE]).expect(1);
    assert_harmless(&told.out);
    assert_harmless(&told.err);
    let id = text(&setting.run(&["list", "--json"]).expect(0).json()[0]["agent_work_order_id"]);
    (setting, id)
}

#[track_caller]
fn assert_harmless(text: &str) {
    let bad = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c) || c == '\u{200b}';
    assert!(!text.contains(bad), "{:?} in {text:?}", text.chars().find(|c| bad(*c)));
}

#[test]
fn nothing_of_it_is_obeyed() {
    let (setting, id) = failed();
    for arguments in [
        &["list"][..],
        &["show", &id],
        &["steps", &id],
        &["steps", &id, "--full"],
        &["steps", &id, "--watch"],
        &["logs", &id],
        &["list", "--json"],
        &["steps", &id, "--json"],
        &["steps", &id, "--watch", "--json"],
        &["recover", "--dry-run"],
        &["workspace", "list"],
        &["show", "\u{1b}[2J"],
        &["run", "--repo", "\u{1b}[2J://x", "x"],
    ] {
        let told = setting.run(arguments);
        assert_harmless(&told.out);
        assert_harmless(&told.err);
    }
    let steps = setting.run(&["steps", &id]).expect(0);
    assert!(steps.out.contains("\\u{1b}[2J"), "what is hostile is seen: {steps:?}");
}

#[test]
fn an_order_is_one_row_and_a_step_one_line_on_every_terminal() {
    let (setting, id) = failed();
    for columns in [60, 80, 81, 120] {
        let Some(terminal) = Terminal::open(&setting.program.command(["list"]), columns, 24) else { return };
        let shown = terminal.shows("[0]");
        assert_eq!(shown.lines().count(), 2, "a row and the code: {shown}");
        let steps = setting.program.command(["steps", &id]);
        let Some(terminal) = Terminal::open(&steps, columns, 24) else { return };
        let shown = terminal.shows("[0]");
        assert_eq!(shown.lines().count(), 4, "two steps, the sum and the code: {shown}");
    }
}
