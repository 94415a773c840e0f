//! Any bytes as the output of an agent program, to the parser of each driver: none panics, and none gives an answer for a
//! program that failed.
#![no_main]

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use awo_adapters::{
    AgentCall, AgentDriver, Claude, Codex, CommandDescription, CommandDriver, Earlier, Exit, Gemini, LinesFormat,
    OpenCode, ProgramEnd,
};
use awo_engine::ports::{AgentRequest, AgentSession, ProgressSink};
use awo_models::{AgentName, Isolation, Network, OrderId, StepName};
use libfuzzer_sys::fuzz_target;

static DRIVERS: LazyLock<Vec<Arc<dyn AgentDriver>>> = LazyLock::new(|| {
    let described = CommandDescription {
        name: "described".into(),
        prompt_on_stdin: true,
        lines: Some(LinesFormat {
            kind: "type".into(),
            result_kind: "result".into(),
            text_kinds: vec!["message".into(), "text".into()],
            text: Some("content".into()),
            tool_kinds: vec!["tool_use".into()],
            tool: Some("tool_name".into()),
            error_kinds: vec!["error".into()],
            error: Some("error".into()),
            session: Some("session_id".into()),
            input_tokens: Some("usage.input_tokens".into()),
            cost_usd: Some("total_cost_usd".into()),
            ..LinesFormat::default()
        }),
        ..CommandDescription::default()
    };
    let described = CommandDriver::new(described).expect("a good description");
    vec![Arc::new(Claude), Arc::new(Codex), Arc::new(Gemini), Arc::new(OpenCode), Arc::new(described)]
});

fuzz_target!(|data: &[u8]| {
    let Some((&how, output)) = data.split_first() else { return };
    let request = AgentRequest {
        order: OrderId::new(0, [0; 10]),
        step: StepName::known("plan"),
        agent_name: AgentName::known("planner"),
        attempt: 1,
        prompt: "x".to_owned(),
        working_dir: "/".into(),
        borrowed: Vec::new(),
        repository_url: "https://example.org/owner/repository".into(),
        isolation: Isolation::None,
        network: Network::Host,
        model: None,
        session: AgentSession::New(None),
        max_turns: None,
        max_cost_nanousd: None,
        timeout: Duration::from_secs(1),
        silence: None,
        progress: ProgressSink::none(),
    };
    let call = AgentCall {
        request: &request,
        home: Path::new("/"),
        skip_permissions: how & 1 != 0,
        as_root: false,
        more_arguments: &[],
        passed_env: &[],
    };
    let exit = match how >> 3 {
        0..16 => Exit::Exited(0),
        code @ 16..28 => Exit::Exited(i32::from(code)),
        signal => Exit::Signalled(i32::from(signal)),
    };
    let end = ProgramEnd { exit, lingered: how & 2 != 0, stderr_tail: "complaint".to_owned() };
    let output = String::from_utf8_lossy(output);
    for driver in DRIVERS.iter() {
        let earlier = if how & 4 != 0 { Earlier::Unknown } else { Earlier::Nothing };
        let mut parser = driver.parser(&call, earlier);
        for line in output.lines() {
            parser.feed(line, &mut |_| {});
            parser.has_answered();
        }
        parser.skip();
        let outcome = parser.finish(&end);
        assert!(outcome.answer.is_err() || end.is_clean(), "{}: a failed program has answered", driver.facts().name);
    }
});
