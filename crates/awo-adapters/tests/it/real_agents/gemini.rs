//! The real `gemini`, run as orders run it.

use awo_adapters::Gemini;
use awo_engine::ports::AgentSession;
use awo_models::FailureCode;
use awo_testkit::{Script, Step};
use serde_json::json;

use super::others::{KEY, Scene};

fn scene(script: Script) -> Option<Scene> {
    let mut scene = Scene::new(Gemini, script)?.with_variable("GEMINI_API_KEY", KEY);
    scene.config.model = Some("gemini-2.5-flash".into());
    let address = scene.model.address();
    Some(scene.with_variable("GOOGLE_GEMINI_BASE_URL", &address))
}

fn uses(command: &str) -> Step {
    Step::using("run_shell_command", json!({"command": command, "description": "run it"}))
}

#[tokio::test]
async fn it_works_in_the_checkout_and_answers() {
    let script = Script::of([uses("echo hello > hello.txt; env"), Step::saying("The file is written.")]);
    let Some(scene) = scene(script) else { return };
    let report = scene.execute("Write a greeting.").await;
    assert_eq!(report.answer.as_deref().unwrap(), "The file is written.", "{}", Scene::left(&report));
    assert_eq!(std::fs::read_to_string(scene.checkout().join("hello.txt")).unwrap(), "hello\n");
    assert!(!Scene::left(&report).contains(KEY));
    assert_eq!(report.usage.unwrap().output_tokens, Some(40));
}

#[tokio::test]
async fn a_session_goes_on() {
    let script = Script::answering("Noted.").on("^What did I say", [Step::saying("You said blue.")]);
    let Some(scene) = scene(script) else { return };
    let id = "11111111-2222-4333-8444-555555555555";
    let first = scene.execute_in(AgentSession::New(Some(id.into())), "My colour is blue.").await;
    assert_eq!(first.session_id.as_deref(), Some(id));
    let second = scene.execute_in(AgentSession::Resumed(id.into()), "What did I say?").await;
    assert_eq!(second.answer.as_deref().unwrap(), "You said blue.", "{}", Scene::left(&second));
    assert!(scene.model.requests().pop().unwrap().body.to_string().contains("My colour is blue."));
}

#[tokio::test]
async fn turns_are_limited_and_tools_that_it_lacks_are_told() {
    let Some(mut turns) = scene(Script::of([uses("echo again")])) else { return };
    turns.max_turns = Some(2);
    assert_eq!(turns.execute("Go on.").await.answer.unwrap_err().code, FailureCode::AgentTurnLimit);
    let mut denied = scene(Script::of([uses("echo x > owned.txt"), Step::saying("Done.")])).unwrap();
    denied.config.skip_permissions = false;
    assert_eq!(denied.execute("Write.").await.answer.unwrap_err().code, FailureCode::AgentDenied);
    assert!(!denied.checkout().join("owned.txt").exists());
}

#[tokio::test]
async fn servers_and_hooks_of_the_repository_are_not_run() {
    let Some(scene) = scene(Script::answering("Done.")) else { return };
    let owned = scene.checkout().join("owned");
    let touch = format!("touch {}", owned.display());
    let settings = json!({
        "mcpServers": {"own": {"command": "/usr/bin/touch", "args": [owned]}},
        "hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": touch}]}]},
        "hooksConfig": {"enabled": true},
    });
    std::fs::create_dir(scene.checkout().join(".gemini")).unwrap();
    std::fs::write(scene.checkout().join(".gemini/settings.json"), settings.to_string()).unwrap();
    assert_eq!(scene.execute("Look around.").await.answer.as_deref().unwrap(), "Done.");
    assert!(!owned.exists(), "what the repository names was run");
}
