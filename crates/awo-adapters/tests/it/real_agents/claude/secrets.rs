//! The key of the operator: the program has it and shows it to its tools, and it is told to nobody else.

use awo_models::FailureCode;
use awo_testkit::{Script, Step};
use serde_json::json;

use super::{KEY, scene, transcript};
use crate::claude::failure;

#[tokio::test]
async fn a_key_that_a_tool_prints_and_the_model_repeats_is_in_no_transcript_and_no_answer() {
    let script = Script::of([
        Step::using("Bash", json!({"command": "env; printenv ANTHROPIC_API_KEY | base64"})),
        Step::saying(&format!("The key is {KEY}, and I was told so.")),
    ]);
    let Some(scene) = scene(script) else { return };
    let report = scene.execute("Show your environment.").await;
    let told = scene.tool_results()[0].to_string();
    assert!(told.contains(KEY), "the tool sees the key, so there is something to hide: {told}");
    assert_eq!(report.answer.as_deref().unwrap(), "The key is [ANTHROPIC_API_KEY], and I was told so.");
    let transcript = transcript(&report);
    assert!(transcript.contains("ANTHROPIC_API_KEY=[ANTHROPIC_API_KEY]"), "{transcript}");
    assert!(!transcript.contains(KEY) && !transcript.contains(&KEY[7..]), "{transcript}");
    // In base64 as well.
    assert!(!transcript.contains("c2stYW50LWNhbmFyeS"), "{transcript}");
}

#[tokio::test]
async fn a_key_is_in_no_command_line() {
    let script = Script::of([
        Step::using("Bash", json!({"command": "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' > lines"})),
        Step::saying("Done."),
    ]);
    let Some(scene) = scene(script) else { return };
    let report = scene.execute("canary-of-the-prompt").await;
    assert_eq!(report.answer.as_deref().unwrap(), "Done.");
    let lines = std::fs::read(scene.bench.checkout().join("lines")).unwrap();
    let lines = String::from_utf8_lossy(&lines);
    assert!(lines.contains("--print --output-format stream-json"), "the program is among them: {lines}");
    assert!(!lines.contains(KEY) && !lines.contains("canary-of-the-prompt"), "{lines}");
}

#[tokio::test]
async fn a_key_that_an_error_repeats_is_not_in_the_failure() {
    let Some(scene) = scene(Script::of([Step::failing(400, &format!("not with key {KEY}"))])) else { return };
    let report = scene.execute("Say hello.").await;
    let (code, message) = failure(&report);
    assert_eq!(code, FailureCode::AgentCrashed);
    assert!(message.contains("[ANTHROPIC_API_KEY]") && !message.contains(KEY), "{message}");
    assert!(!transcript(&report).contains(KEY));
}
