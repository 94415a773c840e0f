//! Orders within walls, from outside. Where bubblewrap does not work there is nothing to try, but in a continuous
//! integration, where it has to.

use std::os::unix::fs::PermissionsExt as _;

use awo_testkit::{Server, eventually, until};
use serde_json::json;

use crate::setting::{ORDERS, STEPS, Setting, completed, create, ended, steps, text, told};

/// Whether orders of a server get walls.
pub(crate) fn has_walls(server: &Server) -> bool {
    let isolation = &server.get("/health").json()["isolation"];
    let walled = isolation["effective"] == "bubblewrap";
    let in_ci = std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
    assert!(walled || !in_ci, "no walls: {isolation}");
    if !walled {
        eprintln!("SKIPPED: there are no walls here: {isolation}");
    }
    walled
}

#[test]
fn an_order_is_done_within_walls() {
    let setting = Setting::with(&[("AWO_ISOLATION", "auto")]);
    let server = setting.program.serve();
    if !has_walls(&server) {
        return;
    }
    let mut body = setting.body();
    body["agent"] = "scripted".into();
    let id = create(&server, &body);
    let order = completed(&server, &id);
    assert_eq!(order["isolation"], json!({"requested": "auto", "effective": "bubblewrap", "reason": null}));
    assert_eq!(order["network"], json!({"requested": "auto", "effective": "proxy", "reason": null}));
    assert_eq!(told(&steps(&server, &id)), STEPS.map(|step| format!("{step} 1 ok")));
    assert_eq!(setting.remote.log(&text(&order["git_branch_name"])).len(), 2, "its commit, and the first");
    setting.nothing_is_left();
}

/// Waits for a sleep of its own, and writes down what it hears; both stay deaf to it.
const DEAF: &str = r#"#!/bin/sh
trap 'echo INT >> .git/heard' INT
trap 'echo TERM >> .git/heard' TERM
setsid sh -c "trap '' INT TERM; echo here > .git/heard; exec sleep $1" &
while :; do sleep 1; done
"#;

/// Whether a process with an argument runs.
fn runs(argument: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.into_iter().any(|line| line.split(|byte| *byte == 0).skip(1).any(|part| part == argument.as_bytes()))
}

#[test]
fn a_cancelled_order_hears_of_it_within_walls_and_ends_with_all_its_processes() {
    let setting = Setting::with(&[("AWO_ISOLATION", "auto"), ("AWO_KEEP_WORKSPACES", "true")]);
    let place = setting.program.place();
    let (agent, file) = (place.join("deaf"), place.join("awo.toml"));
    std::fs::write(&agent, DEAF).unwrap();
    std::fs::set_permissions(&agent, std::fs::Permissions::from_mode(0o755)).unwrap();
    let seconds = (100_000_000 + u64::from(std::process::id())).to_string();
    let settings = format!(
        "[agents.deaf]\nkind = \"command\"\npath = \"{}\"\nprompt = \"stdin\"\nargs = [\"{seconds}\"]\n",
        agent.display()
    );
    std::fs::write(&file, settings).unwrap();
    let server = setting.program.serve_with(["--config", file.to_str().unwrap()]);
    if !has_walls(&server) {
        return;
    }
    let mut body = setting.body();
    body["agent"] = "deaf".into();
    let id = create(&server, &body);
    let heard = || heard(&setting);
    assert_eq!(eventually("the agent is at work", heard), "here\n");
    until("what it started runs", || runs(&seconds));
    let answer = server.post(&format!("{ORDERS}/{id}/cancel"), &json!({}));
    assert_eq!(answer.status, 202, "{}", answer.text);
    let order = ended(&server, &id);
    assert_eq!((&order["status"], &order["isolation"]["effective"]), (&"cancelled".into(), &"bubblewrap".into()));
    assert!(!runs(&seconds), "cancelled, but its processes run");
    assert_eq!(heard().unwrap(), "here\nINT\nTERM\n");
}

/// What the agent wrote into its checkout.
fn heard(setting: &Setting) -> Option<String> {
    let workspaces = setting.workspaces();
    let checkout = setting.program.data_dir().join("workspaces").join(workspaces.first()?).join("repo");
    std::fs::read_to_string(checkout.join(".git/heard")).ok()
}
