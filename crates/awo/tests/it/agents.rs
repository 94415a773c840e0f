//! Agents that the settings choose and describe, and what is told of them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use awo_testkit::eventually;
use serde_json::{Value, json};

use crate::setting::{Setting, completed, group_ends};

/// A program that reads a file and prints its answer, and settings that let it implement.
fn described(setting: &Setting) -> PathBuf {
    let place = setting.program.place();
    let program = place.join("mine");
    let script = "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'mine 1.0'; exit 0; fi\n\
                  grep -q 'Role: implementor' \"$2\" || exit 9\necho hello > mine.txt\necho 'I added mine.txt.'\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let file = place.join("awo.toml");
    let settings = format!(
        "[step_agents]\nimplement = \"mine\"\n[agents.mine]\nkind = \"command\"\npath = \"{}\"\nprompt = \"file\"\n\
         args = [\"--message-file\", \"{{prompt_file}}\", \"-m\", \"{{model}}\"]\n",
        program.display()
    );
    std::fs::write(&file, settings).unwrap();
    file
}

#[test]
fn a_described_agent_does_the_step_that_it_is_chosen_for() {
    let setting = Setting::new();
    let file = described(&setting);
    let server = setting.program.serve_with(["--config", file.to_str().unwrap()]);
    let id = setting.create(&server);
    let order = completed(&server, &id);
    assert_eq!((&order["agent"], &order["git_commit_count"]), (&"claude".into(), &1.into()));
    assert_eq!(setting.agent.calls_of("implementor").len(), 0, "the other agent did it");
    assert_eq!(setting.agent.calls_of("committer").len(), 1);
    assert_eq!(setting.artifact(&id, "05-implement-1.transcript.jsonl"), "I added mine.txt.\n");
    assert!(setting.artifact(&id, "05-implement-1.prompt.md").starts_with("Role: implementor"));
    assert!(setting.artifact(&id, "07-create_pr-1.changes.patch").contains("+++ b/mine.txt"));
}

#[test]
fn a_start_clears_homes_and_leaves_sessions() {
    let setting = Setting::new();
    let agents = setting.program.data_dir().join("agents");
    for place in ["homes", "files", "sessions"] {
        std::fs::create_dir_all(agents.join(place).join("of-an-earlier-life")).unwrap();
    }
    let _server = setting.program.serve();
    assert!(!agents.join("homes").exists() && !agents.join("files").exists());
    assert!(agents.join("sessions/of-an-earlier-life").exists());
}

#[test]
fn a_server_that_is_killed_while_it_looks_at_an_agent_leaves_nothing_of_it() {
    let setting = Setting::new();
    let file = described(&setting);
    let told = setting.program.place().join("told");
    let hangs = format!(
        "#!/bin/sh\nsetsid sh -c 'trap \"\" INT TERM HUP; echo $$ >> {0}; exec sleep 600' &\n\
         trap '' INT TERM; echo $$ >> {0}; exec sleep 600\n",
        told.display()
    );
    std::fs::write(setting.program.place().join("mine"), hangs).unwrap();
    let mut server = setting.program.serve_with(["--config", file.to_str().unwrap()]);
    server.get("/health"); // which has the agents looked at
    let processes = eventually("it is asked for its version", || {
        let told = std::fs::read_to_string(&told).unwrap_or_default();
        let processes: Vec<u32> = told.lines().map(|line| line.parse().unwrap()).collect();
        (processes.len() == 2).then_some(processes)
    });
    server.kill();
    processes.into_iter().for_each(group_ends);
}

#[test]
fn the_agents_are_looked_at_in_the_background_and_by_doctor() {
    let setting = Setting::with(&[("ANTHROPIC_API_KEY", "sk-canary-of-the-operator")]);
    let file = described(&setting);
    let server = setting.program.serve_with(["--config", file.to_str().unwrap()]);
    let seen = |name: &str| {
        eventually(&format!("{name} is looked at"), || {
            let health = server.get("/health").json();
            let details = health["agent_details"].as_array().unwrap().clone();
            details.into_iter().find(|agent| agent["name"] == name && agent["seen_at"] != Value::Null)
        })
    };
    let mine = seen("mine");
    assert_eq!(
        (&mine["version"], &mine["usable"], &mine["login"]),
        (&"mine 1.0".into(), &true.into(), &"unknown".into())
    );
    let claude = seen("claude");
    assert_eq!((&claude["usable"], &claude["login"]), (&true.into(), &"found".into()), "{claude:#}");
    assert_eq!(seen("scripted")["login"], "not_needed");
    assert!(!server.get("/health").text.contains("canary"), "no key is told");

    let told = setting.run(&["doctor", "--json", "--config", file.to_str().unwrap()]).json();
    let of = |thing: &str| told["findings"].as_array().unwrap().iter().find(|f| f["thing"] == thing).unwrap().clone();
    assert_eq!(of("mine")["good"], true, "{told:#}");
    assert!(of("mine")["found"].as_str().unwrap().starts_with("mine 1.0 at /"));
    assert_eq!((&of("claude")["good"], &of("permissions")["good"]), (&true.into(), &true.into()), "{told:#}");
    assert_eq!(json!([of("scripted")["found"], of("scripted")["good"]]), json!(["built in", true]));
}
