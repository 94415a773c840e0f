//! What an agent consumed.

use serde::{Deserialize, Serialize};

/// Tokens, turns and money of one step or one order. `None` is unknown, which is not zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens read by the model, cache excluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens written by the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Tokens read from the provider's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read_tokens: Option<u64>,
    /// Tokens written to the provider's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_tokens: Option<u64>,
    /// Turns of the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turns: Option<u64>,
    /// Cost in billionths of a US dollar, as the agent reports it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_nanousd: Option<u64>,
    /// Model that answered, as the agent names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Version of the agent program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
}

impl Usage {
    /// Adds what another attempt consumed. A figure unknown on both sides stays unknown.
    pub fn add(&mut self, other: &Self) {
        let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
        };
        self.input_tokens = sum(self.input_tokens, other.input_tokens);
        self.output_tokens = sum(self.output_tokens, other.output_tokens);
        self.cache_read_tokens = sum(self.cache_read_tokens, other.cache_read_tokens);
        self.cache_write_tokens = sum(self.cache_write_tokens, other.cache_write_tokens);
        self.turns = sum(self.turns, other.turns);
        self.cost_nanousd = sum(self.cost_nanousd, other.cost_nanousd);
        self.model = other.model.clone().or(self.model.take());
        self.agent_version = other.agent_version.clone().or(self.agent_version.take());
    }

    /// Tokens that the model read or wrote anew: input, output, and what went into the provider's cache. What was read
    /// from the cache is left out: it is read again with every turn, and would drown the rest.
    pub fn tokens(&self) -> Option<u64> {
        let (read, written) = (self.input_tokens, self.output_tokens);
        let known = read.or(written).is_some();
        let sum = [read, written, self.cache_write_tokens].into_iter().flatten().fold(0, u64::saturating_add);
        known.then_some(sum)
    }

    /// Cost in US dollars, for showing.
    #[expect(clippy::cast_precision_loss, reason = "for people; the exact figure is kept in nanodollars")]
    pub fn cost_usd(&self) -> Option<f64> {
        self.cost_nanousd.map(|nano| nano as f64 / 1e9)
    }
}
