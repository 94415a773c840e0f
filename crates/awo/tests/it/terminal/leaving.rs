//! Ctrl-C while an order is followed: it asks once, and a second one leaves at once.

use awo_testkit::{Terminal, group_runs, until};
use rstest::rstest;

use super::{run_command, setting};
use crate::setting::{Setting, completed, ended, group_ends, order, text};

const QUESTION: &str = "[c/L]";

/// The status of the only order.
fn status(setting: &Setting) -> String {
    text(&setting.run(&["list", "--json"]).expect(0).json()[0]["status"])
}

#[rstest]
#[case::cancelled(&["c", "Enter"], 3, "cancelled")]
#[case::left(&["Enter"], 1, "pending")]
#[case::left_by_the_end_of_input(&["C-d"], 1, "pending")]
#[case::asked_twice(&["C-c"], 1, "pending")]
fn an_order_of_this_terminal_is_cancelled_or_left(#[case] keys: &[&str], #[case] code: i32, #[case] becomes: &str) {
    let setting = setting();
    setting.agent.hold("planner");
    let Some(terminal) = Terminal::open(&run_command(&setting, &[]), 100, 30) else { return };
    let group = setting.at_work("planner", 1).process;
    terminal.press("C-c");
    let shown = terminal.shows(QUESTION);
    assert!(shown.contains("cancel the order, or leave it for the next start?"), "{shown}");
    assert!(group_runs(group), "the work goes on while somebody thinks");
    for key in keys {
        terminal.press(key);
    }
    let shown = terminal.shows(&format!("[{code}]"));
    group_ends(group);
    assert_eq!(status(&setting), becomes, "{shown}");
    assert_eq!(shown.matches(QUESTION).count(), 1, "asked once: {shown}");
}

#[test]
fn an_order_of_a_server_goes_on_without_who_watched_it() {
    let setting = setting();
    setting.agent.hold("planner");
    let server = setting.program.serve();
    let id = setting.create(&server);
    setting.at_work("planner", 1);
    let watch = setting.program.command(["steps", &id[id.len() - 4..], "--watch"]);
    let Some(terminal) = Terminal::open(&watch, 100, 30) else { return };
    terminal.shows("plan ");
    terminal.press("C-c");
    let shown = terminal.shows(QUESTION);
    assert!(shown.contains("or leave it to the server?"), "{shown}");
    terminal.press("Enter");
    let shown = terminal.shows("[1]");
    assert!(shown.contains("goes on without you"), "{shown}");
    assert_eq!(order(&server, &id)["status"], "running");
    setting.agent.release("planner");
    completed(&server, &id);
}

#[test]
fn an_order_of_a_server_is_cancelled_by_who_made_and_watches_it() {
    let setting = setting();
    setting.agent.hold("planner");
    let server = setting.program.serve();
    let create = ["create", "--repo", &setting.remote.url(), "--watch", "x"];
    let Some(terminal) = Terminal::open(&setting.program.command(create), 100, 30) else { return };
    setting.at_work("planner", 1);
    terminal.shows("plan ");
    terminal.press("C-c");
    terminal.shows(QUESTION);
    terminal.press("c");
    terminal.press("Enter");
    terminal.shows("[3]");
    let id = text(&setting.run(&["list", "--json"]).expect(0).json()[0]["agent_work_order_id"]);
    assert_eq!(ended(&server, &id)["status"], "cancelled");
}

#[test]
fn an_order_that_ends_while_somebody_thinks_is_told() {
    let setting = setting();
    setting.agent.hold("committer");
    let Some(terminal) = Terminal::open(&run_command(&setting, &["--on-interrupt", "ask"]), 100, 40) else { return };
    setting.at_work("committer", 1);
    terminal.press("C-c");
    terminal.shows(QUESTION);
    setting.agent.release("committer");
    until("it has ended", || status(&setting) == "completed");
    terminal.press("Enter");
    let shown = terminal.shows("[0]");
    assert!(shown.contains("completed in "), "{shown}");
}
