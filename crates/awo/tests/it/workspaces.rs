//! Looking after checkouts: which there are, where they are, and that no work goes unasked.

use std::path::Path;

use serde_json::{Value, json};

use crate::setting::{Setting, Told, completed, create, text};

/// An order of some commands: its work is nowhere else unless the last ones deliver it.
fn done(setting: &Setting, commands: &[&str]) -> String {
    let server = setting.program.serve();
    let mut body = setting.body();
    body["selected_commands"] = json!(commands);
    let id = create(&server, &body);
    completed(&server, &id);
    id
}

fn listed(setting: &Setting) -> Vec<Value> {
    setting.run(&["workspace", "list", "--json"]).expect(0).json().as_array().unwrap().clone()
}

#[test]
fn work_that_is_nowhere_else_goes_only_by_force() {
    let setting = Setting::new();
    let id = done(&setting, &["create-branch", "planning", "execute"]);
    let found = listed(&setting);
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0]["order"], &found[0]["status"]), (&json!(id), &json!("completed")));
    assert_eq!((&found[0]["loss"], &found[0]["files"]), (&json!("work"), &json!(3)));
    assert!(found[0]["bytes"].as_u64().unwrap() > 0);
    let told = setting.run(&["workspace", "path", &id[id.len() - 6..]]).expect(0);
    let path = Path::new(told.out.trim());
    assert_eq!(text(&found[0]["path"]), told.out.trim());
    assert!(path.join("greetings.txt").is_file(), "{told:#?}");
    let opened = setting.program.command(["workspace", "open", &id]).env("SHELL", "/bin/pwd").output().unwrap();
    assert_eq!(Told::from(opened).out, told.out);

    let diff = setting.run(&["diff", &id, "--step", "3"]).expect(0).out;
    assert!(diff.contains("+fr Bonjour") && !diff.contains("specs/"), "{diff}");

    for arguments in
        [["workspace", "gc"].as_slice(), &["workspace", "gc", &id], &["workspace", "gc", "--dry-run", "--force"]]
    {
        let told = setting.run(arguments).expect(0);
        assert!(told.out.contains("has changes that are nowhere else, in 3 files"), "{told:#?}");
        assert!(path.is_dir(), "{arguments:?}");
    }
    let told = setting.run(&["workspace", "gc", "--force", "--json"]).expect(0).json();
    assert_eq!((told["removed"].as_array().unwrap().len(), told["kept"].as_array().unwrap().len()), (1, 0));
    assert!(!path.exists());
    assert!(listed(&setting).is_empty());
    let told = setting.run(&["workspace", "path", &id]).expect(4);
    assert!(told.err.contains("that has a checkout"), "{told:#?}");
}

#[test]
fn a_checkout_whose_work_is_pushed_may_go_and_one_that_is_needed_may_not() {
    let setting = Setting::with(&[("AWO_KEEP_WORKSPACES", "true")]);
    let id = done(&setting, &["create-branch", "planning", "execute", "commit", "create-pr"]);
    let diff = setting.run(&["diff", &id, "--step", "3"]).expect(0).out;
    assert!(diff.contains("+fr Bonjour"), "kept checkouts show their steps: {diff}");

    setting.agent.hold("classifier");
    let mut server = setting.program.serve();
    let running = setting.create(&server);
    setting.at_work("classifier", 1);
    let by_loss = |loss: &str| listed(&setting).into_iter().find(|found| found["loss"] == loss).unwrap();
    assert_eq!(by_loss("nothing")["order"], json!(id));
    assert_eq!(by_loss("in_use")["order"], json!(running));
    let told = setting.run(&["workspace", "gc", "--force"]).expect(5);
    assert!(told.err.contains("has the data directory"), "{told:#?}");
    let planned = setting.run(&["workspace", "gc", "--dry-run", "--force", "--json"]).expect(0).json();
    assert_eq!((&planned["removed"][0]["order"], &planned["kept"][0]["order"]), (&json!(id), &json!(running)));
    server.kill();

    let told = setting.run(&["workspace", "gc", "--force"]).expect(0);
    assert!(told.out.contains("1 checkout removed") && told.out.contains("has not ended"), "{told:#?}");
    assert_eq!(listed(&setting).len(), 1);
    setting.agent.release("classifier");
}
