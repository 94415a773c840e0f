//! The real `codex`, run as orders run it.

use std::sync::Arc;

use awo_adapters::Codex;
use awo_engine::ports::{AgentExecutor as _, AgentSession, Login};
use awo_models::FailureCode;
use awo_testkit::{Script, Step};
use serde_json::json;

use super::others::{KEY, Scene};

fn scene(script: Script) -> Option<Scene> {
    let mut scene = Scene::new(Codex, script)?.with_variable("OPENAI_API_KEY", KEY);
    let provider = format!(
        r#"model_providers.test={{name="test",base_url="{}/v1",env_key="CODEX_API_KEY",wire_api="responses",request_max_retries=1,stream_max_retries=1}}"#,
        scene.model.address()
    );
    scene.config.model = Some("test-model".into());
    scene.config.more_arguments = ["-c", r#"model_provider="test""#, "-c", &provider].map(Into::into).into();
    Some(scene)
}

fn uses(command: &str) -> Step {
    Step::using("exec_command", json!({"cmd": command}))
}

#[tokio::test]
async fn it_works_in_the_checkout_and_answers() {
    let script = Script::of([uses("echo hello > hello.txt; env > seen.txt"), Step::saying("The file is written.")]);
    let Some(scene) = scene(script) else { return };
    let report = scene.execute("Write a greeting.").await;
    assert_eq!(report.answer.as_deref().unwrap(), "The file is written.", "{}", Scene::left(&report));
    assert_eq!(std::fs::read_to_string(scene.checkout().join("hello.txt")).unwrap(), "hello\n");
    let seen = std::fs::read_to_string(scene.checkout().join("seen.txt")).unwrap();
    assert!(seen.contains("PATH=") && !seen.contains(KEY), "its tools do not see the key: {seen}");
    let usage = report.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.cost_nanousd), (Some(200), Some(40), None));
}

#[tokio::test]
async fn without_the_permission_it_changes_nothing_outside() {
    let place = tempfile::tempdir().unwrap();
    let outside = place.path().join("outside");
    let command = format!("echo x > {}", outside.display());
    let Some(mut scene) = scene(Script::of([uses(&command), Step::saying("Done.")])) else { return };
    scene.config.skip_permissions = false;
    // The system's place for temporary files is open to its tools.
    scene.config.more_arguments.extend(["-c", "sandbox_workspace_write.exclude_slash_tmp=true", "-c"].map(Into::into));
    scene.config.more_arguments.push("sandbox_workspace_write.exclude_tmpdir_env_var=true".into());
    let report = scene.execute("Write a file elsewhere.").await;
    assert!(!outside.exists(), "{report:?}");
}

#[tokio::test]
async fn a_session_goes_on_and_is_counted_once() {
    let script = Script::answering("Noted.").on("^What did I say", [Step::saying("You said blue.")]);
    let Some(scene) = scene(script) else { return };
    let first = scene.execute("My colour is blue.").await;
    let session = first.session_id.clone().unwrap();
    let second = scene.execute_in(AgentSession::Resumed(Arc::clone(&session)), "What did I say?").await;
    assert_eq!(second.answer.as_deref().unwrap(), "You said blue.", "{}", Scene::left(&second));
    assert_eq!(second.session_id, Some(session));
    let last = scene.model.requests().pop().unwrap();
    assert!(last.body.to_string().contains("My colour is blue."), "the model is told what came before");
    let (first, second) = (first.usage.unwrap(), second.usage.unwrap());
    assert_eq!((second.input_tokens, second.output_tokens), (first.input_tokens, first.output_tokens));
}

#[tokio::test]
async fn errors_of_the_service_have_their_classes() {
    for (status, code) in [
        (401, FailureCode::AgentAuth),
        (429, FailureCode::AgentRateLimited),
        (500, FailureCode::AgentOverloaded),
        (400, FailureCode::AgentCrashed),
    ] {
        let Some(scene) = scene(Script::of([Step::failing(status, "the model server says no")])) else { return };
        let report = scene.execute("Say hello.").await;
        let failure = report.answer.unwrap_err();
        assert_eq!(failure.code, code, "{status}: {failure}");
    }
}

#[tokio::test]
async fn turns_are_limited_though_it_knows_no_limit() {
    let Some(mut scene) = scene(Script::of([uses("echo again")])) else { return };
    scene.max_turns = Some(2);
    let report = scene.execute("Go on.").await;
    assert_eq!(report.answer.unwrap_err().code, FailureCode::AgentTurnLimit);
}

#[tokio::test]
async fn a_look_finds_its_version_and_its_key() {
    let Some(scene) = scene(Script::answering("x")) else { return };
    let health = scene.executor().probe().await;
    assert!(health.version.as_deref().is_some_and(|version| version.starts_with("codex-cli 0.")), "{health:?}");
    assert_eq!((health.login, health.is_usable()), (Login::Found, true));
}
