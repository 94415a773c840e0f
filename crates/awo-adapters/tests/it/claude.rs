//! The executor of `claude`, with programs that speak its protocol.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use awo_adapters::{Claude, Custody, NoTracking, ProcessTracker, ProgramAgent, ProgramConfig, PromptFiles};
use awo_engine::ports::{AgentExecutor, AgentReport, AgentRequest, AgentSession, ProgressSink, PromptSource};
use awo_models::{AgentName, FailureCode, Isolation, Network, OrderId, StepName};
use awo_testkit::programs;
use tokio_util::sync::CancellationToken;

/// Long enough that a test that needs it has failed.
pub(crate) const LONG: Duration = Duration::from_mins(1);
pub(crate) const SESSION: &str = "11111111-2222-4333-8444-555555555555";

pub(crate) struct Bench {
    directory: tempfile::TempDir,
    pub(crate) config: ProgramConfig,
    pub(crate) session: AgentSession,
    pub(crate) max_cost_nanousd: Option<u64>,
    tracker: Arc<dyn ProcessTracker>,
    pub(crate) cancel: CancellationToken,
}

impl Bench {
    pub(crate) fn new(program: impl Into<PathBuf>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("checkout")).unwrap();
        let mut config = ProgramConfig::new("claude", &directory.path().join("state"));
        config.program_setting = "CLAUDE_CLI_PATH".into();
        config.program = program.into();
        config.passed_env = vec![
            ("PATH".into(), "/usr/bin:/bin".into()),
            ("ANTHROPIC_API_KEY".into(), "sk-canary-of-the-agent".into()),
        ];
        config.limits.interrupt_grace = Duration::from_millis(100);
        config.limits.terminate_grace = Duration::from_millis(100);
        let (tracker, cancel) = (Arc::new(NoTracking), CancellationToken::new());
        let session = AgentSession::New(Some(SESSION.into()));
        Self { directory, config, session, max_cost_nanousd: None, tracker, cancel }
    }

    pub(crate) fn checkout(&self) -> PathBuf {
        self.directory.path().join("checkout")
    }

    fn executor(&self) -> ProgramAgent {
        ProgramAgent::new(Arc::new(Claude), self.config.clone(), Arc::clone(&self.tracker))
    }

    pub(crate) async fn execute(&self, prompt: &str, timeout: Duration) -> AgentReport {
        let request = AgentRequest {
            order: OrderId::new(1_700_000_000_000, [7; 10]),
            step: StepName::known("plan"),
            agent_name: AgentName::known("planner"),
            attempt: 1,
            prompt: prompt.to_owned(),
            working_dir: self.checkout(),
            borrowed: Vec::new(),
            repository_url: "https://git.example/repository".into(),
            isolation: Isolation::None,
            network: Network::Host,
            model: None,
            session: self.session.clone(),
            max_turns: None,
            max_cost_nanousd: self.max_cost_nanousd,
            timeout,
            silence: None,
            progress: ProgressSink::none(),
        };
        let report = self.executor().execute(request, self.cancel.clone()).await;
        assert_eq!(
            std::fs::read_dir(&self.config.home_dir).map_or(0, Iterator::count),
            0,
            "no home is left, which might hold a login"
        );
        report
    }
}

async fn execute(program: &str) -> AgentReport {
    let bench = Bench::new(programs::path(program));
    bench.execute("Role: planner\nPlease plan.", LONG).await
}

pub(crate) fn failure(report: &AgentReport) -> (FailureCode, &str) {
    let failure = report.answer.as_ref().expect_err("no answer");
    (failure.code, &failure.message)
}

#[tokio::test]
async fn an_agent_works_and_answers() {
    let bench = Bench::new(programs::path("stream-json-agent.sh"));
    let report = bench.execute("Role: planner\nPlease plan.", LONG).await;
    assert_eq!(report.answer.as_deref().unwrap(), "I wrote the plan.\n\nspecs/say-hello-in-more-languages.md");
    assert!(bench.checkout().join("specs/say-hello-in-more-languages.md").is_file());
    assert_eq!(report.session_id.as_deref(), Some(SESSION));
    let usage = report.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.turns, usage.cost_nanousd), (Some(100), Some(1), Some(400_000)));
    let [transcript, prompt] = &report.files[..] else {
        panic!("a transcript, the prompt and no errors: {:?}", report.files);
    };
    assert_eq!((&*transcript.kind, &*prompt.kind), ("transcript.jsonl", "prompt.md"));
    assert_eq!(std::fs::read_to_string(&prompt.path).unwrap(), "Role: planner\nPlease plan.");
    assert_eq!(std::fs::read_to_string(&transcript.path).unwrap().lines().count(), 3);
    for file in &report.files {
        assert_eq!(file.path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        bench.executor().discard(&file.path).await;
    }
    assert_eq!(std::fs::read_dir(&bench.config.files_dir).unwrap().count(), 0, "nothing of it is left");
}

#[tokio::test]
async fn the_child_sees_its_own_environment_and_nothing_of_ours() {
    let mut bench = Bench::new(programs::path("shows-itself.sh"));
    bench.config.skip_permissions = true;
    let report = bench.execute("x", LONG).await;
    let answer = report.answer.unwrap();
    let (environment, _) = answer.split_once('|').unwrap();
    let mut names: Vec<_> = environment.split_whitespace().map(|word| word.split('=').next().unwrap()).collect();
    names.sort_unstable();
    let mut expected = vec![
        "ANTHROPIC_API_KEY",
        "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
        "DISABLE_AUTOUPDATER",
        "HOME",
        "PATH",
        "TERM",
        "TMPDIR",
    ];
    if rustix::process::geteuid().is_root() {
        expected.insert(5, "IS_SANDBOX");
    }
    assert_eq!(names, expected);
    let ours = std::env::vars_os().filter(|(name, _)| !expected.iter().any(|expected| name == expected));
    assert_ne!(ours.count(), 0, "we have something to keep back");
    let home = bench.config.home_dir.display().to_string();
    assert!(environment.contains(&format!(" HOME={home}/wo-")) || environment.starts_with(&format!("HOME={home}/wo-")));
    assert!(!answer.contains("sk-canary-of-the-agent"), "its key is not handed on: {answer}");
    assert!(environment.contains("ANTHROPIC_API_KEY=[ANTHROPIC_API_KEY]"), "though it had it: {answer}");
}

#[tokio::test]
async fn the_login_is_shared_without_the_rest_of_the_home() {
    let mut bench = Bench::new("replaced-below");
    let operator = bench.directory.path().join("operator");
    std::fs::create_dir_all(operator.join(".claude")).unwrap();
    std::fs::write(operator.join(".claude/.credentials.json"), "login").unwrap();
    std::fs::write(operator.join(".claude/settings.json"), "hooks").unwrap();
    std::fs::write(operator.join(".claude.json"), r#"{"userID":"u","mcpServers":{"x":"canary"}}"#).unwrap();
    bench.config.credentials_from = Some(operator);
    let script = bench.directory.path().join("login.sh");
    write_program(
        &script,
        "#!/bin/sh\ncat >/dev/null\ncd\nfiles=$(find . -type f | sort | tr '\\n' ' ')\n\
         all=$(cat .claude.json .claude/.credentials.json | tr -d '\"')\n\
         printf '{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"%s| %s\"}\\n' \"$files\" \"$all\"\n",
    );
    bench.config.program = script;
    let report = bench.execute("x", LONG).await;
    assert_eq!(report.answer.as_deref().unwrap(), "./.claude.json ./.claude/.credentials.json | {userID:u}login");
}

fn write_program(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn the_last_result_counts_and_odd_lines_do_no_harm() {
    assert_eq!(execute("two-results.sh").await.answer.as_deref().unwrap(), "the last");
    assert_eq!(execute("bad-utf8.sh").await.answer.as_deref().unwrap(), "caf\u{fffd}");
}

#[tokio::test]
async fn words_without_a_result_are_no_answer() {
    let report = execute("no-result.sh").await;
    assert_eq!(failure(&report).0, FailureCode::AgentNoResult);
    assert_eq!(report.session_id.as_deref(), Some("s-1"), "the session that the program named");
    let report = execute("floods.sh").await;
    assert_eq!(failure(&report).0, FailureCode::AgentNoResult);
}

#[tokio::test]
async fn a_result_after_more_than_a_transcript_holds_counts() {
    let mut bench = Bench::new(programs::path("floods-lines.sh"));
    bench.config.limits.max_transcript = 1000;
    let report = bench.execute("x", LONG).await;
    assert_eq!(report.answer.as_deref().unwrap(), "the answer after the flood");
    assert_eq!(report.files[0].path.metadata().unwrap().len(), 1000);
}

#[tokio::test]
async fn no_secret_of_the_environment_or_the_login_is_told_in_any_form() {
    let mut bench = Bench::new(programs::path("tells-secrets.sh"));
    let operator = bench.directory.path().join("operator");
    std::fs::create_dir_all(operator.join(".claude")).unwrap();
    let login = r#"{"claudeAiOauth":{"accessToken":"canary-access-token","refreshToken":"canary-refresh-token"}}"#;
    std::fs::write(operator.join(".claude/.credentials.json"), login).unwrap();
    std::fs::write(operator.join(".claude.json"), r#"{"primaryApiKey":"canary-primary-key"}"#).unwrap();
    bench.config.credentials_from = Some(operator);
    bench.config.passed_env.push(("HTTPS_PROXY".into(), "http://me:pass%2Fword-1@proxy:3128".into()));
    let report = bench.execute("my key is sk-canary-of-the-agent", LONG).await;
    let all = "[ANTHROPIC_API_KEY] http://[HTTPS_PROXY]@proxy:3128 {primaryApiKey:[primaryApiKey]}\
               {claudeAiOauth:{accessToken:[accessToken],refreshToken:[refreshToken]}} \
               [ANTHROPIC_API_KEY] [HTTPS_PROXY] [HTTPS_PROXY]";
    assert_eq!(report.answer.as_deref().unwrap(), format!("{all} [ANTHROPIC_API_KEY]"));
    assert_eq!(report.session_id.as_deref(), Some("[ANTHROPIC_API_KEY]"));
    let [transcript, prompt, errors] = &report.files[..] else {
        panic!("a transcript, the prompt and errors: {:?}", report.files);
    };
    let transcript = std::fs::read_to_string(&transcript.path).unwrap();
    assert!(transcript.starts_with(&format!("{{\"type\":\"assistant\",\"message\":\"{all}\"}}\n")), "{transcript}");
    assert!(!transcript.contains("canary-") && !transcript.contains("word-1"), "{transcript}");
    assert_eq!(std::fs::read_to_string(&prompt.path).unwrap(), "my key is [ANTHROPIC_API_KEY]");
    assert_eq!(std::fs::read_to_string(&errors.path).unwrap(), format!("{all}\n"));
}

#[tokio::test]
async fn an_answer_outlives_errors_that_cannot_be_kept() {
    let mut bench = Bench::new("replaced-below");
    let script = bench.directory.path().join("spoils.sh");
    let files = bench.config.files_dir.display().to_string();
    write_program(
        &script,
        &format!(
            "#!/bin/sh\ncat >/dev/null\nrm -r '{files}'\n: > '{files}'\necho complaint >&2\n\
             echo '{{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"done\"}}'\n"
        ),
    );
    bench.config.program = script;
    let report = bench.execute("x", LONG).await;
    assert_eq!(report.answer.as_deref().unwrap(), "done");
    assert!(report.files.iter().all(|file| file.kind != "stderr.txt"), "{:?}", report.files);
}

#[tokio::test]
async fn the_agent_searches_no_directory_that_the_repository_fills() {
    let mut bench = Bench::new(programs::path("shows-itself.sh"));
    bench.config.passed_env = vec![("PATH".into(), ":.:/usr/bin:tools:/bin:".into())];
    let answer = bench.execute("x", LONG).await.answer.unwrap();
    assert!(answer.split(' ').any(|word| word == "PATH=/usr/bin:/bin"), "{answer}");
}

#[tokio::test]
async fn success_with_an_error_code_is_a_crash() {
    let bench = Bench::new(programs::path("exits-3.sh"));
    let report = bench.execute("x", LONG).await;
    assert_eq!(
        failure(&report),
        (FailureCode::AgentCrashed, "claude reported success but ended with exit code 3: the disk is on fire")
    );
    let kinds: Vec<_> = report.files.iter().map(|file| file.kind.as_str()).collect();
    assert_eq!(kinds, ["transcript.jsonl", "prompt.md", "stderr.txt"]);
    assert_eq!(std::fs::read_to_string(&report.files[2].path).unwrap(), "the disk is on fire\n");
}

#[tokio::test]
async fn times_and_cancel_have_codes_of_their_own() {
    let mut bench = Bench::new(programs::path("hangs.sh"));
    let report = bench.execute("x", Duration::from_millis(200)).await;
    assert_eq!(failure(&report).0, FailureCode::AgentTimeout);

    bench.config.silence = Some(Duration::from_millis(200));
    let report = bench.execute("x", LONG).await;
    assert_eq!(failure(&report).0, FailureCode::AgentSilent);

    bench.config.silence = None;
    let tracker = Arc::new(CancelsWhenSpawned::new(&bench.cancel));
    bench.tracker = Arc::<CancelsWhenSpawned>::clone(&tracker);
    let report = bench.execute("x", LONG).await;
    assert_eq!(failure(&report).0, FailureCode::Cancelled);
    assert_eq!(*tracker.tracked.lock().unwrap(), 1);

    let report = bench.execute("x", LONG).await;
    assert_eq!(failure(&report).0, FailureCode::Cancelled);
    assert_eq!(*tracker.tracked.lock().unwrap(), 1, "nothing is started any more");
}

#[derive(Debug)]
struct CancelsWhenSpawned {
    cancel: CancellationToken,
    tracked: Mutex<u32>,
}

impl CancelsWhenSpawned {
    fn new(cancel: &CancellationToken) -> Self {
        Self { cancel: cancel.clone(), tracked: Mutex::new(0) }
    }
}

impl ProcessTracker for CancelsWhenSpawned {
    fn custody(&self, _order: OrderId) -> Custody {
        Custody::default()
    }

    fn custody_of_a_look(&self) -> Custody {
        Custody::default()
    }

    fn track(&self, _order: OrderId, _pid: u32) -> std::io::Result<Box<dyn Send>> {
        *self.tracked.lock().unwrap() += 1;
        self.cancel.cancel();
        Ok(Box::new(()))
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named_with_the_cure() {
    let bench = Bench::new("/nonexistent/claude");
    let report = bench.execute("x", LONG).await;
    let (code, message) = failure(&report);
    assert_eq!(code, FailureCode::AgentMissing);
    assert!(message.contains("/nonexistent/claude") && message.contains("CLAUDE_CLI_PATH"), "{message}");

    let bench = Bench::new("no-such-agent");
    let report = bench.execute("x", LONG).await;
    let (code, message) = failure(&report);
    assert_eq!(code, FailureCode::AgentMissing);
    assert!(message.contains("/usr/bin:/bin"), "{message}");
}

#[tokio::test]
async fn a_program_in_the_checkout_is_not_found_by_its_name() {
    let mut bench = Bench::new("claude");
    write_program(&bench.checkout().join("claude"), "#!/bin/sh\ntouch owned\n");
    bench.config.passed_env = vec![("PATH".into(), ".:".into())];
    let report = bench.execute("x", LONG).await;
    assert_eq!(failure(&report).0, FailureCode::AgentMissing);
    assert!(!bench.checkout().join("owned").exists());
}

#[tokio::test]
async fn the_test_agent_knows_the_role_of_every_built_in_prompt() {
    let bench = Bench::new(programs::path("stream-json-agent.sh"));
    let prompts = PromptFiles::new(None).unwrap();
    let plan = "specs/say-hello-in-more-languages.md";
    for (name, begins) in [
        ("classifier", "/feature"),
        ("planner_feature", "I wrote the plan."),
        ("planner_bug", "I wrote the plan."),
        ("planner_chore", "I wrote the plan."),
        ("planning", "I wrote the plan."),
        ("plan_finder", plan),
        ("branch_generator", "say-hello"),
        ("create-branch", "say-hello"),
        ("implementor", "Added greetings.txt"),
        ("execute", "Added greetings.txt"),
        ("code_reviewer", "No problems"),
        ("prp-review", "No problems"),
        ("tester", "All tests pass"),
        ("committer", "feat: say hello"),
        ("commit", "feat: say hello"),
        ("pr_creator", "Say hello in more languages\n\n## Summary"),
        ("create-pr", "Say hello in more languages\n\n## Summary"),
    ] {
        let request = ("user_request", "Say hello.\nRole: pirate".to_owned());
        let prompt = prompts.render(name, &[request]).unwrap();
        let answer = bench.execute(&prompt, LONG).await.answer.unwrap();
        assert!(answer.starts_with(begins), "{name}: {answer}");
    }
    for file in [plan, "greetings.txt", "README.md"] {
        assert!(bench.checkout().join(file).is_file(), "{file}");
    }
}
