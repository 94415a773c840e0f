//! Steps, at work and with their results.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::evidence::Evidence;

/// The results of an order so far, and the step in progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepHistory {
    /// The order.
    pub agent_work_order_id: String,
    /// The attempt in progress.
    pub current_step: Option<CurrentStep>,
    /// Finished steps that are not stored yet, and so not in `steps`.
    pub pending_steps: u64,
    /// `degraded` while the store does not take the order's saves; the work goes on.
    pub persistence: String,
    /// Prompts that wait until the order takes them up.
    pub queued_prompts: u64,
    /// Status of the order.
    pub status: String,
    /// The results, oldest first; empty before the first step ends. Entries are added and never changed.
    pub steps: Vec<StepExecutionResult>,
    /// Steps of the workflow, those that prompts became or will become included.
    pub total_steps: u64,
    /// Number of the order's last event: what `after` and the `ETag` count.
    pub version: u64,
    /// What the order waits for, told to a person; no step is in progress then.
    pub waiting_for: Option<String>,
    /// Until when it waits. A little later it goes on by itself.
    pub waiting_until: Option<Timestamp>,
    /// Names of the steps of the workflow, in the order in which they come; prompts that wait have none yet.
    pub workflow: Vec<String>,
}

/// What one attempt of a step left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepExecutionResult {
    /// What a person can do about it, in one sentence.
    pub advice: Option<String>,
    /// The role that did it.
    pub agent_name: String,
    /// Names of files kept for this attempt.
    pub artifacts: Vec<String>,
    /// Number of the attempt, counted per step over the order's life, from 1.
    pub attempt: u32,
    /// Time in seconds that the attempt was at work; time that it waited does not count.
    pub duration_seconds: f64,
    /// Why it failed, as a stable code.
    pub error_code: Option<String>,
    /// Why it failed, told to a person.
    pub error_message: Option<String>,
    /// What the engine itself saw of its effect.
    pub evidence: Evidence,
    /// Of `agent_crashed`: the code that the agent's program ended with, if it ended by itself.
    pub exit_code: Option<i32>,
    /// Of `agent_crashed`: the number of the signal that ended the agent's program.
    pub exit_signal: Option<i32>,
    /// What the step gave; its beginning if `output_truncated`.
    pub output: Option<String>,
    /// Whether `output` is the beginning only; the whole is at `/steps/{n}/output`.
    pub output_truncated: bool,
    /// The follow-up prompt that became this step; null for steps of the workflow.
    pub prompt_text: Option<String>,
    /// Whether trying the same again may help; null if it succeeded.
    pub retryable: Option<bool>,
    /// Session of the agent program.
    pub session_id: Option<String>,
    /// When the attempt began.
    pub started_at: Timestamp,
    /// The step.
    pub step: String,
    /// Whether the step did what it is for, by the engine's own evidence.
    pub success: bool,
    /// Whether a later result or a later round has overtaken it.
    pub superseded: bool,
    /// When the attempt ended.
    pub timestamp: Timestamp,
    /// Executions of the agent inside this attempt that were not good enough.
    pub tries: Vec<StepTry>,
    /// What the agent consumed; null is unknown.
    pub usage: Option<StepUsage>,
}

/// An execution of the agent that did not settle the attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepTry {
    /// Wall time in seconds.
    pub duration_seconds: f64,
    /// Why it was not good enough, as a stable code.
    pub error_code: String,
    /// The same, told to a person.
    pub error_message: String,
    /// Of `agent_crashed`: the code that the agent's program ended with, if it ended by itself.
    pub exit_code: Option<i32>,
    /// Of `agent_crashed`: the number of the signal that ended the agent's program.
    pub exit_signal: Option<i32>,
    /// How long the order was to wait before the next one, in seconds; null if that began at once.
    pub waited_seconds: Option<f64>,
}

/// What an agent consumed, as it reports it. null is unknown, which is not zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepUsage {
    /// Version of the agent program.
    pub agent_version: Option<String>,
    /// Cost in US dollars.
    pub cost_usd: Option<f64>,
    /// Model that answered.
    pub model: Option<String>,
    /// Tokens; null if none are known.
    pub tokens: Option<Tokens>,
    /// Turns of the conversation.
    pub turns: Option<u64>,
}

/// Tokens that agents used. null is unknown, which is not zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tokens {
    /// Read from the provider's cache.
    pub cache_read: Option<u64>,
    /// Written to the provider's cache.
    pub cache_write: Option<u64>,
    /// Read by the model, cache excluded.
    pub input: Option<u64>,
    /// Written by the model.
    pub output: Option<u64>,
}

/// The attempt in progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CurrentStep {
    /// The last things that its agent did, oldest first; at most 20. Empty where nothing is known.
    pub activity: Vec<Activity>,
    /// The role that does it.
    pub agent_name: String,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Session of the agent program, where awo chose it.
    pub session_id: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// The step.
    pub step: String,
    /// Its place in the workflow, from 1; null if the workflow does not have it any more.
    pub step_number: Option<u64>,
    /// Since when it takes much longer than usual, or longer than is set; null: it does not.
    pub slow_since: Option<Timestamp>,
    /// What it has consumed so far, as far as its agent says; null is unknown.
    pub usage: Option<StepUsage>,
    /// How long the step usually takes; null if too few attempts tell, or no worker of this server runs it.
    pub usual: Option<UsualDuration>,
}

/// How long a step usually takes: the time at work of its newest successful attempts by the same agent program, or, if
/// these are too few, by any.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UsualDuration {
    /// Seconds that half of them did not exceed.
    pub p50_seconds: f64,
    /// Seconds that 95 of 100 did not exceed.
    pub p95_seconds: f64,
    /// How many there are.
    pub samples: u64,
}

/// One thing that an agent did. Kept while its step is at work, and never stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Activity {
    /// When awo heard of it.
    pub at: Timestamp,
    /// Of `tool_started`: what it is used on, in a few words.
    pub detail: Option<String>,
    /// `text`, `tool_started`, `tool_ended` or `retry`; more may come.
    pub kind: String,
    /// Of `tool_ended`: whether it did what was asked, as far as the agent says.
    pub success: Option<bool>,
    /// Of `text`: what it said, its end if that was long. Of `retry`: why a call of the model's service failed.
    pub text: Option<String>,
    /// Of tools: their name, where the agent says it.
    pub tool: Option<String>,
}
