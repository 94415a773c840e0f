//! Orders within walls, from outside. Where walls of a kind do not work there is nothing to try, but in a continuous
//! integration, where bubblewrap has to, and Landlock if the kernel has all of it.

use std::os::unix::fs::PermissionsExt as _;

use awo_testkit::{Server, eventually, until};
use serde_json::json;

use crate::setting::{ORDERS, STEPS, Setting, completed, create, ended, steps, text, told};

/// Whether orders of a server get walls of bubblewrap.
pub(crate) fn has_walls(server: &Server) -> bool {
    has(server, "bubblewrap")
}

fn has(server: &Server, kind: &str) -> bool {
    let isolation = &server.get("/health").json()["isolation"];
    let walled = isolation["effective"] == kind;
    let in_ci = std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
    let must = in_ci && (kind != "landlock" || awo_testkit::has_landlock());
    assert!(walled || !must, "no walls: {isolation}");
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

/// Says what it can read: of what the repository sets for agents, of the system, of what is outside; and does its work.
const LOOKS: &str = r#"#!/bin/sh
for place in .env "$1" /proc/1/cmdline /etc/passwd; do
    cat "$place" > /dev/null 2>&1 && echo "reads $place"
done
git cat-file -e HEAD:greeting.md 2> /dev/null || echo hello >> greeting.md
git add greeting.md && git status --porcelain
"#;

#[test]
fn a_described_program_and_git_do_an_order_within_landlock() {
    let setting = Setting::with(&[("AWO_ISOLATION", "landlock")]);
    setting.remote.commit("main", "what agents are told", &[(".env", "TOKEN=1")]);
    let place = setting.program.place();
    let (agent, file, secret) = (place.join("looks"), place.join("awo.toml"), place.join("secret"));
    std::fs::write(&agent, LOOKS).unwrap();
    std::fs::set_permissions(&agent, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(&secret, "secret").unwrap();
    let settings = format!(
        "[agents.looks]\nkind = \"command\"\npath = \"{}\"\nprompt = \"stdin\"\nargs = [\"{}\"]\n",
        agent.display(),
        secret.display()
    );
    std::fs::write(&file, settings).unwrap();
    let server = setting.program.serve_with(["--config", file.to_str().unwrap()]);
    if !has(&server, "landlock") {
        return;
    }
    let mut body = setting.body();
    body["agent"] = "looks".into();
    body["selected_commands"] = json!(["create-branch", "planning", "commit", "create-pr"]);
    let id = create(&server, &body);
    let order = completed(&server, &id);
    assert_eq!(order["isolation"], json!({"requested": "auto", "effective": "landlock", "reason": null}));
    assert_eq!(order["network"]["effective"], "host");
    assert!(text(&order["network"]["reason"]).contains("held to awo's proxy"), "{order:#}");
    let done = steps(&server, &id);
    let planning = done.iter().find(|step| step["step"] == "planning").unwrap();
    assert_eq!(text(&planning["output"]), "reads /etc/passwd\nA  greeting.md", "{planning:#}");
    let branch = text(&order["git_branch_name"]);
    assert_eq!(
        setting.remote.file_at(&branch, "greeting.md").as_deref(),
        Some("hello\nhello\nhello\n"),
        "of each step up to the commit"
    );
    assert_eq!(setting.remote.file_at(&branch, ".env").as_deref(), Some("TOKEN=1"), "it is on the branch all the same");
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
    ["bubblewrap", "landlock"].into_iter().for_each(hears_and_ends);
}

fn hears_and_ends(kind: &str) {
    let setting = Setting::with(&[("AWO_ISOLATION", kind), ("AWO_KEEP_WORKSPACES", "true")]);
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
    if !has(&server, kind) {
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
    assert_eq!((&order["status"], &order["isolation"]["effective"]), (&"cancelled".into(), &kind.into()));
    assert!(!runs(&seconds), "cancelled, but its processes run");
    assert_eq!(heard().unwrap(), "here\nINT\nTERM\n");
}

/// What the agent wrote into its checkout.
fn heard(setting: &Setting) -> Option<String> {
    let workspaces = setting.workspaces();
    let checkout = setting.program.data_dir().join("workspaces").join(workspaces.first()?).join("repo");
    // Between its making and its first line the file is empty.
    std::fs::read_to_string(checkout.join(".git/heard")).ok().filter(|text| text.ends_with('\n'))
}
