//! Whole orders with real agent programs, which speak to a server that plays the model. Left out, and said so, where a
//! program is not there.

mod every_agent;

use std::path::{Path, PathBuf};

use awo_testkit::{ModelServer, Script, Step, Tokens, programs, until};
use serde_json::{Value, json};

use crate::setting::{ORDERS, STEPS, Setting, Told, completed, create, ended, steps, text, told};

const KEY: &str = "sk-ant-canary-of-the-operator";
const PLAN: &str = "specs/say-hello-in-more-languages.md";

/// What each role of the plan workflow does and says.
fn script() -> Script {
    let plan = "# Say hello in more languages\n\n1. Add `greetings.txt`.\n2. Name it in the README.\n";
    let greetings = "en Hello\nde Hallo\nfr Bonjour\n";
    let role = |name: &str| format!("^Role: {name}\n");
    Script::answering("This role is not in the script.")
        .on(&role("classifier"), [Step::saying("/feature").after_thinking("Something new is wanted.")])
        .on(
            &role("planner"),
            [
                Step::using("Write", json!({"file_path": PLAN, "content": plan})),
                Step::saying(&format!("I wrote the plan.\n\n{PLAN}")),
            ],
        )
        .on(&role("plan_finder"), [Step::using("Bash", json!({"command": "ls specs"})), Step::saying(PLAN)])
        .on(&role("branch_generator"), [Step::saying("say-hello-in-more-languages")])
        .on(
            &role("implementor"),
            [
                Step::using("Read", json!({"file_path": PLAN})),
                Step::using("Write", json!({"file_path": "greetings.txt", "content": greetings})),
                Step::using("Bash", json!({"command": "env; echo 'Greetings are in `greetings.txt`.' >> README.md"})),
                Step::saying("Added greetings.txt, and named it in the README.")
                    .with_usage(Tokens { input_tokens: 1000, ..Tokens::default() }),
            ],
        )
        .on(&role("committer"), [Step::saying("feat: say hello in more languages")])
        .on(&role("pr_creator"), [Step::saying("Say hello in more languages\n\n## Summary\nThree languages.")])
}

/// The program with the real `claude` and its model; `None` where `claude` is not there.
fn setting(script: Script) -> Option<(Setting, ModelServer)> {
    let claude = programs::real("claude")?;
    let model = ModelServer::start(script);
    let setting = Setting::with(&[
        ("CLAUDE_CLI_PATH", claude.to_str().unwrap()),
        ("ANTHROPIC_BASE_URL", &model.address()),
        ("ANTHROPIC_API_KEY", KEY),
    ]);
    Some((setting, model))
}

#[test]
fn claude_takes_an_order_from_its_class_to_its_pull_request() {
    let Some((setting, model)) = setting(script()) else { return };
    let server = setting.program.serve();
    let id = setting.create(&server);
    // Each by itself: on a busy machine seven starts of a large program take longer than one wait.
    for count in 1..=STEPS.len() {
        until(&format!("{count} steps have ended"), || steps(&server, &id).len() >= count);
    }
    let order = completed(&server, &id);
    let steps = steps(&server, &id);
    assert_eq!(told(&steps), STEPS.map(|step| format!("{step} 1 ok")));

    let branch = text(&order["git_branch_name"]);
    assert!(branch.contains("say-hello-in-more-languages"), "{branch}");
    assert_eq!(setting.remote.log(&branch)[0], "feat: say hello in more languages");
    assert_eq!(setting.remote.file_at(&branch, "greetings.txt").unwrap(), "en Hello\nde Hallo\nfr Bonjour\n");
    assert!(setting.remote.file_at(&branch, "README.md").unwrap().ends_with("Greetings are in `greetings.txt`.\n"));
    assert!(setting.remote.file_at(&branch, PLAN).is_some());

    let mut sessions: Vec<_> = steps.iter().map(|step| text(&step["session_id"])).collect();
    sessions.sort();
    sessions.dedup();
    assert_eq!(sessions.len(), STEPS.len(), "each step has a session of its own");
    let turns: Vec<_> = steps.iter().map(|step| step["usage"]["turns"].as_u64().unwrap()).collect();
    assert_eq!(turns, [1, 2, 2, 1, 4, 1, 1]);
    assert_eq!(model.requests().len(), 12, "a call for each turn, and none besides");
    assert!(model.requests().iter().all(|request| request.status == Some(200)));

    let transcript = setting.artifact(&id, &transcript_of(&steps[4]));
    assert!(transcript.contains("ANTHROPIC_API_KEY=[ANTHROPIC_API_KEY]"), "the tool printed it: {transcript}");
    assert_eq!(files_with(&setting.program.data_dir(), KEY), [] as [PathBuf; 0], "the key is kept nowhere");
    assert!(!server.log().contains(KEY), "nor logged");
    setting.nothing_is_left();
}

#[test]
fn cancelling_an_order_ends_claude_and_what_it_started() {
    let tool = Step::using("Bash", json!({"command": "mkfifo wait; echo begun > begun; read -t 100 line <> wait"}));
    let Some((setting, model)) = setting(Script::of([tool])) else { return };
    let server = setting.program.serve();
    let id = create(&server, &setting.body());
    let workspaces = setting.program.data_dir().join("workspaces");
    until("the tool runs", || !files_with(&workspaces, "begun\n").is_empty());
    assert!(working_below(&workspaces) >= 2, "claude and its tool");
    let answer = server.post(&format!("{ORDERS}/{id}/cancel"), &Value::Null);
    assert_eq!(answer.status, 202, "{}", answer.text);
    let order = ended(&server, &id);
    assert_eq!((&order["status"], &order["error_code"]), (&"cancelled".into(), &"cancelled".into()));
    assert_eq!(told(&steps(&server, &id)), ["classify 1 cancelled"]);
    until("nothing works there any more", || working_below(&workspaces) == 0);
    assert_eq!(model.requests().len(), 1);
}

#[test]
fn a_key_that_is_refused_fails_the_order_and_says_so() {
    let Some((setting, _model)) = setting(Script::of([Step::failing(401, "invalid x-api-key")])) else { return };
    let mut run = setting.program.command(["run", "--repo", &setting.remote.url(), "--json", "Say hello"]);
    let told = Told::from(run.env("CLAUDE_CODE_MAX_RETRIES", "0").output().unwrap());
    let order = told.expect(1).json();
    assert_eq!((&order["status"], &order["error_code"]), (&"failed".into(), &"agent_auth".into()), "{order:#}");
}

/// Name of the transcript among the artifacts of a step.
fn transcript_of(step: &Value) -> String {
    let names = step["artifacts"].as_array().unwrap().iter().map(text);
    names.into_iter().find(|name| name.ends_with(".transcript.jsonl")).expect("a transcript")
}

/// Files below a directory in which a text stands.
fn files_with(directory: &Path, text: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let found = entries.flat_map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => files_with(&entry.path(), text),
        Ok(kind) if kind.is_file() => {
            let bytes = std::fs::read(entry.path()).unwrap_or_default();
            let holds = bytes.windows(text.len()).any(|window| window == text.as_bytes());
            if holds { vec![entry.path()] } else { Vec::new() }
        }
        _ => Vec::new(),
    });
    found.collect()
}

/// Processes whose working directory is below a directory.
fn working_below(directory: &Path) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let places = processes.filter_map(|process| std::fs::read_link(process.path().join("cwd")).ok());
    places.filter(|place| place.starts_with(directory)).count()
}
