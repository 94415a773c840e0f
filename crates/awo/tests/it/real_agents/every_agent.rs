//! Whole orders with every agent that awo knows, one table for all: each built-in workflow, with programs that play the
//! agent in its format, and with the real ones where they are there.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use awo_testkit::{ModelServer, Program, Script, Server, Step, eventually, programs};
use rstest::rstest;
use serde_json::{Value, json};

use crate::setting::{ORDERS, STEPS, Setting, create, has_ended, order, steps, text, told};
use crate::walls::has_walls;

const KEY: &str = "sk-canary-of-the-operator";
/// Settings of a program that prints lines of JSON.
const LINES: &str = "prompt = \"stdin\"\n[agents.lines.lines]\nkind = \"event\"\nresult_kind = \"done\"\n\
                     text_kinds = [\"say\"]\ntext = \"words\"\n";
const COMMANDS: [&str; 6] = ["create-branch", "planning", "execute", "prp-review", "commit", "create-pr"];

/// What is done and said in each role, with the tool of a program that runs a command in a shell.
fn script(shell: fn(&str) -> Step) -> Script {
    let plan = "specs/say-hello.md";
    let role = |name: &str| format!("Role: {name}\n");
    Script::answering("This role is not in the script.")
        .on("^Generate a title", [Step::saying("A title")])
        .on(&role("classifier"), [Step::saying("/feature")])
        .on(
            &role("planner"),
            [shell(&format!("mkdir -p specs && echo '1. Add greetings.txt.' > {plan}")), Step::saying(plan)],
        )
        .on(&role("plan_finder"), [Step::saying(plan)])
        .on(&role("branch_generator"), [Step::saying("say-hello")])
        .on(&role("implementor"), [shell("echo 'de Hallo' > greetings.txt"), Step::saying("Added greetings.txt.")])
        .on(&role("code_reviewer"), [Step::saying("No problems found.")])
        .on(&role("tester"), [Step::saying("All tests pass.")])
        .on(&role("committer"), [Step::saying("feat: say hello in more languages")])
        .on(&role("pr_creator"), [Step::saying("Say hello\n\nIn more languages.")])
}

/// An agent as an order chooses it: its name, its settings, and variables that it needs.
struct Cast {
    name: &'static str,
    settings: String,
    variables: Vec<(&'static str, String)>,
    /// Plays the model of a real program as long as this lives.
    model: Option<ModelServer>,
}

impl Cast {
    /// With a server that has the agent.
    fn serve(&self, mut setting: Setting) -> (Setting, Server) {
        let file = setting.program.place().join("awo.toml");
        std::fs::write(&file, &self.settings).unwrap();
        for (name, value) in &self.variables {
            setting.program = setting.program.with_variable(name, value);
        }
        let server = setting.program.serve_with(["--config", file.to_str().unwrap()]);
        (setting, server)
    }

    /// That it was the real program, if it is to be, and that its model understood it.
    fn assert_played(&self) {
        if let Some(model) = &self.model {
            let requests = model.requests();
            assert!(!requests.is_empty() && requests.iter().all(|request| request.status == Some(200)));
        }
    }
}

/// The agent that is part of the program.
#[expect(clippy::unnecessary_wraps, reason = "a row of a table in which others may be missing")]
fn scripted(_: &Program) -> Option<Cast> {
    Some(Cast { name: "scripted", settings: String::new(), variables: Vec::new(), model: None })
}

/// A program that plays the agent, by the name of its format.
fn played(program: &Program, name: &'static str, kind: &'static str, more: &str) -> Cast {
    let path = program.place().join(name);
    let plays = if name == "claude" { "stream-json-agent.sh" } else { "speaks.sh" };
    symlink(programs::path(plays), &path).unwrap();
    let path = path.display();
    let settings = format!("[agents.{name}]\nkind = \"{kind}\"\npath = \"{path}\"\nskip_permissions = true\n{more}");
    let keys = ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"];
    let mut variables: Vec<_> = keys.map(|key| (key, KEY.to_owned())).into();
    variables.push(instead_of_the_directed_one(&path.to_string()));
    Cast { name, settings, variables, model: None }
}

/// The variable by which [`Setting`] names its `claude`, which is stronger than a file of settings.
fn instead_of_the_directed_one(path: &str) -> (&'static str, String) {
    ("CLAUDE_CLI_PATH", path.to_owned())
}

/// A real program with its model; `None` where it is not there.
fn real(name: &'static str, model_name: &str, shell: fn(&str) -> Step) -> Option<(Cast, String)> {
    let path: PathBuf = programs::real(name)?;
    let model = ModelServer::start(script(shell));
    let address = model.address();
    let settings =
        format!("[agents.{name}]\npath = \"{}\"\nmodel = \"{model_name}\"\nskip_permissions = true\n", path.display());
    let variables = vec![instead_of_the_directed_one(path.to_str()?)];
    Some((Cast { name, settings, variables, model: Some(model) }, address))
}

fn real_claude(_: &Program) -> Option<Cast> {
    let shell = |command: &str| Step::using("Bash", json!({"command": command}));
    let (mut cast, address) = real("claude", "sonnet", shell)?;
    cast.variables.extend([("ANTHROPIC_API_KEY", KEY.to_owned()), ("ANTHROPIC_BASE_URL", address)]);
    Some(cast)
}

fn real_codex(_: &Program) -> Option<Cast> {
    let (mut cast, address) =
        real("codex", "test-model", |command| Step::using("exec_command", json!({"cmd": command})))?;
    let provider = format!(
        r#"model_providers.test={{name="test",base_url="{address}/v1",env_key="CODEX_API_KEY",wire_api="responses"}}"#
    );
    writeln!(cast.settings, "args = ['-c', 'model_provider=\"test\"', '-c', '{provider}']").unwrap();
    // It is in no variable, so the proxy has to be told.
    let host = address.trim_start_matches("http://");
    writeln!(cast.settings, "[network]\ntrusted_hosts = ['{host}']").unwrap();
    cast.variables.push(("OPENAI_API_KEY", KEY.to_owned()));
    Some(cast)
}

fn real_gemini(_: &Program) -> Option<Cast> {
    let shell = |command: &str| Step::using("run_shell_command", json!({"command": command, "description": "run it"}));
    let (mut cast, address) = real("gemini", "gemini-2.5-flash", shell)?;
    cast.variables.extend([("GEMINI_API_KEY", KEY.to_owned()), ("GOOGLE_GEMINI_BASE_URL", address)]);
    Some(cast)
}

fn real_opencode(_: &Program) -> Option<Cast> {
    let shell = |command: &str| Step::using("bash", json!({"command": command, "description": "run it"}));
    let (mut cast, address) = real("opencode", "test/test-model", shell)?;
    let provider = json!({"npm": "@ai-sdk/openai-compatible", "name": "Test",
        "options": {"baseURL": format!("{address}/v1"), "apiKey": KEY}, "models": {"test-model": {"name": "Test"}}});
    cast.variables.push(("OPENCODE_CONFIG_CONTENT", json!({"provider": {"test": provider}}).to_string()));
    Some(cast)
}

#[rstest]
#[case::scripted(scripted)]
#[case::claude(|program: &Program| Some(played(program, "claude", "claude", "")))]
#[case::codex(|program: &Program| Some(played(program, "codex", "codex", "")))]
#[case::gemini(|program: &Program| Some(played(program, "gemini", "gemini", "")))]
#[case::opencode(|program: &Program| Some(played(program, "opencode", "opencode", "")))]
#[case::described_by_words(|program: &Program| Some(played(program, "words", "command", "prompt = \"stdin\"\n")))]
#[case::described_by_lines(|program: &Program| Some(played(program, "lines", "command", LINES)))]
#[case::real_claude(real_claude)]
#[case::real_codex(real_codex)]
#[case::real_gemini(real_gemini)]
#[case::real_opencode(real_opencode)]
fn every_workflow_is_done_with_every_agent(#[case] cast: fn(&Program) -> Option<Cast>) {
    let setting = Setting::new();
    let Some(cast) = cast(&setting.program) else { return };
    let (setting, server) = cast.serve(setting);
    // All at once: most of the time goes into the starts of programs.
    let ask = |more: Value| {
        let mut body = setting.body();
        body["agent"] = cast.name.into();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        create(&server, &body)
    };
    let (plan, commands) = (ask(json!({})), ask(json!({"selected_commands": COMMANDS})));
    for (id, done) in [(plan, &STEPS[..]), (commands, &COMMANDS[..])] {
        let order = delivered(&server, &id);
        assert_eq!(told(&steps(&server, &id)), done.iter().map(|step| format!("{step} 1 ok")).collect::<Vec<_>>());
        assert_eq!((&order["agent"], &order["git_commit_count"]), (&cast.name.into(), &1.into()));
        let branch = text(&order["git_branch_name"]);
        assert_eq!(setting.remote.log(&branch).len(), 2, "its commit, and the first");
    }
    cast.assert_played();
    setting.nothing_is_left();
}

/// Whatever belongs to the program is seen within, wherever it lies.
#[rstest]
#[case::claude(real_claude)]
#[case::codex(real_codex)]
fn real_agents_work_within_walls(#[case] cast: fn(&Program) -> Option<Cast>) {
    let setting = Setting::with(&[("AWO_ISOLATION", "auto")]);
    let Some(cast) = cast(&setting.program) else { return };
    let (setting, server) = cast.serve(setting);
    if !has_walls(&server) {
        return;
    }
    let mut body = setting.body();
    body["agent"] = cast.name.into();
    let id = create(&server, &body);
    let order = delivered(&server, &id);
    cast.assert_played();
    assert_eq!(order["isolation"]["effective"], "bubblewrap");
    assert_eq!(order["network"], json!({"requested": "auto", "effective": "proxy", "reason": null}));
    assert_eq!(told(&steps(&server, &id)), STEPS.map(|step| format!("{step} 1 ok")));
    setting.nothing_is_left();
}

/// Waits step by step: starts of large programs add up to more than one wait.
fn delivered(server: &Server, id: &str) -> Value {
    let mut seen = 0;
    loop {
        let order = eventually(&format!("more than {seen} steps have ended"), || {
            let order = order(server, id);
            (has_ended(&order) || steps(server, id).len() > seen).then_some(order)
        });
        if has_ended(&order) {
            assert_eq!(order["status"], "completed", "{:#}", server.get(&format!("{ORDERS}/{id}/steps")).json());
            return order;
        }
        seen = steps(server, id).len();
    }
}
