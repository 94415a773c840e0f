use super::*;
use crate::{AgentName, Evidence, RetryPolicy, StepGoal};

fn order(attempts: u32) -> AgentWorkOrder {
    let step = |name: &'static str, required| StepDefinition {
        step: StepName::known(name),
        agent_name: AgentName::known("agent"),
        prompt: "prompt".into(),
        inputs: Vec::new(),
        agent: None,
        goal: StepGoal::Report,
        required,
        timeout: None,
        retry: RetryPolicy { max_attempts: attempts },
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
        requested_by: None,
        idempotency: None,
    };
    AgentWorkOrder::new(OrderId::new(1_700_000_000_000, [7; 10]), Timestamp::UNIX_EPOCH, spec)
}

/// A history from words such as `classify plan:agent_crashed`.
fn history(words: &str) -> StepHistory {
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
