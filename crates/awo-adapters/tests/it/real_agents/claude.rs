//! The real `claude`, run as orders run it.

mod answers;
mod errors;
mod secrets;
mod sessions;
mod stops;

use std::time::Duration;

use awo_engine::ports::AgentReport;
use awo_testkit::{ModelServer, Script, programs};
use serde_json::Value;

use crate::claude::{Bench, LONG};

const KEY: &str = "sk-ant-canary-of-the-operator";

/// The program and its model.
struct Scene {
    bench: Bench,
    model: ModelServer,
}

/// A scene with a script; `None` where the program is not there.
fn scene(script: Script) -> Option<Scene> {
    let mut bench = Bench::new(programs::real("claude")?);
    let model = ModelServer::start(script);
    bench.config.skip_permissions = true;
    bench.config.passed_env = vec![
        ("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()),
        ("ANTHROPIC_BASE_URL".into(), model.address().into()),
        ("CLAUDE_CODE_MAX_RETRIES".into(), "1".into()),
    ];
    // What the program needs to stop by itself, as in real use.
    bench.config.limits.interrupt_grace = Duration::from_secs(20);
    bench.config.limits.terminate_grace = Duration::from_secs(5);
    Some(Scene { bench, model }.with_variable("ANTHROPIC_API_KEY", KEY))
}

impl Scene {
    fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.bench.config.passed_env.push((name.into(), value.into()));
        self
    }

    fn without_variable(mut self, name: &str) -> Self {
        self.bench.config.passed_env.retain(|(known, _)| known != name);
        self
    }

    async fn execute(&self, prompt: &str) -> AgentReport {
        self.bench.execute(prompt, LONG).await
    }

    /// What the program told the model about tools that it ran.
    fn tool_results(&self) -> Vec<Value> {
        let requests = self.model.requests();
        let Some(last) = requests.last() else { return Vec::new() };
        let messages = last.body["messages"].as_array().into_iter().flatten();
        let parts = messages.filter_map(|message| message["content"].as_array()).flatten();
        parts.filter(|part| part["type"] == "tool_result").cloned().collect()
    }
}

/// The transcript of an execution.
fn transcript(report: &AgentReport) -> String {
    let file = report.files.iter().find(|file| file.kind == "transcript.jsonl").expect("a transcript");
    std::fs::read_to_string(&file.path).unwrap()
}
