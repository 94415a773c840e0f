//! Owns the reading of what `codex` says it consumed: totals of the session, in all its executions.

use awo_models::Usage;
use serde_json::Value;

use crate::agent::Earlier;

/// What a session has consumed in all. The program counts what came from the cache among the input.
pub(super) fn total(usage: &Value) -> Option<Usage> {
    let count = |name: &str| usage.get(name).and_then(Value::as_u64);
    let cached = count("cached_input_tokens");
    let input = count("input_tokens")?;
    Some(Usage {
        input_tokens: Some(input.saturating_sub(cached.unwrap_or(0))),
        output_tokens: count("output_tokens"),
        cache_read_tokens: cached,
        cache_write_tokens: count("cache_write_input_tokens"),
        ..Usage::default()
    })
}

/// What of a total this execution consumed; unknown, if nobody knows what was before.
pub(super) fn since(earlier: &Earlier, total: &Usage) -> Option<Usage> {
    let before = match earlier {
        Earlier::Nothing => return Some(total.clone()),
        Earlier::Total(before) => before,
        Earlier::Unknown => return None,
    };
    let rest = |now: Option<u64>, before: Option<u64>| now?.checked_sub(before.unwrap_or(0));
    Some(Usage {
        input_tokens: rest(total.input_tokens, before.input_tokens),
        output_tokens: rest(total.output_tokens, before.output_tokens),
        cache_read_tokens: rest(total.cache_read_tokens, before.cache_read_tokens),
        cache_write_tokens: rest(total.cache_write_tokens, before.cache_write_tokens),
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_came_since_is_counted() {
        let told = json!({"input_tokens": 2300, "cached_input_tokens": 1200, "output_tokens": 65});
        let now = total(&told).unwrap();
        assert_eq!((now.input_tokens, now.cache_read_tokens, now.output_tokens), (Some(1100), Some(1200), Some(65)));
        let before = Usage { input_tokens: Some(100), output_tokens: Some(20), ..Usage::default() };
        let used = since(&Earlier::Total(before), &now).unwrap();
        assert_eq!((used.input_tokens, used.cache_read_tokens, used.output_tokens), (Some(1000), Some(1200), Some(45)));
        assert_eq!(since(&Earlier::Nothing, &now), Some(now.clone()));
        assert_eq!(since(&Earlier::Unknown, &now), None);
    }

    #[test]
    fn a_total_that_fell_says_nothing() {
        let before = Usage { input_tokens: Some(200), output_tokens: Some(1), ..Usage::default() };
        let now = Usage { input_tokens: Some(100), output_tokens: Some(2), ..Usage::default() };
        let used = since(&Earlier::Total(before), &now).unwrap();
        assert_eq!((used.input_tokens, used.output_tokens), (None, Some(1)));
        assert_eq!(total(&json!({"output_tokens": 1})), None);
    }
}
