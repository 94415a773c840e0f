//! Lists that go with what happens.

use awo_testkit::Terminal;

use super::setting;
use crate::setting::completed;

#[test]
fn a_list_that_is_watched_goes_with_its_orders_and_leaves_the_terminal_as_it_was() {
    let setting = setting();
    setting.agent.hold("planner");
    let server = setting.program.serve();
    let Some(terminal) = Terminal::open(&setting.program.command(["list", "--watch"]), 80, 12) else { return };
    terminal.shows("awo · 0 orders");
    let id = setting.create(&server);
    let tail = &id[id.len() - 8..];
    setting.at_work("planner", 1);
    let shown = terminal.eventually("it plans", |shown| shown.contains("1/7 plan "));
    assert!(shown.contains(tail) && shown.contains("1 order · 1 running"), "{shown}");
    terminal.resize(60, 12);
    setting.agent.release("planner");
    completed(&server, &id);
    let shown = terminal.eventually("it is completed", |shown| shown.contains("7/7 completed"));
    assert_eq!(shown.matches(tail).count(), 1, "{shown}");
    terminal.press("C-c");
    let shown = terminal.shows("[0]");
    assert_eq!(shown, "[0]", "the picture is gone");
}

#[test]
fn top_shows_what_has_not_ended_only() {
    let setting = setting();
    let server = setting.program.serve();
    let done = setting.create(&server);
    completed(&server, &done);
    setting.agent.hold("planner");
    let id = setting.create(&server);
    setting.at_work("planner", 2);
    let Some(terminal) = Terminal::open(&setting.program.command(["top"]), 80, 12) else { return };
    let shown = terminal.shows(&id[id.len() - 8..]);
    assert!(!shown.contains(&done[done.len() - 8..]), "{shown}");
    setting.agent.release("planner");
    completed(&server, &id);
    terminal.shows("awo · 0 orders");
    server.terminate();
    terminal.shows("the server does not answer");
    terminal.press("C-c");
    terminal.shows("[0]");
}
