//! What an order delivers, as git and the files on disk show it.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::setting::{ORDERS, Setting, completed, create, ended, steps, text, told};

#[test]
fn the_plan_workflow_pushes_one_commit_and_leaves_the_base_alone() {
    let setting = Setting::new();
    let base = setting.remote.head("main");
    let server = setting.program.serve();
    let id = setting.create(&server);
    let order = completed(&server, &id);
    let branch = text(&order["git_branch_name"]);

    assert_eq!(setting.remote.branches(), [branch.as_str(), "main"]);
    assert_eq!(setting.remote.head("main"), base);
    let range = format!("main..{branch}");
    assert_eq!(setting.remote.git(["rev-list", "--count", &range]).trim(), "1");
    let who = setting.remote.git(["log", "-1", "--format=%an <%ae>, %cn <%ce>: %s", &branch]);
    assert_eq!(who.trim(), "awo <awo@localhost>, awo <awo@localhost>: feat: say hello in more languages");
    let changed = setting.remote.git(["diff", "--name-only", "main", &branch]);
    assert_eq!(
        changed.lines().collect::<Vec<_>>(),
        ["README.md", "greetings.txt", "specs/say-hello-in-more-languages.md"]
    );
    assert_eq!(setting.remote.file_at(&branch, "greetings.txt").unwrap(), "en Hello\nde Hallo\nfr Bonjour\n");

    let counted = ["git_commit_count", "git_files_changed", "git_lines_added", "git_lines_removed"].map(|f| &order[f]);
    assert_eq!(counted, [1, 3, 19, 0].map(Value::from).each_ref());
    let steps = steps(&server, &id);
    let (commit, pull_request) = (&steps[5]["evidence"], &steps[6]["evidence"]);
    assert_eq!(commit["total"]["commits"], 1);
    assert_eq!(text(&pull_request["push"]["commit"]), setting.remote.head(&branch));
    assert_eq!(pull_request["pull_request"]["kind"], "no_forge");
    assert_eq!(order["github_pull_request_url"], Value::Null);

    let names: Vec<_> = steps.iter().flat_map(|step| step["artifacts"].as_array().unwrap()).map(text).collect();
    let kept = |ending: &str| {
        let name = names.iter().find(|name| name.ends_with(ending)).unwrap_or_else(|| panic!("{ending}: {names:?}"));
        setting.artifact(&id, name)
    };
    let words = kept("pull-request.md");
    assert!(
        words.starts_with("# feat: Say hello in more languages\n") && words.contains("greetings in three languages")
    );
    assert!(kept("changes.patch").contains("+fr Bonjour"));
    assert!(kept("classify-1.transcript.jsonl").contains(r#""result":"/feature""#));
    assert_eq!(names.iter().filter(|name| name.ends_with(".transcript.jsonl")).count(), 7);
    setting.nothing_is_left();
}

#[test]
fn what_an_order_changed_can_be_had_when_its_checkout_is_gone() {
    let setting = Setting::new();
    let server = setting.program.serve();
    let id = setting.create(&server);
    let branch = text(&completed(&server, &id)["git_branch_name"]);
    setting.nothing_is_left();

    let diff = server.get(&format!("{ORDERS}/{id}/diff"));
    assert_eq!(diff.status, 200, "{}", diff.text);
    let of_git = setting.remote.git(["diff-tree", "-r", "-p", "--no-renames", "main", &branch]);
    assert_eq!(diff.text, of_git);
    assert_eq!(setting.run(&["diff", &id]).out, diff.text);
    let json = setting.run(&["diff", &id, "--json"]).json();
    assert_eq!((text(&json["diff"]), &json["step"]), (diff.text, &Value::Null));

    let progress = server.get(&format!("/api{ORDERS}/{id}/git-progress/")).json();
    assert_eq!(progress["latest_commit_message"], "feat: say hello in more languages");
    assert_eq!(text(&progress["latest_commit_sha"]), setting.remote.head(&branch));
    assert_eq!(text(&progress["base_commit"]), setting.remote.head("main"));
    let counted = ["git_commit_count", "git_files_changed", "git_lines_added"].map(|field| &progress[field]);
    assert_eq!(counted, [1, 3, 19].map(Value::from).each_ref());
    assert_eq!(progress["phase_history"].as_array().unwrap().len(), 7);

    let gone = server.get(&format!("{ORDERS}/{id}/steps/5/diff"));
    assert_eq!((gone.status, &gone.json()["type"]), (404, &json!("urn:awo:problem:diff-not-found")));
    let told = setting.run(&["diff", &id, "--step", "5"]);
    assert!(told.err.contains("keep_workspaces") && told.code == Some(4), "{told:#?}");
}

#[test]
fn selected_commands_run_in_their_order() {
    let setting = Setting::new();
    let server = setting.program.serve();
    let mut body = setting.body();
    let commands = ["create-branch", "planning", "execute", "prp-review", "commit", "create-pr"];
    body["selected_commands"] = json!(commands);
    let id = create(&server, &body);
    let order = completed(&server, &id);
    assert_eq!(told(&steps(&server, &id)), commands.map(|step| format!("{step} 1 ok")));
    assert_eq!((&order["workflow_type"], &order["selected_commands"]), (&Value::Null, &json!(commands)));
    let branch = text(&order["git_branch_name"]);
    assert_eq!(setting.remote.log(&branch), ["feat: say hello in more languages", "first commit"]);
}

#[test]
fn an_order_of_another_branch_starts_there() {
    let setting = Setting::new();
    setting.remote.commit("next", "on the way", &[("next.txt", "soon\n")]);
    let server = setting.program.serve();
    let mut body = setting.body();
    body["base_branch"] = json!("next");
    body["sandbox_type"] = json!("git_branch");
    let order = completed(&server, &create(&server, &body));
    let log = setting.remote.log(&text(&order["git_branch_name"]));
    assert_eq!(log, ["feat: say hello in more languages", "on the way", "first commit"]);
}

#[test]
fn an_agent_that_is_denied_its_tools_fails_the_step() {
    let setting = Setting::with(&[("CLAUDE_CLI_SKIP_PERMISSIONS", "false")]);
    let server = setting.program.serve();
    let id = setting.create(&server);
    let order = ended(&server, &id);
    assert_eq!((&order["status"], &order["error_code"]), (&"failed".into(), &"agent_denied".into()));
    assert!(text(&order["error_message"]).contains("Write"), "{order:#}");
    assert_eq!(told(&steps(&server, &id)), ["classify 1 ok", "plan 1 agent_denied"]);
    assert_eq!(setting.remote.branches(), ["main"]);
    assert_eq!(setting.workspaces(), [id], "the checkout of a failed order is kept to be looked at");
}

#[test]
fn a_push_that_fails_leaves_a_completed_order_that_says_so() {
    let setting = Setting::new();
    setting.agent.hold("pr_creator");
    let server = setting.program.serve();
    let id = setting.create(&server);
    setting.at_work("pr_creator", 1);
    let hook = setting.remote.path().join("hooks/pre-receive");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\necho 'branches are closed today' >&2\nexit 1\n").unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    setting.agent.release("pr_creator");
    let order = ended(&server, &id);
    assert_eq!(order["status"], "completed");
    assert_eq!(order["error_code"], "forge_failed", "{order:#}");
    assert!(text(&order["error_message"]).contains("branches are closed today"), "{order:#}");
    let last = steps(&server, &id).pop().unwrap();
    assert_eq!((&last["step"], &last["success"]), (&"create_pr".into(), &false.into()));
    assert_eq!(server.get(&format!("{ORDERS}?status=completed")).json().as_array().map(Vec::len), Some(1));
    assert_eq!(setting.workspaces(), [id], "the work is still there");
}
