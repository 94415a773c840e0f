//! The real `opencode`, run as orders run it.

use awo_adapters::OpenCode;
use awo_engine::ports::AgentSession;
use awo_models::FailureCode;
use awo_testkit::{Script, Step};
use serde_json::json;

use super::others::{KEY, Scene};

fn scene(script: Script) -> Option<Scene> {
    let mut scene = Scene::new(OpenCode, script.on("^Generate a title", [Step::saying("A title")]))?;
    let provider = json!({"npm": "@ai-sdk/openai-compatible", "name": "Test",
        "options": {"baseURL": format!("{}/v1", scene.model.address()), "apiKey": KEY},
        "models": {"test-model": {"name": "Test", "cost": {"input": 1, "output": 2}}}});
    scene.config.model = Some("test/test-model".into());
    Some(scene.with_variable("OPENCODE_CONFIG_CONTENT", &json!({"provider": {"test": provider}}).to_string()))
}

fn uses(command: &str) -> Step {
    Step::using("bash", json!({"command": command, "description": "run it"}))
}

#[tokio::test]
async fn it_works_in_the_checkout_answers_and_says_what_it_cost() {
    let script = Script::of([uses("echo hello > hello.txt; env"), Step::saying("The file is written.")]);
    let Some(scene) = scene(script) else { return };
    let report = scene.execute("Write a greeting.").await;
    assert_eq!(report.answer.as_deref().unwrap(), "The file is written.", "{}", Scene::left(&report));
    assert_eq!(std::fs::read_to_string(scene.checkout().join("hello.txt")).unwrap(), "hello\n");
    assert!(!Scene::left(&report).contains(KEY), "a key within a configuration is one too");
    let usage = report.usage.unwrap();
    assert_eq!((usage.turns, usage.cost_nanousd), (Some(2), Some(280_000)));
}

#[tokio::test]
async fn a_session_goes_on() {
    let script = Script::answering("Noted.").on("^What did I say", [Step::saying("You said blue.")]);
    let Some(scene) = scene(script) else { return };
    let first = scene.execute("My colour is blue.").await;
    let session = first.session_id.clone().unwrap_or_else(|| panic!("{}", Scene::left(&first)));
    let second = scene.execute_in(AgentSession::Resumed(session), "What did I say?").await;
    assert_eq!(second.answer.as_deref().unwrap(), "You said blue.", "{}", Scene::left(&second));
    assert!(scene.model.requests().iter().any(|request| {
        let body = request.body.to_string();
        body.contains("My colour is blue.") && body.contains("What did I say?")
    }));
}

#[tokio::test]
async fn turns_are_limited_though_it_knows_no_limit() {
    let Some(mut scene) = scene(Script::of([uses("echo again")])) else { return };
    scene.max_turns = Some(2);
    assert_eq!(scene.execute("Go on.").await.answer.unwrap_err().code, FailureCode::AgentTurnLimit);
}

#[tokio::test]
async fn servers_of_the_repository_are_not_run() {
    let Some(scene) = scene(Script::answering("Done.")) else { return };
    let owned = scene.checkout().join("owned");
    let settings = json!({"mcp": {"own": {"type": "local", "command": ["/usr/bin/touch", owned], "enabled": true}}});
    std::fs::write(scene.checkout().join("opencode.json"), settings.to_string()).unwrap();
    let report = scene.execute("Look around.").await;
    assert_eq!(report.answer.as_deref().unwrap(), "Done.", "{}", Scene::left(&report));
    assert!(!owned.exists(), "what the repository names was run");
}
