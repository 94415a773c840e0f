//! Work that is done, and work that only seems to be.

use std::os::unix::fs::PermissionsExt;

use awo_models::FailureCode;
use awo_testkit::{Progress, Script, Step, Tokens};
use serde_json::json;

use super::{scene, transcript};
use crate::claude::{SESSION, failure};

#[tokio::test]
async fn a_text_is_the_answer() {
    let script = Script::of([Step::saying("It is a small library.").after_thinking("What is this?")]);
    let Some(scene) = scene(script) else { return };
    let report = scene.execute("What is this repository?").await;
    assert_eq!(report.answer.as_deref().unwrap(), "It is a small library.");
    assert_eq!(report.session_id.as_deref(), Some(SESSION));
    let usage = report.usage.clone().unwrap();
    assert_eq!((usage.turns, usage.input_tokens, usage.output_tokens), (Some(1), Some(100), Some(20)));
    assert!(usage.cost_nanousd.is_some_and(|cost| cost > 0), "{usage:?}");
    assert!(usage.model.is_some_and(|model| model.starts_with("claude-")));
    let version = usage.agent_version.unwrap();
    assert!(version.starts_with("2."), "{version}");
    let [request] = &scene.model.requests()[..] else {
        panic!("one call of the model and nothing else: {:#?}", scene.model.requests());
    };
    assert_eq!((request.prompt.trim(), request.streamed), ("What is this repository?", true));
    assert_eq!(request.progress, Progress::Answered);
    assert!(transcript(&report).lines().count() >= 3, "it is kept");
}

#[tokio::test]
async fn tools_change_the_checkout_and_every_turn_is_counted() {
    let script =
        Script::of([
            Step::saying("I write it.")
                .and_using("Write", json!({"file_path": "src/hello.txt", "content": "hello\n"}))
                .with_usage(Tokens { input_tokens: 1000, output_tokens: 50, ..Tokens::default() }),
            Step::using("Bash", json!({"command": "tr a-z A-Z < src/hello.txt > loud.txt; exit 3"}))
                .with_usage(Tokens { input_tokens: 200, cache_read_input_tokens: 1000, ..Tokens::default() }),
            Step::saying("Both files are written."),
        ]);
    let Some(scene) = scene(script) else { return };
    let report = scene.execute("Write a greeting.").await;
    assert_eq!(report.answer.as_deref().unwrap(), "Both files are written.", "a failed command is no failed agent");
    let text = |path: &str| std::fs::read_to_string(scene.bench.checkout().join(path)).unwrap();
    assert_eq!((text("src/hello.txt").as_str(), text("loud.txt").as_str()), ("hello\n", "HELLO\n"));
    let usage = report.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (Some(1300), Some(90)));
    assert_eq!((usage.cache_read_tokens, usage.turns), (Some(1000), Some(3)));
}

#[tokio::test]
async fn tools_that_are_not_allowed_are_no_work_done() {
    let write = Step::using("Write", json!({"file_path": "owned.txt", "content": "x"}));
    let Some(mut scene) = scene(Script::of([write, Step::saying("I wrote the file.")])) else { return };
    scene.bench.config.skip_permissions = false;
    let report = scene.execute("Write a file.").await;
    assert_eq!(failure(&report), (FailureCode::AgentDenied, "claude was denied tools that it needed: Write"));
    assert!(!scene.bench.checkout().join("owned.txt").exists());
}

#[tokio::test]
async fn a_refusal_is_an_answer_only_when_another_follows() {
    let refusal = || Step::saying("No.").with_stop_reason("refusal");
    // The program itself goes on after a refusal, with a prompt of its own.
    let Some(recovers) = scene(Script::answering("I can do that part.").on("^Please", [refusal()])) else { return };
    let report = recovers.execute("Please do it.").await;
    assert_eq!(report.answer.as_deref().unwrap(), "I can do that part.");

    let stays = scene(Script::of([refusal()])).unwrap();
    let report = stays.execute("Please do it.").await;
    assert_eq!(failure(&report).0, FailureCode::AgentRefused, "{report:?}");
}

#[tokio::test]
async fn a_command_in_the_background_is_refused_so_that_nothing_outlives_the_answer() {
    let script = Script::of([
        Step::using("Bash", json!({"command": "mkfifo wait; read -t 100 line <> wait", "run_in_background": true})),
        Step::saying("I did without."),
    ]);
    let Some(scene) = scene(script) else { return };
    let report = scene.execute("Start the server.").await;
    assert_eq!(report.answer.as_deref().unwrap(), "I did without.");
    assert_eq!(scene.tool_results()[0]["is_error"], true, "the model is told: {:#?}", scene.tool_results());
    assert!(!scene.bench.checkout().join("wait").exists());
}

#[tokio::test]
async fn turns_and_money_are_limited() {
    let again = || Script::of([Step::using("Bash", json!({"command": "echo again"}))]);
    let Some(mut turns) = scene(again()) else { return };
    turns.bench.config.max_turns = Some(2);
    let report = turns.execute("Go on.").await;
    assert_eq!(failure(&report).0, FailureCode::AgentTurnLimit, "{report:?}");
    assert_eq!(turns.model.requests().len(), 2);

    let mut money = scene(again()).unwrap();
    money.bench.max_cost_nanousd = Some(1);
    let report = money.execute("Go on.").await;
    assert_eq!(failure(&report).0, FailureCode::AgentBudget, "{report:?}");
    assert!(report.usage.unwrap().cost_nanousd > Some(1));
}

#[tokio::test]
async fn hooks_and_servers_of_the_repository_are_not_run() {
    let Some(scene) = scene(Script::answering("Done.")) else { return };
    let checkout = scene.bench.checkout();
    let script = checkout.join("own.sh");
    std::fs::write(&script, format!("#!/bin/sh\n: > {}/owned\n", checkout.display())).unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let hook = json!([{"hooks": [{"type": "command", "command": script}]}]);
    std::fs::create_dir(checkout.join(".claude")).unwrap();
    let settings = json!({"hooks": {"SessionStart": hook, "UserPromptSubmit": hook, "Stop": hook}});
    std::fs::write(checkout.join(".claude/settings.json"), settings.to_string()).unwrap();
    std::fs::write(checkout.join(".claude/settings.local.json"), settings.to_string()).unwrap();
    let servers = json!({"mcpServers": {"own": {"command": script, "args": []}}});
    std::fs::write(checkout.join(".mcp.json"), servers.to_string()).unwrap();
    let report = scene.execute("Look around.").await;
    assert_eq!(report.answer.as_deref().unwrap(), "Done.");
    assert!(!checkout.join("owned").exists(), "what the repository names was run");
}
