//! Prompts that come after the request, with the real program and a real remote.

use awo_testkit::until;
use serde_json::{Value, json};

use crate::setting::{ORDERS, Setting, completed, create, history, order, program, steps, text, told};

/// A server whose scripted agent has completed an order.
fn delivered(setting: &Setting) -> (awo_testkit::Server, String, String) {
    let server = setting.program.serve_with(["--agent", "scripted"]);
    let id = create(&server, &setting.body());
    let branch = text(&completed(&server, &id)["git_branch_name"]);
    (server, id, branch)
}

#[test]
fn a_prompt_to_a_delivered_order_is_one_more_step_and_one_more_commit_on_its_branch() {
    let setting = Setting::new();
    let (server, id, branch) = delivered(&setting);
    setting.nothing_is_left();
    let before = setting.remote.head(&branch);
    let tail = &id[id.len() - 8..];
    let told_now = setting.run(&["prompt", tail, "Say where it is written, too"]).expect(0);
    assert!(told_now.out.contains(&format!("awo steps {id} --watch")), "{told_now:?}");
    until("the prompt is done", || steps(&server, &id).len() == 8);
    let order = completed(&server, &id);
    let steps = steps(&server, &id);
    assert_eq!(told(&steps)[7], "prompt-1 1 ok");
    assert_eq!(steps[7]["prompt_text"], "Say where it is written, too");
    assert_eq!(
        setting.remote.log(&branch),
        ["docs: note what prompt-1 asked for", "feat: greet people in their own language", "first commit"]
    );
    let parent = setting.remote.git(["rev-parse", &format!("{branch}^")]);
    assert_eq!(parent.trim(), before, "on top of what was there");
    assert_eq!(steps[7]["evidence"]["push"]["commit"], Value::from(setting.remote.head(&branch)));
    assert_eq!((&order["steps_completed"], &order["total_steps"]), (&json!(8), &json!(8)));
    assert_eq!((&order["git_commit_count"], &order["queued_prompts"]), (&json!(2), &json!(0)));
    assert_eq!(setting.remote.branches().len(), 2);
    let whole = setting.run(&["steps", &id, "--full"]).expect(0);
    assert!(whole.out.contains("> Say where it is written, too"), "{}", whole.out);
    setting.nothing_is_left();
}

#[test]
fn a_prompt_to_a_running_order_comes_after_its_step_and_is_not_lost_by_a_kill() {
    let setting = Setting::new();
    let mut server = setting.program.serve_with(["--agent", "scripted"]);
    let id = create(&server, &setting.body());
    until("the plan is at work", || history(&server, &id)["current_step"]["step"] == "plan");
    let told_now = setting.run(&["prompt", &id, "Also in Welsh"]).expect(0);
    assert!(told_now.out.contains("after the step that is at work"), "{told_now:?}");
    server.kill();
    drop(server);
    let server = setting.program.serve_with(["--agent", "scripted"]);
    let order = completed(&server, &id);
    let told = told(&steps(&server, &id));
    let place = told.iter().position(|step| step == "prompt-1 1 ok").unwrap_or_else(|| panic!("{told:?}"));
    assert!(place > 1 && told[place - 1].starts_with("plan ") && told[place + 1].starts_with("find_plan "), "{told:?}");
    assert_eq!((&order["steps_completed"], &order["total_steps"]), (&json!(8), &json!(8)));
    assert_eq!(setting.remote.log(&text(&order["git_branch_name"])).len(), 2, "one commit has all of it");
}

#[test]
fn the_branch_that_somebody_else_went_on_with_is_not_overwritten() {
    let setting = Setting::new();
    let (server, id, branch) = delivered(&setting);
    setting.nothing_is_left();
    let theirs = setting.remote.commit(&branch, "review: a word", &[("review.txt", "a word\n")]);
    setting.run(&["prompt", &id, "More"]).expect(0);
    until("the prompt was tried", || steps(&server, &id).len() == 8);
    let order = crate::setting::ended(&server, &id);
    assert_eq!((&order["status"], &order["error_code"]), (&"failed".into(), &"forge_failed".into()), "{order:#}");
    assert!(text(&order["error_message"]).contains(&theirs), "{order:#}");
    assert_eq!(setting.remote.head(&branch), theirs);
    assert_eq!(setting.workspaces(), [id], "what was done is kept");
}

#[test]
fn what_an_agent_at_work_does_is_shown() {
    let setting = Setting::new();
    let server = setting.program.serve_with(["--agent", "scripted"]);
    let id = create(&server, &setting.body());
    until("a file is written", || {
        let current = history(&server, &id)["current_step"].clone();
        let activity = current["activity"].as_array().cloned().unwrap_or_default();
        activity.iter().any(|it| it["kind"] == "tool_started" && text(&it["tool"]) == "write")
    });
    completed(&server, &id);
    assert!(order(&server, &id)["current_step"].is_null());
}

#[test]
fn what_cannot_be_prompted_is_refused_with_the_cure() {
    let setting = Setting::new();
    let told_now = setting.run(&["prompt", "wo-1", "More"]).expect(5);
    assert!(told_now.err.contains("start one with `awo serve`"), "{told_now:?}");
    let server = setting.program.serve_with(["--agent", "scripted"]);
    let id = create(&server, &setting.body());
    let told_now = setting.run(&["prompt", &id, " "]).expect(2);
    assert!(told_now.err.contains("prompt_text: is empty; say what is wanted"), "{told_now:?}");
    setting.run(&["prompt", "wo-019b7d2d00007fff8fffffffffffffff", "More"]).expect(4);
    let help = program().run(["prompt", "--help"]);
    assert!(String::from_utf8(help.stdout).unwrap().contains("becomes a further step"));
    assert_eq!(server.get(&format!("{ORDERS}/{id}/prompt")).status, 405);
}
