//! Owns the sum of what `claude` says it consumed.

use awo_models::Usage;
use serde_json::{Map, Value};

/// Adds up result lines. What is never told stays unknown.
#[derive(Debug, Default)]
pub(super) struct UsageCount {
    told: bool,
    usage: Usage,
    /// Whether the last result had a part of its own; then parts are added, else the last total is taken.
    by_parts: bool,
}

impl UsageCount {
    pub(super) fn init(&mut self, line: &Value) {
        self.told = true;
        let text = |name: &str| Some(line.get(name)?.as_str()?.to_owned());
        self.usage.model = text("model").or(self.usage.model.take());
        self.usage.agent_version = text("claude_code_version").or(self.usage.agent_version.take());
    }

    /// Takes a result line.
    ///
    /// Newer versions say what was consumed since the last result. Totals are no use there: they continue from an
    /// earlier process when a session is resumed. Older versions only have totals, of their process. The figures of
    /// assistant lines are never used: they are those of the beginning of each reply.
    pub(super) fn result(&mut self, line: &Value) {
        self.told = true;
        let mut now = match line.get("model_usage_since_last_result").and_then(Value::as_object) {
            Some(part) => {
                let mut now = of_models(part);
                if self.by_parts {
                    now.add(&figures(&self.usage));
                }
                self.by_parts = true;
                now
            }
            None => total(line),
        };
        now.turns = match (line.get("num_turns").and_then(Value::as_u64), self.usage.turns) {
            (Some(turns), before) => Some(turns.saturating_add(before.unwrap_or(0))),
            (None, before) => before,
        };
        now.model = self.usage.model.take().or_else(|| only_model(line));
        now.agent_version = self.usage.agent_version.take();
        self.usage = now;
    }

    pub(super) fn so_far(&self) -> Usage {
        self.usage.clone()
    }

    pub(super) fn into_usage(self) -> Option<Usage> {
        self.told.then_some(self.usage)
    }
}

fn figures(usage: &Usage) -> Usage {
    Usage { turns: None, model: None, agent_version: None, ..usage.clone() }
}

fn total(line: &Value) -> Usage {
    let models = line.get("modelUsage").and_then(Value::as_object);
    let mut usage = models.map(of_models).unwrap_or_default();
    usage.cost_nanousd = nanousd(line.get("total_cost_usd")).or(usage.cost_nanousd);
    usage
}

fn of_models(models: &Map<String, Value>) -> Usage {
    let mut usage = Usage::default();
    if models.is_empty() {
        // A list without models says that nothing was consumed, which is not the same as saying nothing.
        usage.input_tokens = Some(0);
        usage.output_tokens = Some(0);
        usage.cost_nanousd = Some(0);
    }
    for model in models.values() {
        let count = |name: &str| model.get(name).and_then(Value::as_u64);
        usage.add(&Usage {
            input_tokens: count("inputTokens"),
            output_tokens: count("outputTokens"),
            cache_read_tokens: count("cacheReadInputTokens"),
            cache_write_tokens: count("cacheCreationInputTokens"),
            cost_nanousd: nanousd(model.get("costUSD")),
            ..Usage::default()
        });
    }
    usage
}

fn only_model(line: &Value) -> Option<String> {
    let models = line.get("modelUsage")?.as_object()?;
    let mut names = models.keys();
    names.next().filter(|_| models.len() == 1).cloned()
}

/// Dollars as billionths. The program's floats carry noise far below that, which rounding removes.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range just before")]
fn nanousd(value: Option<&Value>) -> Option<u64> {
    let nanousd = (value?.as_f64()? * 1e9).round();
    (0.0..1e18).contains(&nanousd).then_some(nanousd as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn money_is_rounded_to_billionths_and_nonsense_is_unknown() {
        assert_eq!(nanousd(Some(&json!(0.001_200_000_000_000_000_1))), Some(1_200_000));
        assert_eq!(nanousd(Some(&json!(0))), Some(0));
        for nonsense in [json!(-1), json!(1e300), json!("1"), json!(null)] {
            assert_eq!(nanousd(Some(&nonsense)), None, "{nonsense}");
        }
        assert_eq!(nanousd(None), None);
    }

    #[test]
    fn nothing_told_is_unknown() {
        assert_eq!(UsageCount::default().into_usage(), None);
    }
}
