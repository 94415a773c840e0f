//! What a person sees at a terminal, in a real one.

mod hostile;
mod leaving;
mod lists;

use std::process::Command;

use awo_testkit::Terminal;
use rstest::rstest;

use crate::setting::{STEPS, Setting, text};

/// An address that is the same in every run, whose repository is the fixture.
const ADDRESS: &str = "https://git.example/team/greeter.git";

fn setting() -> Setting {
    Setting::new().redirected_from(ADDRESS)
}

fn run_command(setting: &Setting, arguments: &[&str]) -> Command {
    let whole = [&["run", "--repo", ADDRESS], arguments, &["Say hello in more languages"]].concat();
    setting.program.command(whole)
}

/// What is shown, with what differs between runs left out. Columns stay.
fn settled(setting: &Setting) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"of a pull request: [^…]*?\.md", "of a pull request: [path]");
    settings.add_filter(setting.program.place().to_str().unwrap(), "[place]");
    settings.add_filter(r"wo-[0-9a-f]{32}", "wo-[............ id ............]");
    settings.add_filter(r"\b[0-9a-f]{8}\b", "[ id   ]");
    settings.add_filter(r"( *)\d+(\.\d)? s\b", "[time]");
    settings.add_filter(r"\d+ saves?, \d+\.\d ms, \d+\.\d\d %", "[saves and time]");
    settings.add_filter(r"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]", "*");
    settings
}

#[rstest]
#[case::narrow(80)]
#[case::wide(200)]
fn an_order_is_followed_step_by_step(#[case] columns: u16) {
    let setting = setting();
    setting.agent.hold("implementor");
    let Some(terminal) = Terminal::open(&run_command(&setting, &[]), columns, 40) else { return };
    setting.at_work("implementor", 1);
    let at_work = terminal.shows("implement ");
    setting.agent.release("implementor");
    let ended = terminal.shows("[0]");
    assert!(terminal.painted().contains("\u{1b}[32m✔"), "no colours: {}", terminal.painted());
    settled(&setting).bind(|| {
        insta::assert_snapshot!(format!("at_work_{columns}"), at_work);
        insta::assert_snapshot!(format!("ended_{columns}"), ended);
    });
}

#[test]
fn a_failure_says_what_is_kept_and_what_to_do() {
    let setting = setting();
    setting.agent.fail("implementor", "the disk is on fire");
    let Some(terminal) = Terminal::open(&run_command(&setting, &[]), 100, 40) else { return };
    let failed = terminal.shows("[1]");
    settled(&setting).bind(|| insta::assert_snapshot!("failed_100", failed));
    // What it names can be done.
    setting.agent.mend("implementor");
    let id = text(&setting.run(&["list", "--json"]).expect(0).json()[0]["agent_work_order_id"]);
    let tail = &id[id.len() - 8..];
    setting.run(&["workspace", "path", tail]).expect(0);
    let said = setting.run(&["steps", tail, "--transcript", "plan"]).expect(0);
    assert!(said.out.contains("\"type\":\"result\""), "{said:?}");
    let none = setting.run(&["steps", tail, "--transcript", "commit"]).expect(4);
    let server = setting.program.serve();
    let again = setting.run(&["retry", tail, "--watch"]).expect(0);
    assert!(again.out.contains("✔ implement (2)") && again.out.contains("7 of 7 steps"), "{again:?}");
    let more = setting.run(&["prompt", tail, "Say it in Welsh, too", "--watch", "--json"]).expect(0);
    assert!(
        more.out.lines().last().unwrap().contains("\"event\":\"end\"") && more.out.contains("prompt-1"),
        "{more:?}"
    );
    drop(server);
    assert!(none.err.contains("it has classify, plan, find_plan, generate_branch, implement"), "{none:?}");
}

#[rstest]
#[case::no_color("NO_COLOR", "1", true)]
#[case::clicolor("CLICOLOR", "0", true)]
#[case::dumb("TERM", "dumb", false)]
fn colours_and_movement_are_left_out_where_they_are_not_wanted(
    #[case] variable: &str,
    #[case] value: &str,
    #[case] moves: bool,
) {
    let setting = setting();
    setting.agent.hold("planner");
    let mut command = run_command(&setting, &["--select", "planning"]);
    command.env(variable, value);
    let Some(terminal) = Terminal::open(&command, 80, 24) else { return };
    setting.at_work("planner", 1);
    if moves {
        terminal.shows("planning ");
    } else {
        terminal.shows("on https://");
        assert!(!terminal.shown().contains("planning"), "{}", terminal.shown());
    }
    setting.agent.release("planner");
    terminal.shows("[0]");
    assert!(terminal.shown().contains("✔ planning"), "{}", terminal.shown());
    assert!(!terminal.painted().contains('\u{1b}'), "codes: {:?}", terminal.painted());
}

#[test]
fn a_terminal_that_changes_its_size_shows_every_step_once() {
    let setting = setting();
    setting.agent.hold("implementor");
    let Some(terminal) = Terminal::open(&run_command(&setting, &[]), 120, 40) else { return };
    setting.at_work("implementor", 1);
    terminal.shows("implement ");
    // The moving line is broken into two, and drawn anew in one that is cut.
    let line = |shown: &str| shown.lines().find(|line| line.contains("implement ")).map(str::to_owned);
    terminal.resize(24, 40);
    terminal.eventually("the line is cut", |shown| line(shown).is_some_and(|line| line.ends_with('…')));
    terminal.resize(60, 20);
    terminal.eventually("the line is whole", |shown| line(shown).is_some_and(|line| line.ends_with('s')));
    terminal.resize(120, 40);
    setting.agent.release("implementor");
    terminal.shows("[0]");
    let shown = terminal.shown();
    for step in STEPS {
        assert_eq!(shown.matches(&format!("✔ {step} ")).count(), 1, "{step}: {shown}");
    }
    let left = |c: char| "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏".contains(c);
    assert!(!shown.contains(left), "a moving line is left: {shown}");
}
