use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{AgentName, Evidence, Failure, FailureCode, ProgramExit, StepName, Timestamp};

fn result(step: &str, attempt: u32) -> StepExecutionResult {
    StepExecutionResult {
        step: StepName::new(step).unwrap(),
        agent_name: AgentName::known("classifier"),
        attempt,
        success: true,
        output: Some("/feature".into()),
        output_truncated: false,
        error_code: None,
        error_message: None,
        error_exit: None,
        duration: Duration::from_nanos(1_234_567_891),
        session_id: None,
        started_at: Timestamp::UNIX_EPOCH,
        timestamp: Timestamp::from_second(2).unwrap(),
        evidence: Evidence::default(),
        usage: None,
        tries: Vec::new(),
        artifacts: Vec::new(),
    }
}

#[test]
fn a_snapshot_never_grows() {
    let mut history = StepHistory::default();
    history.push(result("classify", 1));
    let reader = history.clone();
    history.push(result("plan", 1));
    assert_eq!((reader.len(), history.len()), (1, 2));
    assert!(reader.get(1).is_none());
    assert_eq!(reader.digest(2), None);
}

#[test]
fn clones_that_grow_differently_fork() {
    let mut one = StepHistory::default();
    one.push(result("classify", 1));
    let mut two = one.clone();
    one.push(result("plan", 1));
    two.push(result("plan", 2));
    assert_eq!((one.get(1).unwrap().attempt, two.get(1).unwrap().attempt), (1, 2));
    assert_eq!(one.digest(1), two.digest(1));
    assert_ne!(one.digest(2), two.digest(2));
}

#[test]
fn the_digest_is_pinned() {
    let history: StepHistory = [result("classify", 1), result("plan", 1)].into_iter().collect();
    // Stored by backends: if this changes, old stores no longer match. Bump the format version instead.
    insta::assert_snapshot!(
        format!("{:016x} {:016x}", history.digest(1).unwrap(), history.digest(2).unwrap()),
        @"927bae816f8910e4 a87495caf78d00f5"
    );
}

#[test]
fn a_rebuilt_history_is_equal() {
    let history: StepHistory = (0..100).map(|n| result("implement", n)).collect();
    let text = serde_json::to_string(&history).unwrap();
    let read: StepHistory = serde_json::from_str(&text).unwrap();
    assert_eq!(read, history);
    assert_eq!(read.digest(100), history.digest(100));
}

proptest! {
    #[test]
    fn any_shape_of_growth_keeps_prefixes(lens in proptest::collection::vec(0usize..40, 1..20)) {
        let mut clones = vec![StepHistory::default()];
        for (n, pick) in lens.into_iter().enumerate() {
            let mut grown = clones[pick % clones.len()].clone();
            let before: Vec<_> = grown.iter().cloned().collect();
            grown.push(result("implement", u32::try_from(n).unwrap()));
            prop_assert!(grown.iter().take(before.len()).eq(before.iter()));
            prop_assert_eq!(grown.last().unwrap().attempt as usize, n);
            clones.push(grown);
        }
    }
}

#[test]
fn how_a_program_crashed_is_stored_and_results_that_do_not_tell_it_are_read() {
    let failure = Failure { exit: Some(ProgramExit::Signal(9)), ..Failure::new(FailureCode::AgentCrashed, "killed") };
    let tried = crate::Try::failed(failure, Duration::ZERO);
    let crashed = |exit| StepExecutionResult { error_exit: exit, tries: vec![tried.clone()], ..result("plan", 1) };
    for (exit, stored) in [(ProgramExit::Code(3), r#"{"code":3}"#), (ProgramExit::Signal(9), r#"{"signal":9}"#)] {
        let told = serde_json::to_string(&crashed(Some(exit))).unwrap();
        assert!(told.contains(&format!(r#""error_exit":{stored},"#)), "{told}");
        assert_eq!(serde_json::from_str::<StepExecutionResult>(&told).unwrap(), crashed(Some(exit)));
        let old = told.replacen(&format!(r#""error_exit":{stored},"#), "", 1);
        assert_eq!(serde_json::from_str::<StepExecutionResult>(&old).unwrap(), crashed(None));
    }
    let tried = serde_json::to_string(&tried).unwrap();
    assert!(tried.contains(r#""error_exit":{"signal":9}"#), "{tried}");
}
