//! Takes the request out of an object. What the table refused is left out, so that the rest can be checked, too.

use std::time::Duration;

use awo_engine::{NewOrder, PRIORITIES};
use awo_models::{OrderLimits, StepName};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::fields::{positive, whole, within};

/// The request in an object.
pub(super) fn new_order(object: &Map<String, Value>) -> NewOrder {
    let defaults = NewOrder::new(
        text(object, "repository_url").unwrap_or_default(),
        text(object, "user_request").unwrap_or_default(),
    );
    let limits = object.get("limits").and_then(Value::as_object);
    let limit = |name| limits.and_then(|limits| limits.get(name));
    let of_order = limit("order").and_then(Value::as_object);
    let order_limit = |name| of_order.and_then(|limits| limits.get(name));
    NewOrder {
        sandbox_type: word(object, "sandbox_type").unwrap_or(defaults.sandbox_type),
        workflow_type: word(object, "workflow_type"),
        selected_commands: words(object, "selected_commands"),
        optional_steps: words(object, "optional_steps").unwrap_or_default(),
        github_issue_number: text(object, "github_issue_number"),
        agent: text(object, "agent"),
        model: text(object, "model"),
        isolation: word(object, "isolation").unwrap_or(defaults.isolation),
        network: word(object, "network").unwrap_or(defaults.network),
        base_branch: text(object, "base_branch"),
        max_turns: limit("max_turns").and_then(whole),
        max_cost_nanousd: limit("max_cost_usd").and_then(positive).map(nanousd),
        step_timeout: limit("step_timeout_seconds").and_then(time),
        silence_timeout: limit("silence_timeout_seconds").and_then(time),
        max_attempts: limit("max_attempts").and_then(whole),
        order_limits: OrderLimits {
            max_turns: order_limit("max_turns").and_then(whole).map(u64::from),
            max_tokens: order_limit("max_tokens").and_then(whole).map(u64::from),
            max_cost_nanousd: order_limit("max_cost_usd").and_then(positive).map(nanousd),
            timeout: order_limit("timeout_seconds").and_then(time),
        },
        labels: texts(object, "labels").unwrap_or_default(),
        priority: object.get("priority").and_then(|value| within(value, &PRIORITIES)).unwrap_or_default(),
        start: object.get("start").and_then(Value::as_bool).unwrap_or(defaults.start),
        ..defaults
    }
}

fn time(seconds: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(positive(seconds)?).ok()
}

fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    match object.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

fn texts(object: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    let texts = object.get(name)?.as_array()?;
    Some(texts.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect())
}

/// A word of one of the models' enums, by its stored spelling.
pub(crate) fn word<T: DeserializeOwned>(object: &Map<String, Value>, name: &str) -> Option<T> {
    T::deserialize(object.get(name)?).ok()
}

/// A list of names of steps.
pub(crate) fn words(object: &Map<String, Value>, name: &str) -> Option<Vec<StepName>> {
    let words = object.get(name)?.as_array()?;
    Some(words.iter().filter_map(|word| StepName::new(word.as_str()?).ok()).collect())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "above 0 and at most 1e18")]
fn nanousd(dollars: f64) -> u64 {
    (dollars * 1e9).round() as u64
}

#[cfg(test)]
mod tests {
    use super::super::fields::{FIELDS, Kind};
    use super::*;

    #[test]
    fn every_word_of_the_table_is_a_word_of_the_models() {
        let mut words = 0;
        for field in FIELDS {
            let Kind::Word { available, .. } = field.kind else { continue };
            for text in available {
                let object = Map::from_iter([(field.name.to_owned(), Value::from(*text))]);
                let request = new_order(&object);
                let read = match field.name {
                    "sandbox_type" => request.sandbox_type.as_str(),
                    "workflow_type" => request.workflow_type.map_or("", awo_models::WorkflowType::as_str),
                    "isolation" => request.isolation.as_str(),
                    "network" => request.network.as_str(),
                    other => unreachable!("{other} is not read as a word"),
                };
                assert_eq!(read, *text);
                words += 1;
            }
        }
        assert_eq!(words, 11);
    }

    #[test]
    fn money_is_exact_to_the_billionth() {
        assert_eq!(nanousd(0.1), 100_000_000);
        assert_eq!(nanousd(2.5), 2_500_000_000);
    }
}
