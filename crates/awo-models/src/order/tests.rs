use super::*;
use crate::{AgentName, Evidence, RetryPolicy, StepGoal};

pub(crate) fn order(attempts: u32) -> AgentWorkOrder {
    let step = |name: &'static str, required| StepDefinition {
        step: StepName::known(name),
        agent_name: AgentName::known("agent"),
        prompt: "prompt".into(),
        inputs: Vec::new(),
        agent: None,
        goal: StepGoal::Report,
        required,
        timeout: None,
        retry: RetryPolicy { max_attempts: attempts, ..RetryPolicy::default() },
    };
    let spec = OrderSpec {
        repository_url: "https://example.org/a/b".into(),
        user_request: "x".into(),
        github_issue_number: None,
        sandbox_type: SandboxType::GitBranch,
        workflow_type: None,
        selected_commands: None,
        workflow: vec![step("classify", true), step("plan", true), step("create_pr", false)],
        agent: "scripted".into(),
        model: None,
        isolation: Isolation::Auto,
        network: Network::Host,
        base_branch: None,
        limits: Limits::default(),
        labels: Vec::new(),
        priority: 0,
        requested_by: None,
        idempotency: None,
    };
    AgentWorkOrder::new(OrderId::new(1_700_000_000_000, [7; 10]), Timestamp::UNIX_EPOCH, spec)
}

/// A history from words such as `classify plan:agent_crashed`.
pub(crate) fn history(words: &str) -> StepHistory {
    let result = |word: &str| {
        let (step, code) = word.split_once(':').map_or((word, None), |(step, code)| (step, Some(code)));
        StepExecutionResult {
            step: StepName::new(step).unwrap(),
            agent_name: AgentName::known("agent"),
            attempt: 1,
            success: code.is_none(),
            output: None,
            output_truncated: false,
            error_code: code.map(|code| serde_json::from_str(&format!("\"{code}\"")).unwrap()),
            error_message: None,
            error_exit: None,
            duration: Duration::ZERO,
            session_id: None,
            started_at: Timestamp::UNIX_EPOCH,
            timestamp: Timestamp::UNIX_EPOCH,
            evidence: Evidence::default(),
            usage: None,
            tries: Vec::new(),
            artifacts: Vec::new(),
        }
    };
    words.split_whitespace().map(result).collect()
}

fn next(order: &AgentWorkOrder, words: &str) -> Option<String> {
    order.next_step(&history(words)).map(|definition| definition.step.to_string())
}

#[test]
fn the_first_step_then_the_next_and_a_failed_one_again() {
    let order = order(1);
    assert_eq!(next(&order, "").as_deref(), Some("classify"));
    assert_eq!(next(&order, "classify").as_deref(), Some("plan"));
    assert_eq!(next(&order, "classify plan:agent_crashed").as_deref(), Some("plan"));
    assert_eq!(next(&order, "classify plan:interrupted").as_deref(), Some("plan"));
    assert_eq!(next(&order, "classify plan create_pr"), None);
    assert_eq!(next(&order, "classify plan create_pr:forge_failed"), None, "settled, though not done");
    assert_eq!(next(&order, "classify plan create_pr:interrupted").as_deref(), Some("create_pr"));
}

#[test]
fn a_failure_settles_when_no_attempt_is_left_or_trying_again_is_useless() {
    let settled = |attempts, words| {
        let order = order(attempts);
        order.settled_by(&history(words), &order.spec.workflow[0]).is_some()
    };
    assert!(settled(1, "classify:agent_crashed"));
    assert!(!settled(2, "classify:agent_crashed"));
    assert!(settled(2, "classify:agent_crashed classify:agent_crashed"));
    assert!(settled(2, "classify:agent_auth"), "not retryable");
    assert!(!settled(1, "classify:interrupted"));
    assert!(!settled(2, "classify:interrupted classify:agent_crashed"), "a cut attempt does not count");
}

#[test]
fn a_round_reopens_its_step_and_all_after_it() {
    let mut order = order(1);
    let past = history("classify plan:agent_crashed");
    order.state.rounds.push(Round { first_result: 2, resumes_at: 1 });
    assert_eq!(order.next_step(&past).map(|d| d.step.to_string()).as_deref(), Some("plan"));
    assert!(order.settled_by(&past, &order.spec.workflow[1]).is_none());
    assert!(!order.superseded(&past, 0));
    assert!(order.superseded(&past, 1));
    assert_eq!(order.count_done(&past), 1);
    let again = history("classify plan:agent_crashed plan");
    assert_eq!(order.count_done(&again), 2);
    assert!(!order.superseded(&again, 2));
}

#[test]
fn trouble_that_was_waited_for_is_no_reason_for_another_attempt() {
    let order = order(3);
    for code in ["agent_rate_limited", "agent_overloaded"] {
        let past = history(&format!("classify:{code}"));
        assert!(order.settled_by(&past, &order.spec.workflow[0]).is_some(), "{code}");
    }
}

#[test]
fn what_earlier_releases_stored_reads_as_it_was_meant() {
    let retry: RetryPolicy = serde_json::from_str(r#"{"max_attempts":1}"#).unwrap();
    assert_eq!(retry, RetryPolicy::default());
    let limits: Limits = serde_json::from_str(r#"{"step_timeout_nanoseconds":3600000000000}"#).unwrap();
    assert_eq!(limits, Limits::default());
    let plain = serde_json::to_string(&limits).unwrap();
    assert_eq!(plain, r#"{"step_timeout_nanoseconds":3600000000000}"#, "and what is not limited is not written");
    let tried = r#"{"error_code":"output_invalid","error_message":"x","duration_nanoseconds":7}"#;
    let read: crate::Try = serde_json::from_str(tried).unwrap();
    assert_eq!((read.waited, serde_json::to_string(&read).unwrap().as_str()), (None, tried));
}

#[test]
fn the_stored_form_of_what_is_asked_of_workers_is_locked() {
    let plain = OrderSpec::clone(&order(1).spec);
    let asked = OrderSpec { labels: vec!["gpu".into(), "big".into()], priority: -7, workflow: Vec::new(), ..plain };
    let stored = serde_json::to_string(&asked).unwrap();
    insta::assert_snapshot!(stored, @r#"{"repository_url":"https://example.org/a/b","user_request":"x","sandbox_type":"git_branch","workflow":[],"agent":"scripted","isolation":"auto","network":"host","limits":{"step_timeout_nanoseconds":3600000000000},"labels":["gpu","big"],"priority":-7}"#);
    assert_eq!(serde_json::from_str::<OrderSpec>(&stored).unwrap(), asked);
    let usual = serde_json::to_string(&OrderSpec { labels: Vec::new(), priority: 0, ..asked }).unwrap();
    assert!(!usual.contains("labels") && !usual.contains("priority"), "what is not asked is not written: {usual}");
}

#[test]
fn the_stored_form_of_limits_and_of_a_suspended_attempt_is_locked() {
    let order = OrderLimits {
        max_turns: Some(1),
        max_tokens: Some(2),
        max_cost_nanousd: Some(3),
        timeout: Some(Duration::from_nanos(4)),
    };
    let limits = Limits { silence_timeout: Some(Duration::from_nanos(5)), order, ..Limits::default() };
    let tried = crate::Try {
        waited: Some(Duration::from_nanos(6)),
        ..crate::Try::new(FailureCode::AgentRateLimited, "429", Duration::from_nanos(7))
    };
    let suspended = SuspendedAttempt {
        current: CurrentStep {
            step: StepName::known("plan"),
            agent_name: AgentName::known("planner"),
            attempt: 1,
            started_at: Timestamp::UNIX_EPOCH,
            session_id: None,
            before: None,
        },
        place: Some(crate::SuspendedPlace {
            session_id: "s".into(),
            left: crate::WorkspaceSnapshot { head: "h".into(), tree: "t".into(), branch: None },
        }),
        tries: vec![tried],
        usage: Some(Usage { turns: Some(8), ..Usage::default() }),
        worked: Duration::from_nanos(9),
        artifacts: Vec::new(),
    };
    let stored = serde_json::to_string(&(&limits, &suspended)).unwrap();
    insta::assert_snapshot!(stored, @r#"[{"step_timeout_nanoseconds":3600000000000,"silence_timeout_nanoseconds":5,"order":{"max_turns":1,"max_tokens":2,"max_cost_nanousd":3,"timeout_nanoseconds":4}},{"current":{"step":"plan","agent_name":"planner","attempt":1,"started_at":"1970-01-01T00:00:00Z"},"place":{"session_id":"s","left":{"head":"h","tree":"t"}},"tries":[{"error_code":"agent_rate_limited","error_message":"429","duration_nanoseconds":7,"waited_nanoseconds":6}],"usage":{"turns":8},"worked_nanoseconds":9}]"#);
    let read: (Limits, SuspendedAttempt) = serde_json::from_str(&stored).unwrap();
    assert_eq!(read, (limits, suspended));
}
