//! Where what is printed goes to somebody other than a terminal: programs that read it, pipes that close, disks that are full.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use awo_testkit::eventually;
use rstest::rstest;
use serde_json::Value;

use crate::setting::{STEPS, Setting, completed, group_ends, program, text};

/// The lines of a program that is read as JSON: what happened, and what belongs to it.
#[track_caller]
fn lines(out: &str) -> Vec<(String, Value)> {
    let read = |line: &str| -> Value { serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")) };
    out.lines().map(read).map(|line| (text(&line["event"]), line["data"].clone())).collect()
}

#[test]
fn who_watches_as_a_program_has_one_object_a_line() {
    let setting = Setting::new();
    let told = setting.run_order(&["--watch", "--json"]).expect(0);
    let lines = lines(&told.out);
    let steps: Vec<_> =
        lines.iter().filter(|(event, _)| event == "step").map(|(_, step)| text(&step["step"])).collect();
    assert_eq!(steps, STEPS);
    assert_eq!((&*lines[0].0, &lines[0].1["status"]), ("order", &"pending".into()));
    let (last, order) = lines.last().unwrap();
    assert_eq!((&**last, &order["status"], &order["steps_completed"]), ("end", &"completed".into(), &7.into()));
    let states: Vec<_> = lines.iter().filter(|(event, _)| event == "state").collect();
    assert!(states.iter().any(|(_, state)| state["current_step"]["step"] == "implement"), "{states:?}");
    assert!(states.iter().all(|(_, state)| state.get("steps").is_none()), "{states:?}");
    assert_eq!(lines.len(), 2 + steps.len() + states.len());

    // Whoever comes later has the same results.
    let id = text(&order["agent_work_order_id"]);
    let again = setting.run(&["steps", &id, "--watch", "--json"]).expect(0);
    let results =
        |text: &str| text.lines().filter(|line| line.contains("\"event\":\"step\"")).collect::<Vec<_>>().join("\n");
    assert_eq!(results(&again.out), results(&told.out));
}

#[test]
fn a_list_is_watched_as_a_program() {
    let setting = Setting::new();
    let server = setting.program.serve();
    let mut watch = setting.program.command(["list", "--watch", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(watch.stdout.take().unwrap()).lines();
    let id = setting.create(&server);
    let mut seen = Vec::new();
    while seen.last().is_none_or(|status| status != "completed") {
        let line = output.next().unwrap().unwrap();
        let (event, order) = lines(&line).remove(0);
        assert_eq!((event, text(&order["agent_work_order_id"])), ("order".to_owned(), id.clone()));
        seen.push(text(&order["status"]));
    }
    drop(output);
    completed(&server, &setting.create(&server));
    assert_eq!(eventually("nobody reads it any more", || watch.try_wait().unwrap()).code(), Some(0));
}

#[test]
fn a_list_cannot_be_watched_where_nothing_changes() {
    let told = crate::setting::Told::from(program().run(["list", "--watch"])).expect(5);
    assert!(told.err.contains("nothing changes"), "{told:?}");
}

/// Starts a command, reads up to a line with these words, and closes the pipe.
fn closed_after(words: &str, mut command: Command) -> Child {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(words)), "{words} is not said");
    child
}

/// How it ended, and what it said to that.
fn end(mut child: Child) -> (Option<i32>, String) {
    let code = eventually("it ends", || child.try_wait().unwrap()).code();
    (code, std::io::read_to_string(child.stderr.take().unwrap()).unwrap())
}

#[test]
fn a_reader_that_has_enough_ends_the_command_quietly() {
    let setting = Setting::new();
    setting.agent.hold("planner");
    let server = setting.program.serve();
    let id = setting.create(&server);
    setting.at_work("planner", 1);
    let commands =
        [&["list"][..], &["show", &id], &["logs", &id, "--follow"], &["steps", &id, "--watch"], &["openapi"]];
    let children: Vec<_> =
        commands.iter().map(|arguments| closed_after("", setting.program.command(*arguments))).collect();
    // What follows notices when it has something to say.
    setting.agent.release("planner");
    for (child, arguments) in children.into_iter().zip(commands) {
        assert_eq!(end(child), (Some(0), String::new()), "{arguments:?}");
    }
    completed(&server, &id);
}

#[test]
fn an_order_in_the_foreground_is_left_when_nobody_reads_any_more() {
    let setting = Setting::new();
    setting.agent.hold("planner");
    let url = setting.remote.url();
    let run = closed_after("✔ classify", setting.program.command(["run", "--repo", &url, "x"]));
    let group = setting.at_work("planner", 1).process;
    setting.agent.release("planner");
    let (code, said) = end(run);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("is left as it is") && !said.contains("panic"), "{said}");
    group_ends(group);
    let server = setting.program.serve();
    let id = text(&setting.run(&["list", "--json"]).expect(0).json()[0]["agent_work_order_id"]);
    completed(&server, &id);
}

#[rstest]
#[case(&["doctor"])]
#[case(&["completions", "bash"])]
#[case(&["man"])]
#[case(&["openapi"])]
fn a_full_disk_is_an_error(#[case] arguments: &[&str]) {
    let program = program();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = program.command(arguments).stdout(full).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write to standard output: No space left"), "{said}");
}

#[rstest]
#[case("bash", "bash", &["-n"])]
#[case("zsh", "zsh", &["-n"])]
#[case("fish", "fish", &["--no-execute"])]
#[case("elvish", "elvish", &["-compileonly"])]
fn completions_are_made_for_each_shell(#[case] shell: &str, #[case] program_of: &str, #[case] check: &[&str]) {
    let program = program();
    let told = crate::setting::Told::from(program.run(["completions", shell])).expect(0);
    assert!(["steps", "on-interrupt", "completions"].iter().all(|word| told.out.contains(word)), "{shell}");
    let script = program.place().join("script");
    std::fs::write(&script, &told.out).unwrap();
    // Only bash is everywhere; what other shells think of it is asked where they are.
    match Command::new(program_of).args(check).arg(&script).output() {
        Ok(output) => assert!(output.status.success(), "{shell}: {output:?}"),
        Err(error) => assert!(shell != "bash", "{error}"),
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let program = program();
    let pages = program.place().join("pages");
    crate::setting::Told::from(program.run(["man", pages.to_str().unwrap()])).expect(0);
    let mut names: Vec<_> = std::fs::read_dir(&pages).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    for page in ["awo.1", "awo-run.1", "awo-steps.1", "awo-state-verify.1", "awo-completions.1"] {
        assert!(names.iter().any(|name| name == page), "{page} is not among {names:?}");
    }
    let page = std::fs::read_to_string(pages.join("awo-run.1")).unwrap();
    assert!(page.contains("on\\-interrupt"), "{page}");
    let alone = crate::setting::Told::from(program.run(["man"])).expect(0);
    assert!(alone.out.contains(".TH awo 1"), "{}", alone.out);
}
