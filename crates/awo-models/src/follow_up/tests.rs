use super::*;
use crate::Round;
use crate::order::tests::{history, order};

/// An order of `classify`, `plan` and `create_pr` (which is not required), with prompts that came after so many results.
fn prompted(after: &[usize], placed: &[usize]) -> AgentWorkOrder {
    let mut order = order(1);
    order.state.prompts = after
        .iter()
        .map(|&after_results| FollowUp {
            text: "more".into(),
            at: Timestamp::UNIX_EPOCH,
            after_results,
            idempotency: None,
        })
        .collect();
    order.state.prompts_placed = placed.to_vec();
    order
}

fn steps(order: &AgentWorkOrder) -> String {
    let steps: Vec<_> = order.workflow().iter().map(|d| d.step.to_string()).collect();
    for (place, step) in steps.iter().enumerate() {
        assert_eq!(order.place_of(&step.parse().unwrap()), Some(place), "{steps:?}");
    }
    steps.join(" ")
}

fn next(order: &AgentWorkOrder, words: &str) -> Option<String> {
    order.next_step(&history(words)).map(|definition| definition.step.to_string())
}

#[test]
fn the_key_of_a_prompt_is_stored_and_prompts_without_one_are_read() {
    let key = Idempotency { key: "key-1".into(), body_digest: "abc".into() };
    let prompt = FollowUp { text: "more".into(), at: Timestamp::UNIX_EPOCH, after_results: 1, idempotency: Some(key) };
    let stored = serde_json::to_string(&prompt).unwrap();
    let old = r#"{"text":"more","at":"1970-01-01T00:00:00Z","after_results":1"#;
    assert_eq!(stored, format!(r#"{old},"idempotency":{{"key":"key-1","body_digest":"abc"}}}}"#));
    assert_eq!(serde_json::from_str::<FollowUp>(&stored).unwrap(), prompt);
    let old = serde_json::from_str::<FollowUp>(&format!("{old}}}")).unwrap();
    assert_eq!(old, FollowUp { idempotency: None, ..prompt });
}

#[test]
fn names_have_one_spelling() {
    for number in [1, 2, 17] {
        assert_eq!(follow_up_number(&follow_up_step(number)), Some(number));
    }
    for other in ["prompt-0", "prompt-01", "prompt-", "prompt-x", "plan", "prompt-99999999999999999999"] {
        assert_eq!(follow_up_number(&StepName::new(other).unwrap()), None, "{other}");
    }
}

#[test]
fn prompts_become_steps_where_they_were_taken_up() {
    assert_eq!(steps(&prompted(&[0, 0], &[])), "classify plan create_pr");
    assert_eq!(steps(&prompted(&[0, 0], &[3])), "classify plan create_pr prompt-1");
    assert_eq!(steps(&prompted(&[0, 0, 0], &[2, 2, 0])), "prompt-3 classify plan prompt-1 prompt-2 create_pr");
    assert_eq!(steps(&prompted(&[0, 0, 0], &[2, 1, 2])), "classify prompt-2 plan prompt-1 prompt-3 create_pr");
    assert_eq!(prompted(&[0, 0], &[3]).total_steps(), 5);
}

#[test]
fn a_waiting_prompt_is_placed_before_what_is_not_done() {
    let order = prompted(&[1, 1], &[]);
    let (definition, due) = order.next_prompt(&history("")).unwrap();
    assert_eq!((definition.step.as_str(), due), ("prompt-1", false));
    assert!(!order.next_prompt(&history("classify:interrupted")).unwrap().1, "a cut attempt is none that ended");
    let past = history("classify");
    assert!(order.next_prompt(&past).unwrap().1);
    let place = |step: &str| order.placed_with(&past, &step.parse().unwrap());
    assert_eq!(place("prompt-1"), Some(vec![1]));
    assert_eq!((place("prompt-2"), place("plan")), (None, None), "one after the other");
    let done = history("classify plan create_pr");
    assert_eq!(order.placed_with(&done, &follow_up_step(1)), Some(vec![3]));
    let taken = prompted(&[1], &[1]);
    assert_eq!(taken.placed_with(&past, &follow_up_step(2)), None, "it has not come");
    assert!(taken.next_prompt(&past).is_none());
}

#[test]
fn what_failed_is_tried_again_after_a_follow_up() {
    let order = prompted(&[0], &[1]);
    let failed = "classify plan:agent_crashed";
    assert_eq!(next(&order, &format!("{failed} prompt-1:agent_crashed")).as_deref(), Some("prompt-1"));
    let answered = history(&format!("{failed} prompt-1"));
    assert!(order.settled_by(&answered, &order.spec.workflow[1]).is_none());
    assert!(order.superseded(&answered, 1));
    assert!(!order.superseded(&answered, 0), "what succeeded stands");
    let again = history(&format!("{failed} prompt-1 plan:agent_auth"));
    assert!(order.settled_by(&again, &order.spec.workflow[1]).is_some(), "and fails anew");
}

#[test]
fn a_later_follow_up_stands_in_for_one_that_failed() {
    let order = prompted(&[0, 0], &[3, 3]);
    let past = history("classify plan create_pr prompt-1:agent_crashed prompt-2");
    assert_eq!(next(&order, "classify plan create_pr prompt-1:agent_crashed prompt-2"), None);
    assert_eq!(order.count_done(&past), 5);
    assert!(order.superseded(&past, 3));
    let earlier = history("classify plan create_pr prompt-1 prompt-2:agent_crashed");
    assert_eq!(order.count_done(&earlier), 4, "but no earlier one for a later");
}

#[test]
fn a_round_that_resumes_earlier_has_the_prompts_again_in_their_places() {
    let mut order = prompted(&[0], &[2]);
    let words = "classify plan prompt-1 create_pr";
    assert_eq!(next(&order, words), None);
    order.state.rounds.push(Round { first_result: 4, resumes_at: 1 });
    assert_eq!(next(&order, words).as_deref(), Some("plan"));
    assert_eq!(next(&order, &format!("{words} plan")).as_deref(), Some("prompt-1"));
    assert_eq!(next(&order, &format!("{words} plan prompt-1")).as_deref(), Some("create_pr"));
}

#[test]
fn a_workflow_cannot_have_the_names_of_prompts() {
    let named = StepDefinition { step: follow_up_step(3), ..definition(1) };
    assert_eq!(crate::check_workflow(std::slice::from_ref(&named)), Err(crate::WorkflowError::Reserved(named.step)));
}
