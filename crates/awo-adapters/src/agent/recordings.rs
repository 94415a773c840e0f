//! What drivers make of recordings of real programs, as text for snapshots, and of anything else.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use awo_engine::ports::{AgentRequest, AgentSession, ProgressSink};
use awo_models::{AgentName, Isolation, Network, OrderId, StepName};
use awo_testkit::programs::{RecordedExit, Recording, recordings};

use super::driver::{AgentCall, AgentDriver, AgentOutcome, Earlier, ProgramEnd};
use crate::process::Exit;

/// An execution that a driver is asked about.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) request: AgentRequest,
    pub(crate) skip_permissions: bool,
    pub(crate) as_root: bool,
    pub(crate) more_arguments: Vec<OsString>,
    pub(crate) passed_env: Vec<(OsString, OsString)>,
}

impl Case {
    pub(crate) fn new() -> Self {
        let request = AgentRequest {
            order: OrderId::new(1_700_000_000_000, [7; 10]),
            step: StepName::known("plan"),
            agent_name: AgentName::known("planner"),
            attempt: 1,
            prompt: "$(touch /tmp/owned)".into(),
            working_dir: "/checkout".into(),
            borrowed: Vec::new(),
            repository_url: "https://git.example/repository".into(),
            isolation: Isolation::None,
            network: Network::Host,
            model: None,
            session: AgentSession::New(Some("11111111-2222-4333-8444-555555555555".into())),
            max_turns: None,
            max_cost_nanousd: None,
            timeout: Duration::from_mins(1),
            silence: None,
            progress: ProgressSink::none(),
        };
        Self { request, skip_permissions: false, as_root: false, more_arguments: Vec::new(), passed_env: Vec::new() }
    }

    pub(crate) fn call(&self) -> AgentCall<'_> {
        AgentCall {
            request: &self.request,
            home: Path::new("/home"),
            skip_permissions: self.skip_permissions,
            as_root: self.as_root,
            more_arguments: &self.more_arguments,
            passed_env: &self.passed_env,
        }
    }

    /// How the program is started: its arguments, what is added to its environment, and the files of its home.
    pub(crate) fn command_line(&self, driver: &dyn AgentDriver) -> String {
        let invocation = driver.invocation(&self.call()).expect("a call that can be made");
        let words: Vec<_> = invocation.args.iter().map(|argument| argument.display().to_string()).collect();
        let mut told = words.join(" ");
        told.push('\n');
        for (name, value) in &invocation.env {
            writeln!(told, "  {}={}", name.display(), value.display()).unwrap();
        }
        for (path, bytes) in &invocation.files {
            writeln!(told, "  {}: {:?}", path.display(), String::from_utf8_lossy(bytes)).unwrap();
        }
        assert!(!told.contains(&self.request.prompt), "others can read it: {told}");
        told
    }

    /// What the driver makes of an output.
    pub(crate) fn outcome(
        &self,
        driver: &dyn AgentDriver,
        earlier: Earlier,
        output: &str,
        end: &ProgramEnd,
    ) -> AgentOutcome {
        let mut parser = driver.parser(&self.call(), earlier);
        output.lines().for_each(|line| parser.feed(line, &mut |_| {}));
        parser.finish(end)
    }
}

/// What a driver makes of all recordings of its program, one a line.
pub(crate) fn table(program: &str, driver: &dyn AgentDriver) -> String {
    let mut table = String::new();
    for recording in recordings(program) {
        let mut case = Case::new();
        case.skip_permissions = !recording.name.starts_with("no") && !recording.name.ends_with("noauto");
        let outcome = case.outcome(driver, Earlier::Nothing, &recording.output, &end_of(&recording));
        let (class, text) = match &outcome.answer {
            Ok(answer) => ("completed", answer.to_string()),
            Err(failure) => (failure.code.as_str(), failure.message.to_string()),
        };
        let usage = outcome.usage.unwrap_or_default();
        let number = |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
        writeln!(
            table,
            "{:<40} {class:<17} {:<8} turns {:<2} in {:<5} out {:<4} cache {:<5} nanousd {:<9} {:<17} {:<8} {:?}",
            recording.name,
            outcome.session_id.as_deref().map_or("-", |id| &id[..8]),
            number(usage.turns),
            number(usage.input_tokens),
            number(usage.output_tokens),
            number(usage.cache_read_tokens),
            number(usage.cost_nanousd),
            usage.model.as_deref().unwrap_or("?"),
            usage.agent_version.as_deref().unwrap_or("?"),
            text.chars().take(70).collect::<String>(),
        )
        .unwrap();
    }
    table
}

/// What a driver tells of a recording while it is read.
pub(crate) fn story(program: &str, name: &str, driver: &dyn AgentDriver) -> String {
    let case = Case::new();
    let mut parser = driver.parser(&case.call(), Earlier::Nothing);
    let mut told = String::new();
    for line in recording(program, name).output.lines() {
        parser.feed(line, &mut |happened| writeln!(told, "{happened:?}").unwrap());
    }
    told
}

/// One recording.
pub(crate) fn recording(program: &str, name: &str) -> Recording {
    let mut all = recordings(program).into_iter();
    all.find(|recording| recording.name == name).expect("a recording of that name")
}

pub(crate) fn end_of(recording: &Recording) -> ProgramEnd {
    let exit = match recording.exit {
        RecordedExit::Code(code) => Exit::Exited(code),
        RecordedExit::Signal(signal) => Exit::Signalled(signal),
    };
    ProgramEnd { exit, lingered: false, stderr_tail: recording.errors.clone() }
}
