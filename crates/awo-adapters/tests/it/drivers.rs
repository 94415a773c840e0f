//! Every driver against programs that speak its format and behave badly: the same table for all.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use awo_adapters::{
    AgentDriver, Claude, Codex, CommandDescription, CommandDriver, Gemini, LinesFormat, NoTracking, OpenCode,
    ProgramAgent, ProgramConfig, SessionFiles,
};
use awo_engine::ports::{AgentExecutor, AgentProgress, AgentReport, AgentRequest, AgentSession, Login, ProgressSink};
use awo_models::{AgentName, FailureCode, Isolation, Network, OrderId, StepName};
use rstest::rstest;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Long enough that a test that needs it has failed.
const LONG: Duration = Duration::from_mins(1);
const SECRET: &str = "sk-canary-of-the-agent";

/// How a program of a kind speaks. `TEXT` in its lines is what it says.
struct Dialect {
    driver: Arc<dyn AgentDriver>,
    key: &'static str,
    begin: &'static str,
    tool: &'static str,
    /// Lines with its words, and the one that ends it.
    result: &'static str,
}

fn claude() -> Dialect {
    Dialect {
        driver: Arc::new(Claude),
        key: "ANTHROPIC_API_KEY",
        begin: r#"{"type":"system","subtype":"init","session_id":"s-1"}"#,
        tool: r#"{"type":"assistant","message":{"id":"m","content":[{"type":"tool_use","name":"Bash","input":{"command":"ls"}}]}}"#,
        result: r#"{"type":"result","subtype":"success","is_error":false,"session_id":"s-1","result":"TEXT"}"#,
    }
}

fn codex() -> Dialect {
    Dialect {
        driver: Arc::new(Codex),
        key: "CODEX_API_KEY",
        begin: "{\"type\":\"thread.started\",\"thread_id\":\"s-1\"}\n{\"type\":\"turn.started\"}",
        tool: r#"{"type":"item.started","item":{"id":"ITEM","type":"command_execution","command":"ls"}}"#,
        result: "{\"type\":\"item.completed\",\"item\":{\"id\":\"i\",\"type\":\"agent_message\",\"text\":\"TEXT\"}}\n\
                 {\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":100,\"output_tokens\":20}}",
    }
}

fn gemini() -> Dialect {
    Dialect {
        driver: Arc::new(Gemini),
        key: "GEMINI_API_KEY",
        begin: r#"{"type":"init","session_id":"s-1","model":"m"}"#,
        tool: r#"{"type":"tool_use","tool_name":"run_shell_command","tool_id":"t","parameters":{"command":"ls"}}"#,
        result: "{\"type\":\"message\",\"role\":\"assistant\",\"content\":\"TEXT\",\"delta\":true}\n\
                 {\"type\":\"result\",\"status\":\"success\",\"stats\":{\"input\":100,\"output_tokens\":20}}",
    }
}

fn opencode() -> Dialect {
    Dialect {
        driver: Arc::new(OpenCode),
        key: "OPENAI_API_KEY",
        begin: r#"{"type":"step_start","sessionID":"s-1","part":{}}"#,
        tool: "{\"type\":\"tool_use\",\"sessionID\":\"s-1\",\"part\":{\"tool\":\"bash\",\"state\":{\"status\":\"completed\"}}}\n\
               {\"type\":\"step_finish\",\"part\":{\"reason\":\"tool-calls\",\"tokens\":{\"input\":1},\"cost\":0.1}}\n\
               {\"type\":\"step_start\",\"sessionID\":\"s-1\",\"part\":{}}",
        result: "{\"type\":\"step_start\",\"sessionID\":\"s-1\",\"part\":{}}\n\
                 {\"type\":\"text\",\"sessionID\":\"s-1\",\"part\":{\"text\":\"TEXT\"}}\n\
                 {\"type\":\"step_finish\",\"part\":{\"reason\":\"stop\",\"tokens\":{\"input\":1},\"cost\":0.1}}",
    }
}

fn described() -> Dialect {
    let field = |name: &str| Some(name.to_owned());
    let description = CommandDescription {
        name: "described".into(),
        args: vec!["--file".into(), "{prompt_file}".into()],
        resume_args: vec!["--go-on".into(), "{session}".into()],
        keys: vec!["MY_KEY".into()],
        session_files: vec![SessionFiles { below: ".mine".into(), ending: ".session".into() }],
        lines: Some(LinesFormat {
            kind: "event".into(),
            result_kind: "done".into(),
            text_kinds: vec!["say".into()],
            text: field("words"),
            tool_kinds: vec!["tool".into()],
            tool: field("name"),
            session: field("session"),
            cost_usd: field("usd"),
            ..LinesFormat::default()
        }),
        ..CommandDescription::default()
    };
    Dialect {
        driver: Arc::new(CommandDriver::new(description).unwrap()),
        key: "MY_KEY",
        begin: r#"{"event":"begin","session":"s-1"}"#,
        tool: r#"{"event":"tool","name":"shell","usd":0.1}"#,
        result: "{\"event\":\"say\",\"words\":\"TEXT\"}\n{\"event\":\"done\"}",
    }
}

struct Bench {
    place: TempDir,
    dialect: Dialect,
    config: ProgramConfig,
    progress: ProgressSink,
    max_turns: Option<u32>,
    max_cost_nanousd: Option<u64>,
    timeout: Duration,
}

impl Bench {
    fn new(dialect: Dialect) -> Self {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("checkout")).unwrap();
        let name = dialect.driver.facts().name;
        let mut config = ProgramConfig::new(&name, &place.path().join("state"));
        config.program = place.path().join("program");
        config.skip_permissions = true;
        config.passed_env = vec![("PATH".into(), "/usr/bin:/bin".into()), (dialect.key.into(), SECRET.into())];
        config.limits.interrupt_grace = Duration::from_millis(50);
        config.limits.terminate_grace = Duration::from_millis(50);
        Self {
            place,
            dialect,
            config,
            progress: ProgressSink::none(),
            max_turns: None,
            max_cost_nanousd: None,
            timeout: LONG,
        }
    }

    fn executor(&self) -> ProgramAgent {
        ProgramAgent::new(Arc::clone(&self.dialect.driver), self.config.clone(), Arc::new(NoTracking))
    }

    /// Runs a shell script as the program. In it `begin`, `tool` and `result TEXT` say what the program says.
    async fn run(&self, script: &str) -> AgentReport {
        self.run_in(script, AgentSession::New(None)).await
    }

    async fn run_in(&self, script: &str, session: AgentSession) -> AgentReport {
        let Dialect { begin, tool, result, .. } = &self.dialect;
        let program = format!(
            "#!/bin/sh\ncat >/dev/null\nbegin() {{ printf '%s\\n' '{begin}'; }}\n\
             tools=0\ntool() {{ tools=$((tools+1)); printf '%s\\n' '{tool}' | sed \"s/ITEM/$tools/\"; }}\n\
             result() {{ printf '%s\\n' '{result}' | sed \"s|TEXT|$1|\"; }}\n{script}\n"
        );
        std::fs::write(&self.config.program, program).unwrap();
        std::fs::set_permissions(&self.config.program, PermissionsExt::from_mode(0o755)).unwrap();
        let request = AgentRequest {
            order: OrderId::new(1_700_000_000_000, [7; 10]),
            step: StepName::known("plan"),
            agent_name: AgentName::known("planner"),
            attempt: 1,
            prompt: "Do it.".into(),
            working_dir: self.place.path().join("checkout"),
            borrowed: Vec::new(),
            repository_url: "https://git.example/repository".into(),
            isolation: Isolation::None,
            network: Network::Host,
            model: None,
            session,
            max_turns: self.max_turns,
            max_cost_nanousd: self.max_cost_nanousd,
            timeout: self.timeout,
            silence: None,
            progress: self.progress.clone(),
        };
        let report = self.executor().execute(request, CancellationToken::new()).await;
        assert_eq!(std::fs::read_dir(&self.config.home_dir).map_or(0, Iterator::count), 0, "no home is left");
        report
    }

    async fn code(&self, script: &str) -> Result<String, FailureCode> {
        self.run(script).await.answer.map(|answer| answer.to_string()).map_err(|failure| failure.code)
    }
}

#[rstest]
#[tokio::test]
async fn what_a_program_says_counts_only_with_its_result(
    #[values(claude(), codex(), gemini(), opencode(), described())] dialect: Dialect,
) {
    let bench = Bench::new(dialect);
    let code = async |script| bench.code(script).await;
    assert_eq!(code("begin; tool; result 'all done'").await, Ok("all done".into()));
    assert_eq!(code("begin; tool").await, Err(FailureCode::AgentNoResult));
    assert_eq!(code("begin; result first; result last").await, Ok("last".into()));
    assert_eq!(code("begin; tool; kill -9 $$").await, Err(FailureCode::AgentCrashed));
    assert_eq!(code("begin; result done; exit 3").await, Err(FailureCode::AgentCrashed));
    assert_eq!(code("begin; result ''").await, Err(FailureCode::AgentNoResult));
    assert_eq!(code("exit 0").await, Err(FailureCode::AgentNoResult));
    assert_eq!(code("echo nonsense; echo '[1]'; echo '{}'; begin; result fine").await, Ok("fine".into()));
    assert_eq!(code("begin; yes '{\"type\":\"noise\"}' | head -n 100000; result fine").await, Ok("fine".into()));
    assert_eq!(code("begin; head -c 3000000 /dev/zero | tr '\\0' x; echo; result fine").await, Ok("fine".into()));
}

#[rstest]
#[tokio::test]
async fn characters_that_come_in_pieces_are_whole(
    #[values(claude(), codex(), gemini(), opencode(), described())] dialect: Dialect,
) {
    let bench = Bench::new(dialect);
    // Each byte by itself, as far as the pipe lets it be.
    let script = "begin; result 'grün 日本' | od -An -v -to1 | tr -s ' ' '\\n' | while read -r byte; do \
                  if [ -n \"$byte\" ]; then printf \"\\\\$byte\"; fi; done";
    assert_eq!(bench.code(script).await, Ok("grün 日本".into()));
}

#[rstest]
#[tokio::test]
async fn a_program_that_does_not_end_after_its_result_keeps_its_answer(
    #[values(claude(), codex(), gemini(), opencode(), described())] dialect: Dialect,
) {
    let mut bench = Bench::new(dialect);
    bench.config.linger = Duration::from_millis(100);
    assert_eq!(bench.code("trap '' INT TERM; begin; result done; while :; do sleep 1; done").await, Ok("done".into()));
    let last_words = "trap 'result stopped; exit 1' INT; begin; result done; while :; do sleep 0.05; done";
    assert_eq!(bench.code(last_words).await, Ok("done".into()), "what it says when it is stopped counts no more");
}

#[rstest]
#[tokio::test]
async fn a_program_that_does_not_stop_is_stopped(
    #[values(claude(), codex(), gemini(), opencode(), described())] dialect: Dialect,
) {
    let mut bench = Bench::new(dialect);
    bench.timeout = Duration::from_millis(300);
    assert_eq!(bench.code("trap '' INT TERM; begin; while :; do sleep 1; done").await, Err(FailureCode::AgentTimeout));
}

#[rstest]
#[tokio::test]
async fn a_secret_is_told_nowhere(#[values(claude(), codex(), gemini(), opencode(), described())] dialect: Dialect) {
    let mut bench = Bench::new(dialect);
    let told = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&told);
    bench.progress = ProgressSink::new(move |progress| {
        writeln!(heard.lock().unwrap(), "{progress:?}").unwrap();
    });
    let key = bench.dialect.key;
    let report = bench.run(&format!("begin; tool; echo \"${key}\" >&2; result \"${key}\"")).await;
    assert_eq!(report.answer.as_deref().unwrap(), format!("[{key}]"));
    for file in &report.files {
        assert!(!std::fs::read_to_string(&file.path).unwrap().contains(SECRET), "{}", file.kind);
    }
    let told = told.lock().unwrap();
    assert!(told.contains("ToolStarted") && !told.contains(SECRET), "{told}");
}

#[rstest]
#[tokio::test]
async fn limits_that_a_program_does_not_keep_are_kept(#[values(codex(), opencode(), described())] dialect: Dialect) {
    let mut bench = Bench::new(dialect);
    bench.max_turns = Some(2);
    assert_eq!(bench.code("begin; tool; result done").await, Ok("done".into()));
    let endless = "trap '' INT; begin; while :; do tool; sleep 0.05; done";
    assert_eq!(bench.code(endless).await, Err(FailureCode::AgentTurnLimit));
    if bench.executor().capabilities().reports_cost {
        bench.max_turns = None;
        bench.max_cost_nanousd = Some(50_000_000);
        assert_eq!(bench.code(endless).await, Err(FailureCode::AgentBudget));
    }
}

#[rstest]
#[case(claude(), ".claude/projects/-checkout/s-1.jsonl")]
#[case(codex(), ".codex/sessions/2026/11/24/rollout-s-1.jsonl")]
#[case(gemini(), ".gemini/tmp/checkout/chats/session-s-1.jsonl")]
#[case(opencode(), ".local/share/opencode/opencode.db")]
#[case(described(), ".mine/s-1.session")]
#[tokio::test]
async fn a_session_goes_on_with_its_files_and_nothing_else(#[case] dialect: Dialect, #[case] file: &str) {
    let bench = Bench::new(dialect);
    let resumed = || AgentSession::Resumed("s-1".into());
    let shows = "cd; begin; files=$(find . -name '*s-1*' -o -name opencode.db -o -name 'hook*' | sort | tr '\\n' ' '); \
                 result \"$files\"";
    let report = bench.run_in(shows, resumed()).await;
    let failure = report.answer.unwrap_err();
    assert!(failure.message.contains("nothing was kept of it"), "{failure}");

    let works = format!(
        "cd; mkdir -p \"$(dirname {file})\"; echo session > {file}; echo evil > \"$(dirname {file})/hook\"; \
         echo evil > hook.sh; ln -s /etc/passwd \"$(dirname {file})/linked-s-1.jsonl\"; begin; result done"
    );
    let report = bench.run(&works).await;
    assert_eq!(report.session_id.as_deref(), Some("s-1"));
    let report = bench.run_in(shows, resumed()).await;
    assert_eq!(report.answer.as_deref().unwrap().trim(), format!("./{file}"));
    let fresh = bench.run(shows).await;
    assert_eq!(fresh.answer.map_err(|failure| failure.code), Err(FailureCode::AgentNoResult), "it finds nothing");

    bench.executor().forget(OrderId::new(1_700_000_000_000, [7; 10])).await;
    assert_eq!(std::fs::read_dir(&bench.config.sessions_dir).unwrap().count(), 0);
    assert!(bench.run_in(shows, resumed()).await.answer.is_err());
}

#[tokio::test]
async fn what_a_session_consumed_before_is_not_counted_again() {
    let bench = Bench::new(codex());
    let works = "cd; mkdir -p .codex/sessions; echo x > .codex/sessions/r.jsonl; begin; result done";
    let first = bench.run(works).await.usage.unwrap();
    assert_eq!((first.input_tokens, first.output_tokens), (Some(100), Some(20)));
    let more = "begin; result done | sed 's/:100/:250/; s/:20}/:50}/'";
    let second = bench.run_in(more, AgentSession::Resumed("s-1".into())).await.usage.unwrap();
    assert_eq!((second.input_tokens, second.output_tokens), (Some(150), Some(30)));
}

#[tokio::test]
async fn an_id_that_would_be_an_option_is_refused() {
    let bench = Bench::new(claude());
    let report = bench.run_in("begin; result done", AgentSession::Resumed("--debug".into())).await;
    assert_eq!(report.answer.unwrap_err().code, FailureCode::Internal);
}

#[rstest]
#[tokio::test]
async fn a_look_tells_the_version_and_whether_it_is_logged_in(
    #[values(claude(), codex(), gemini(), opencode(), described())] dialect: Dialect,
) {
    let mut bench = Bench::new(dialect);
    let key = bench.dialect.key;
    bench.run(&format!("if [ \"$1\" = --version ]; then echo \"1.2.3 ${key}\"; fi")).await;
    let health = bench.executor().probe().await;
    assert_eq!(health.version.as_deref(), Some(&*format!("1.2.3 [{key}]")), "{health:?}");
    assert_eq!((health.login, health.is_usable()), (Login::Found, true), "{health:?}");

    bench.config.passed_env.truncate(1);
    let health = bench.executor().probe().await;
    assert_eq!((health.login, health.problem.as_deref()), (Login::Missing, Some("it is not logged in")));
    assert!(health.cure.unwrap().contains(key));

    bench.run("echo 'no such library' >&2; exit 127").await;
    let health = bench.executor().probe().await;
    assert!(health.problem.unwrap().ends_with("it ended with exit code 127: no such library"));

    bench.config.program = PathBuf::from("/nonexistent/agent");
    let health = bench.executor().probe().await;
    assert!(health.program.is_none() && health.problem.unwrap().contains("/nonexistent/agent"));
}

#[tokio::test]
async fn a_login_below_the_operators_home_is_seen() {
    let mut bench = Bench::new(codex());
    bench.run("if [ \"$1\" = --version ]; then echo 1.2.3; fi").await;
    bench.config.passed_env.truncate(1);
    let operator = bench.place.path().join("operator");
    std::fs::create_dir_all(operator.join(".codex")).unwrap();
    bench.config.credentials_from = Some(operator.clone());
    assert_eq!(bench.executor().probe().await.login, Login::Missing);
    std::fs::write(operator.join(".codex/auth.json"), r#"{"OPENAI_API_KEY":"sk-canary-of-the-file"}"#).unwrap();
    assert_eq!(bench.executor().probe().await.login, Login::Found);
    let report = bench.run("cd; begin; result \"$(tr -d '\"' < .codex/auth.json)\"").await;
    assert_eq!(report.answer.as_deref().unwrap(), "{OPENAI_API_KEY:[OPENAI_API_KEY]}");
}

#[tokio::test]
async fn progress_is_told_in_order() {
    let mut bench = Bench::new(codex());
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    bench.progress = ProgressSink::new(move |progress| heard.lock().unwrap().push(progress));
    bench.run("begin; tool; result done").await;
    let told = told.lock().unwrap();
    let [AgentProgress::ToolStarted { tool, detail }, AgentProgress::Text(text), AgentProgress::Used(used)] = &told[..]
    else {
        panic!("a tool, words and what was used: {told:?}");
    };
    assert_eq!((&**tool, &**detail, &**text, used.input_tokens), ("command_execution", "ls", "done", Some(100)));
}
