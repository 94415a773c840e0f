//! Real programs understand the server: each writes a file because the model says so, and repeats its last words.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use super::super::{ModelServer, Script, Step};
use crate::programs;

const WORDS: &str = "The file is written.";

/// A script whose tool writes `hello.txt`.
fn script(tool: &str, command: &str) -> Script {
    let write = json!({command: "echo hello > hello.txt", "description": "write a file"});
    Script::of([Step::saying("I write it.").and_using(tool, write), Step::saying(WORDS)])
}

/// Runs a program in an empty directory with a home beside it, and checks what it did.
fn check(program: &Path, model: &ModelServer, describe: impl FnOnce(&mut Command, &Path)) {
    let place = tempfile::tempdir().unwrap();
    let (home, work) = (place.path().join("home"), place.path().join("work"));
    for directory in [&home.join("tmp"), &work] {
        std::fs::create_dir_all(directory).unwrap();
    }
    let mut command = Command::new(program);
    command.current_dir(&work).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.env("HOME", &home).env("TMPDIR", home.join("tmp")).env("TERM", "dumb").stdin(Stdio::null());
    describe(&mut command, &home);
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains(WORDS), "{told}\n{errors}\n{:#?}", model.requests());
    assert_eq!(std::fs::read_to_string(work.join("hello.txt")).unwrap(), "hello\n", "{told}\n{errors}");
}

#[test]
fn codex() {
    let Some(program) = programs::real("codex") else { return };
    let model = ModelServer::start(script("exec_command", "cmd"));
    let provider = format!(
        r#"model_providers.test={{name="test",base_url="{}/v1",env_key="TEST_API_KEY",wire_api="responses"}}"#,
        model.address()
    );
    check(&program, &model, |command, home| {
        command.args(["exec", "--json", "--model", "test-model", "--skip-git-repo-check"]);
        command.args(["--dangerously-bypass-approvals-and-sandbox", "-c", r#"model_provider="test""#]);
        command.args(["-c", &provider, "Write the file."]);
        command.env("CODEX_HOME", home).env("TEST_API_KEY", "sk-canary");
    });
    assert_eq!(model.requests()[0].step, Some(("default".to_owned(), 0)));
}

#[test]
fn gemini() {
    let Some(program) = programs::real("gemini") else { return };
    let model = ModelServer::start(script("run_shell_command", "command"));
    check(&program, &model, |command, home| {
        let settings = json!({"security": {"auth": {"selectedType": "gemini-api-key"}},
            "privacy": {"usageStatisticsEnabled": false}, "general": {"disableAutoUpdate": true}});
        std::fs::create_dir(home.join(".gemini")).unwrap();
        std::fs::write(home.join(".gemini/settings.json"), settings.to_string()).unwrap();
        command.args(["--output-format", "stream-json", "--model", "gemini-2.5-flash", "--yolo", "--skip-trust"]);
        command.args(["--prompt", "Write the file."]);
        command.env("GEMINI_API_KEY", "sk-canary").env("GOOGLE_GEMINI_BASE_URL", model.address());
        command.env("GEMINI_CLI_NO_RELAUNCH", "true");
    });
}

#[test]
fn opencode() {
    let Some(program) = programs::real("opencode") else { return };
    let model = ModelServer::start(script("bash", "command").on("^Generate a title", [Step::saying("A title")]));
    let provider = json!({"npm": "@ai-sdk/openai-compatible", "name": "Test",
        "options": {"baseURL": format!("{}/v1", model.address()), "apiKey": "sk-canary"},
        "models": {"test-model": {"name": "Test"}}});
    check(&program, &model, |command, _| {
        command.args(["run", "--format", "json", "--model", "test/test-model", "--auto", "Write the file."]);
        command.env("OPENCODE_CONFIG_CONTENT", json!({"provider": {"test": provider}}).to_string());
        for quiet in ["AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD"] {
            command.env(format!("OPENCODE_DISABLE_{quiet}"), "1");
        }
    });
}
