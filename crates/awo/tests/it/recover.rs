//! What the next start would do is told, and done: also when the checkouts are gone.

use serde_json::json;

use crate::setting::{Setting, completed, events, order, steps};

/// An order whose server is killed while its `implementor` works, the sixth thing that would be done.
fn killed(setting: &Setting) -> String {
    setting.agent.hold("implementor");
    let mut server = setting.program.serve();
    let id = setting.create(&server);
    setting.at_work("implementor", 1);
    server.kill();
    id
}

#[test]
fn a_dry_run_tells_and_changes_nothing() {
    let setting = Setting::new();
    let id = killed(&setting);
    let told = setting.run(&["recover", "--dry-run", "--json"]).expect(0).json();
    let expected = json!([{
        "agent_work_order_id": id, "action": "continue", "step": "implement", "attempt": 2, "checkout": "sound",
        "spilled_results": 0, "waiting_until": null,
    }]);
    assert_eq!((&told["orders"], &told["damaged"]), (&expected, &json!([])));
    let told = setting.run(&["recover", "--dry-run"]).expect(0);
    assert_eq!(told.out, format!("{id}  goes on with implement, attempt 2, in its checkout\n"));
    std::fs::remove_dir_all(setting.program.data_dir().join("workspaces")).unwrap();
    let told = setting.run(&["recover", "--dry-run"]).expect(0);
    let how = "in a checkout made anew from its checkpoint";
    assert_eq!(told.out, format!("{id}  goes on with implement, attempt 2, {how}\n"));
    assert!(setting.workspaces().is_empty(), "a dry run makes nothing");
    setting.agent.release("implementor");
}

#[test]
fn while_nobody_runs_what_has_not_ended_that_is_said() {
    let setting = Setting::new();
    let id = killed(&setting);
    let looks: [&[&str]; 3] = [&["list"], &["show", &id], &["steps", &id]];
    for look in looks {
        let told = setting.run(look).expect(0);
        assert!(told.out.contains("implement") && told.err.contains("nothing runs now"), "{look:?}: {told:#?}");
    }
    let server = setting.program.serve();
    setting.at_work("implementor", 2);
    for look in looks {
        assert_eq!(setting.run(look).expect(0).err, "", "{look:?}");
    }
    setting.agent.release("implementor");
    completed(&server, &id);
    drop(server);
    for look in looks {
        assert_eq!(setting.run(look).expect(0).err, "", "{look:?}");
    }
}

#[test]
fn recover_runs_what_was_left_to_its_end() {
    let setting = Setting::new();
    let id = killed(&setting);
    setting.agent.release("implementor");
    let told = setting.run(&["recover"]).expect(0);
    assert!(told.out.ends_with(&format!("{id}  completed\n")), "{told:#?}");
    let told = setting.run(&["recover"]).expect(0);
    assert_eq!(told.out, "nothing to recover: every order has ended\n");
    setting.nothing_is_left();
}

#[test]
fn a_server_that_has_the_data_directory_is_named() {
    let setting = Setting::new();
    let server = setting.program.serve();
    for arguments in [&["recover"][..], &["recover", "--dry-run"]] {
        let told = setting.run(arguments).expect(0);
        assert!(told.err.contains(server.address()) && told.err.contains("by itself"), "{told:#?}");
    }
}

/// All that agents can reach is gone; what finished steps left comes back from where no agent works.
#[test]
fn an_order_whose_checkout_is_gone_goes_on_from_its_checkpoint() {
    let setting = Setting::new();
    let id = killed(&setting);
    std::fs::remove_dir_all(setting.program.data_dir().join("workspaces")).unwrap();
    setting.agent.release("implementor");
    let server = setting.program.serve();
    let order = completed(&server, &id);
    assert_eq!(order["steps_completed"], 7);
    assert_eq!(steps(&server, &id).len(), 8, "only the cut step runs again");
    let told = events(&server, &id);
    let told = told.iter().find(|event| event["kind"] == "warning").expect("a warning");
    assert!(told.to_string().contains("made anew"), "{told}");
    let branch = order["git_branch_name"].as_str().unwrap();
    let files = setting.remote.git(["ls-tree", "-r", "--name-only", branch]);
    assert!(files.contains("specs/"), "the plan was not committed when it got lost:\n{files}");
    setting.nothing_is_left();
}

#[test]
fn an_order_of_which_nothing_is_left_fails_and_begins_again_when_it_is_retried() {
    let setting = Setting::new();
    let id = killed(&setting);
    for place in ["workspaces", "mirrors"] {
        std::fs::remove_dir_all(setting.program.data_dir().join(place)).unwrap();
    }
    setting.agent.release("implementor");
    let server = setting.program.serve();
    let failed = crate::setting::ended(&server, &id);
    assert_eq!((&failed["status"], &failed["error_code"]), (&json!("failed"), &json!("workspace_lost")));
    let answer = server.post(&format!("/agent-work-orders/{id}/retry"), &json!({"from_step": "classify"}));
    assert_eq!(answer.status, 202, "{}", answer.text);
    completed(&server, &id);
    assert_eq!(order(&server, &id)["git_commit_count"], 1);
}
