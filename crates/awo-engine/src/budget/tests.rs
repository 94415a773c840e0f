use proptest::prelude::*;

use super::*;

fn limits(turns: Option<u64>, tokens: Option<u64>, cost: Option<u64>, seconds: Option<u64>) -> OrderLimits {
    let timeout = seconds.map(Duration::from_secs);
    OrderLimits { max_turns: turns, max_tokens: tokens, max_cost_nanousd: cost, timeout }
}

fn usage(turns: u64, tokens: u64, cost: u64) -> Usage {
    Usage { turns: Some(turns), output_tokens: Some(tokens), cost_nanousd: Some(cost), ..Usage::default() }
}

fn used(turns: u64, tokens: u64, cost: u64, seconds: u64) -> Used {
    Used::of(Some(&usage(turns, tokens, cost)), Duration::from_secs(seconds))
}

#[test]
fn an_execution_gets_the_least_of_what_is_left() {
    let of = |step: Option<u32>, order: Option<u64>, used_before: u64, used_in_attempt: u64| {
        let limits = Limits { max_turns: step, order: limits(order, None, None, None), ..Limits::default() };
        let attempt = used(used_in_attempt, 0, 0, 0);
        let caps = caps(&limits, limits.step_timeout, &used(used_before, 0, 0, 0), &attempt);
        caps.map(|caps| (caps.max_turns, caps.turns_of_order)).map_err(|failure| failure.code)
    };
    assert_eq!(of(None, None, 99, 99), Ok((None, false)));
    assert_eq!(of(Some(10), None, 99, 4), Ok((Some(6), false)), "the step's, and only what this attempt used");
    assert_eq!(of(None, Some(20), 5, 3), Ok((Some(12), true)));
    assert_eq!(of(Some(10), Some(20), 15, 0), Ok((Some(5), true)));
    assert_eq!(of(Some(5), Some(20), 15, 0), Ok((Some(5), false)), "a tie is the step's");
    assert_eq!(of(Some(10), Some(20), 0, 10), Err(FailureCode::AgentTurnLimit));
    assert_eq!(of(Some(10), Some(20), 15, 5), Err(FailureCode::AgentBudget));
    assert_eq!(of(None, Some(20), 30, 0), Err(FailureCode::AgentBudget), "what was passed is not negative");
}

#[test]
fn time_is_what_is_left_of_the_step_and_of_the_order() {
    let of = |order: Option<u64>, used_before: u64, used_in_attempt: u64| {
        let limits = Limits { order: limits(None, None, None, order), ..Limits::default() };
        let (round, attempt) = (used(0, 0, 0, used_before), used(0, 0, 0, used_in_attempt));
        let caps = caps(&limits, Duration::from_secs(100), &round, &attempt);
        caps.map(|caps| (caps.timeout.as_secs(), caps.time_of_order)).map_err(|failure| failure.code)
    };
    assert_eq!(of(None, 500, 30), Ok((70, false)));
    assert_eq!(of(Some(600), 550, 30), Ok((20, true)));
    assert_eq!(of(None, 0, 100), Err(FailureCode::AgentTimeout));
    assert_eq!(of(Some(600), 600, 0), Err(FailureCode::AgentTimeout));
}

#[test]
fn an_end_says_what_was_used_and_how_to_get_more() {
    let told = |limits: OrderLimits, used| is_used_up(&limits, &used).map(|failure| failure.to_string());
    assert_eq!(told(limits(Some(10), None, None, None), used(9, 99, 99, 99)), None);
    insta::assert_snapshot!(told(limits(None, None, Some(1_500_000_000), None), used(0, 0, 1_600_000_000, 0)).unwrap(), @"agent_budget: the order has used 1.6000 USD of the 1.5000 USD that limits.order.max_cost_usd gives it; a retry gives it as much again, a new order may be given more");
    insta::assert_snapshot!(told(limits(None, None, None, Some(60)), used(0, 0, 0, 60)).unwrap(), @"agent_timeout: the order has used 60 s of the 60 s that limits.order.timeout_seconds gives it; a retry gives it as much again, a new order may be given more");
}

#[test]
fn people_are_warned_once_at_four_fifths_and_once_of_what_is_not_told() {
    let limits = limits(Some(10), None, Some(100), None);
    let said = |before: &Used, after: &Used| -> Vec<String> {
        warnings(&limits, before, after).into_iter().map(|warning| warning.message.to_string()).collect()
    };
    let (none, low, high) = (Used::default(), used(7, 0, 0, 0), used(8, 0, 0, 0));
    assert_eq!(said(&none, &low), [""; 0]);
    assert_eq!(said(&low, &high), ["the order has used 8 turns of the 10 turns that limits.order.max_turns gives it"]);
    assert_eq!(said(&high, &used(9, 0, 0, 0)), [""; 0], "once");
    let silent = Used::of(Some(&Usage { cost_nanousd: None, ..usage(1, 0, 0) }), Duration::ZERO);
    let told = "the agent did not say all that limits.order.max_cost_usd counts: it is kept to only as far as it does";
    assert_eq!(said(&none, &silent), [told]);
    assert_eq!(said(&silent, &silent.with(&silent)), [""; 0], "once");
}

#[test]
fn a_cap_of_the_order_is_explained_and_one_of_the_step_is_not() {
    let limits = Limits { max_turns: Some(5), order: limits(Some(20), None, None, None), ..Limits::default() };
    let stopped = Failure::new(FailureCode::AgentTurnLimit, "stopped after 3 turns");
    let explained = |round: &Used| {
        let caps = caps(&limits, limits.step_timeout, round, &Used::default()).unwrap();
        Watch::new(caps, CancellationToken::new()).explained(stopped.clone())
    };
    assert_eq!(explained(&used(0, 0, 0, 0)), stopped);
    let of_order = explained(&used(17, 0, 0, 0));
    assert_eq!(of_order.code, FailureCode::AgentBudget);
    assert!(
        of_order.message.contains("limits.order.max_turns") && of_order.message.ends_with("(stopped after 3 turns)")
    );
}

#[test]
fn an_execution_that_passes_the_order_s_budget_is_stopped() {
    let limits = Limits { order: limits(None, Some(100), None, None), ..Limits::default() };
    let caps = caps(&limits, limits.step_timeout, &used(0, 60, 0, 0), &Used::default()).unwrap();
    let stop = CancellationToken::new();
    let watch = Watch::new(caps, stop.clone());
    let sink = watch.sink(ProgressSink::none());
    sink.tell(AgentProgress::Used(usage(1, 40, 0)));
    assert!(!stop.is_cancelled(), "all of it may be used");
    sink.tell(AgentProgress::Used(usage(2, 41, 0)));
    assert!(stop.is_cancelled());
    assert_eq!(watch.usage(), Some(usage(2, 41, 0)));
    let failure = watch.explained(Failure::new(FailureCode::Cancelled, "stopped"));
    assert_eq!(failure.code, FailureCode::AgentBudget);
    assert!(failure.message.contains("101 tokens of the 100 tokens"), "{failure}");
}

proptest! {
    /// However an agent keeps to its caps: none begins with nothing left, and a budget is passed by one execution at most.
    #[test]
    fn budgets_are_passed_by_one_execution_at_most(
        order in (1..50_u64, 1..5_000_u64, 1..5_000_u64, 1..500_u64),
        step_turns in proptest::option::of(1..20_u32),
        executions in proptest::collection::vec((0..40_u64, 0..3_000_u64, 0..3_000_u64, 0..300_u64, any::<bool>()), 1..40),
    ) {
        let of_order = limits(Some(order.0), Some(order.1), Some(order.2), Some(order.3));
        let limits = Limits { max_turns: step_turns, order: of_order.clone(), ..Limits::default() };
        let (mut round, mut attempt) = (Used::default(), Used::default());
        for (turns, tokens, cost, seconds, settles) in executions {
            let all = round.with(&attempt);
            match caps(&limits, Duration::from_hours(1), &round, &attempt) {
                Err(failure) => {
                    let over = is_used_up(&of_order, &all).is_some();
                    prop_assert!(over || failure.code == FailureCode::AgentTurnLimit);
                    if over { break }
                    (round, attempt) = (all, Used::default());
                }
                Ok(caps) => {
                    prop_assert_eq!(is_used_up(&of_order, &all), None, "nothing begins once a budget is used up");
                    let left = [caps.max_turns.map(u64::from), caps.max_cost_nanousd, Some(nanoseconds(caps.timeout))];
                    prop_assert!(left.iter().all(|left| left.is_some_and(|left| left > 0)));
                    prop_assert!(all.turns.told + u64::from(caps.max_turns.unwrap()) <= order.0);
                    prop_assert!(all.cost.told + caps.max_cost_nanousd.unwrap() <= order.2);
                    prop_assert!(all.worked + caps.timeout <= Duration::from_secs(order.3));
                    attempt = attempt.with(&used(turns, tokens, cost, seconds));
                    if settles { (round, attempt) = (round.with(&attempt), Used::default()) }
                }
            }
        }
    }
}
