//! The scripted agent, on real directories.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use awo_adapters::{Script, ScriptedAgent};
use awo_engine::ports::{AgentExecutor, AgentProgress, AgentReport, AgentRequest, AgentSession, ProgressSink};
use awo_models::{AgentName, FailureCode, Isolation, Network, OrderId, StepName, commands, steps};
use tokio_util::sync::CancellationToken;

fn request(step: &'static str, attempt: u32, working_dir: &Path) -> AgentRequest {
    AgentRequest {
        order: OrderId::new(1_700_000_000_000, [7; 10]),
        step: StepName::known(step),
        agent_name: AgentName::known("anybody"),
        attempt,
        prompt: "anything".into(),
        working_dir: working_dir.to_owned(),
        borrowed: Vec::new(),
        repository_url: "https://git.example/repository".into(),
        isolation: Isolation::None,
        network: Network::Host,
        model: None,
        session: AgentSession::New(Some("session".into())),
        max_turns: None,
        max_cost_nanousd: None,
        timeout: Duration::from_mins(1),
        silence: None,
        progress: ProgressSink::none(),
    }
}

async fn execute(agent: &ScriptedAgent, step: &'static str, attempt: u32, directory: &Path) -> AgentReport {
    agent.execute(request(step, attempt, directory), CancellationToken::new()).await
}

fn scripted(script: &str) -> ScriptedAgent {
    ScriptedAgent::new(Script::from_json(script).unwrap())
}

#[tokio::test]
async fn each_attempt_has_its_script_and_the_last_one_repeats() {
    let agent = scripted(
        r#"{"x": [
            [{"fail": {"code": "agent_overloaded", "message": "busy"}}],
            [{"write": {"a/b.txt": "1\n"}}, {"append": {"a/b.txt": "2 {order}\n"}}, {"answer": "done"}, {"remove": "a/b.txt"}]
        ]}"#,
    );
    let directory = tempfile::tempdir().unwrap();
    let report = execute(&agent, "x", 1, directory.path()).await;
    assert_eq!(report.answer.unwrap_err().code, FailureCode::AgentOverloaded);
    for attempt in [2, 3] {
        let report = execute(&agent, "x", attempt, directory.path()).await;
        assert_eq!(report.answer.as_deref().unwrap(), "done");
        assert_eq!(report.session_id.as_deref(), Some("session"));
        assert_eq!(report.usage, None, "unknown, not zero");
    }
    let written = std::fs::read_to_string(directory.path().join("a/b.txt")).unwrap();
    assert_eq!(written, "1\n2 07070707\n", "nothing after the answer is done");
}

#[tokio::test]
async fn a_role_is_played_where_its_step_has_no_script_and_what_it_does_is_told() {
    let agent = scripted(
        r#"{"follow_up": [
            {"pause_milliseconds": 1}, {"write": {"a.txt": "{step}\n"}}, {"remove": ".git/x"}, {"answer": "no"}
        ]}"#,
    );
    let directory = tempfile::tempdir().unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    let request = AgentRequest {
        agent_name: AgentName::known("follow_up"),
        progress: ProgressSink::new(move |it| listener.lock().unwrap().push(it)),
        ..request("prompt-2", 1, directory.path())
    };
    let report = agent.execute(request, CancellationToken::new()).await;
    assert_eq!(report.answer.unwrap_err().code, FailureCode::AgentCrashed);
    assert_eq!(std::fs::read_to_string(directory.path().join("a.txt")).unwrap(), "prompt-2\n");
    let used = |tool: &str, detail: &str| AgentProgress::ToolStarted { tool: tool.into(), detail: detail.into() };
    let ended = |tool: &str, success| AgentProgress::ToolEnded { tool: Some(tool.into()), success };
    let expected = [
        AgentProgress::Text("pauses for 1 ms".into()),
        used("write", "a.txt"),
        ended("write", true),
        used("remove", ".git/x"),
        ended("remove", false),
    ];
    assert_eq!(*told.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_script_without_the_step_or_an_answer_is_no_result() {
    let agent = scripted(r#"{"x": [{"pause_milliseconds": 1}]}"#);
    for step in ["x", "y"] {
        let failure = execute(&agent, step, 1, Path::new("/")).await.answer.unwrap_err();
        assert_eq!(failure.code, FailureCode::AgentNoResult);
        assert!(failure.message.contains(&format!("`{step}`")));
    }
}

#[tokio::test]
async fn a_pause_ends_with_the_order_or_with_its_time() {
    let agent = scripted(r#"{"x": [{"pause_milliseconds": 3600000}, {"answer": "too late"}]}"#);
    let cancel = CancellationToken::new();
    let running = agent.execute(request("x", 1, Path::new("/")), cancel.clone());
    let (report, ()) = tokio::join!(running, async { cancel.cancel() });
    assert_eq!(report.answer.unwrap_err().code, FailureCode::Cancelled);
    let request = AgentRequest { timeout: Duration::from_millis(20), ..request("x", 1, Path::new("/")) };
    let report = agent.execute(request, CancellationToken::new()).await;
    assert_eq!(report.answer.unwrap_err().code, FailureCode::AgentTimeout);
}

#[tokio::test(start_paused = true)]
async fn the_demo_fits_any_repository() {
    let agent = ScriptedAgent::demo();
    for readme in [Some("# Project\n"), None] {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        if let Some(readme) = readme {
            std::fs::write(root.join("README.md"), readme).unwrap();
        }
        for step in [
            steps::CLASSIFY,
            steps::PLAN,
            steps::FIND_PLAN,
            steps::GENERATE_BRANCH,
            steps::IMPLEMENT,
            steps::REVIEW,
            steps::TEST,
            steps::COMMIT,
            steps::CREATE_PR,
        ] {
            let answer = execute(&agent, step, 1, root).await.answer.unwrap();
            assert!(!answer.contains("{order}"), "{answer}");
            if step == steps::FIND_PLAN {
                let plan = std::fs::read_to_string(root.join(&*answer)).unwrap();
                assert!((30..60).contains(&plan.lines().count()));
            }
        }
        let translations = std::fs::read_to_string(root.join("greeting/translations.json")).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&translations).is_ok());
        assert!(std::fs::read_to_string(root.join("README.md")).unwrap().starts_with(readme.unwrap_or_default()));
    }
    for command in [
        commands::CREATE_BRANCH,
        commands::PLANNING,
        commands::EXECUTE,
        commands::COMMIT,
        commands::CREATE_PR,
        commands::PRP_REVIEW,
    ] {
        let directory = tempfile::tempdir().unwrap();
        assert!(execute(&agent, command, 1, directory.path()).await.answer.is_ok(), "{command}");
    }
}

#[test]
fn a_text_that_is_no_script_is_refused_with_the_reason() {
    for (text, reason) in [
        (r#"{"x": [{"dance": 1}]}"#, "unknown variant `dance`"),
        (r#"{"x": [{"fail": {"code": "who_knows", "message": ""}}]}"#, "unknown variant `who_knows`"),
        (r#"{"../x": []}"#, "is not a name"),
    ] {
        let error = Script::from_json(text).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(reason), "{source}");
    }
}
