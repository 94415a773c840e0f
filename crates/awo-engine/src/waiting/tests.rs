use super::*;

fn moment(chance: u8) -> Moment {
    Moment { now: Timestamp::from_second(1_000_000).unwrap(), random: [chance; 16] }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn policy() -> RetryPolicy {
    RetryPolicy { max_attempts: 3, first_pause: seconds(10), longest_pause: seconds(60) }
}

#[test]
fn pauses_double_up_to_the_longest_with_chance_in_their_second_half() {
    let pauses = |chance| (1..=5).map(move |failures| back_off(&policy(), failures, moment(chance)).as_secs());
    assert_eq!(pauses(0xff).collect::<Vec<_>>(), [10, 20, 40, 60, 60]);
    assert_eq!(pauses(0).collect::<Vec<_>>(), [5, 10, 20, 30, 30]);
    assert_eq!(back_off(&policy(), u32::MAX, moment(0xff)), seconds(60));
    let none = RetryPolicy { first_pause: Duration::ZERO, ..policy() };
    assert_eq!(back_off(&none, 3, moment(0xff)), Duration::ZERO);
}

/// The wait in seconds, or why there is none.
fn decided(until: Option<i64>, tries: &[Try], waited: u64) -> Result<u64, String> {
    let now = moment(0).now;
    let until = until.map(|after| Timestamp::from_second(now.as_second() + after).unwrap());
    let failure = Failure { until, ..Failure::new(FailureCode::AgentRateLimited, "429") };
    let step = StepName::known("implement");
    let trouble = Trouble { agent: "claude", step: &step, failure: &failure, tries, waited: seconds(waited) };
    let policy_of_waiting = WaitingPolicy { longest: seconds(3_600), in_all: seconds(7_200), times: 3 };
    let pause = suspension(&trouble, &policy_of_waiting, &policy(), moment(0xff));
    pause.map(|pause| pause.time.as_secs()).map_err(|failure| failure.message.to_string())
}

#[test]
fn a_known_reset_is_waited_for_and_some_seconds_more() {
    assert_eq!(decided(Some(600), &[], 0), Ok(610));
    assert_eq!(decided(Some(3_600), &[], 0), Ok(3_610));
    insta::assert_snapshot!(decided(Some(3_601), &[], 0).unwrap_err(), @"429; it can be used again at 1970-01-12T14:46:41Z, and an order waits at most 3600 s (waiting.longest_seconds)");
}

#[test]
fn an_unknown_or_past_reset_is_backed_off_from() {
    let tried = |code| Try::new(code, "x", Duration::ZERO);
    let limited = tried(FailureCode::AgentRateLimited);
    assert_eq!(decided(None, &[], 0), Ok(10));
    assert_eq!(decided(Some(-5), &[], 0), Ok(10));
    assert_eq!(decided(None, &[limited.clone(), tried(FailureCode::OutputInvalid)], 0), Ok(20), "re-asks do not count");
    let thrice = [limited.clone(), tried(FailureCode::AgentOverloaded), limited];
    insta::assert_snapshot!(decided(Some(1), &thrice, 0).unwrap_err(), @"429; the step has waited 3 times for it, and waits no more (waiting.times)");
}

#[test]
fn no_wait_is_longer_than_the_longest() {
    let step = StepName::known("implement");
    let failure = Failure::new(FailureCode::AgentOverloaded, "529");
    let trouble = Trouble { agent: "claude", step: &step, failure: &failure, tries: &[], waited: Duration::ZERO };
    let none = WaitingPolicy { longest: Duration::ZERO, ..WaitingPolicy::default() };
    let refused = suspension(&trouble, &none, &policy(), moment(0)).unwrap_err();
    assert_eq!(&*refused.message, "529; an order waits at most 0 s (waiting.longest_seconds)");
}

#[test]
fn all_waits_of_an_order_are_bounded() {
    assert_eq!(decided(Some(600), &[], 6_590), Ok(610));
    insta::assert_snapshot!(decided(Some(600), &[], 6_591).unwrap_err(), @"429; the order has waited 6591 s of the 7200 s that it may (waiting.in_all_seconds), and would have to wait 610 s more");
}
