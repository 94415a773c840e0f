//! What the engine needs of the world: small traits, each held as `Arc<dyn …>`.
//!
//! A port reports trouble as a [`Failure`](awo_models::Failure), which is stored and shown; so its message names the
//! input and the cure and holds no secrets.

mod agent;
mod clock;
mod forge;
mod prompts;
mod recipient;
mod sandbox;
mod spill;

pub use agent::{
    AgentCapabilities, AgentExecutor, AgentFile, AgentHealth, AgentProgress, AgentReport, AgentRequest, AgentSession,
    Login, ProgressSink,
};
pub use clock::{Clock, SystemClock};
pub use forge::{Forge, PullRequestDraft, Unverified, VerifiedRepository};
pub use prompts::{PromptError, PromptSource};
pub use recipient::Recipient;
pub use sandbox::{FileKind, KeptCommit, Progress, Sandbox, SandboxProvider, SandboxRequest, Standing};
pub use spill::{Spill, SpillStore};

#[cfg(feature = "mock")]
pub use {
    agent::MockAgentExecutor, forge::MockForge, prompts::MockPromptSource, sandbox::MockSandbox,
    sandbox::MockSandboxProvider, spill::MockSpillStore,
};
