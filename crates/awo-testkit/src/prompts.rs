//! Prompts that are their own name and inputs.

use awo_engine::ports::{PromptError, PromptSource};

/// Renders `name(input=value, …)`.
#[derive(Debug, Default)]
pub struct PlainPrompts;

impl PromptSource for PlainPrompts {
    fn render(&self, name: &str, inputs: &[(&'static str, String)]) -> Result<String, PromptError> {
        let inputs: Vec<_> = inputs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Ok(format!("{name}({})", inputs.join(", ")))
    }
}
