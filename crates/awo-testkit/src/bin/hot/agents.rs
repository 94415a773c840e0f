//! What agent programs print, read line by line.

use std::hint::black_box;
use std::path::Path;

use awo_adapters::{AgentCall, AgentDriver as _, Claude, Earlier, Exit, ProgramEnd};
use awo_engine::ports::{AgentRequest, AgentSession, ProgressSink};
use awo_models::{AgentName, Isolation, Network, OrderId, StepName};

use crate::Outcome;

/// What a real program printed in a step with tools.
const LINES: &str = include_str!("../../../captures/claude-slow.jsonl");

/// All lines of an execution are read, and the outcome told.
pub(crate) fn claude(times: usize) -> Outcome {
    let request = request()?;
    let call = AgentCall {
        request: &request,
        home: Path::new("/home"),
        skip_permissions: true,
        as_root: false,
        more_arguments: &[],
        passed_env: &[],
    };
    for _ in 0..times {
        let mut parser = Claude.parser(&call, Earlier::Nothing);
        let mut told = 0_usize;
        for line in LINES.lines() {
            parser.feed(black_box(line), &mut |_| told += 1);
        }
        let end = ProgramEnd { exit: Exit::Exited(0), lingered: false, stderr_tail: String::new() };
        black_box((parser.finish(&end), told));
    }
    Ok(())
}

fn request() -> Outcome<AgentRequest> {
    Ok(AgentRequest {
        order: OrderId::new(1, [1; 10]),
        step: StepName::new("implement")?,
        agent_name: AgentName::new("implementor")?,
        attempt: 1,
        prompt: "Add a greeting".to_owned(),
        working_dir: "/work".into(),
        borrowed: Vec::new(),
        repository_url: "https://example.org/owner/repo.git".into(),
        isolation: Isolation::None,
        network: Network::Host,
        model: None,
        session: AgentSession::New(None),
        max_turns: None,
        max_cost_nanousd: None,
        timeout: std::time::Duration::from_hours(1),
        silence: None,
        progress: ProgressSink::none(),
    })
}
