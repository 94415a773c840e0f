//! The nouns of agent work orders and the pure rules about them.
//!
//! *Invariant*: nothing here is async, does IO, reads a clock or makes random numbers; ids and times are passed in.
//! *Boundary*: every type that is stored or sent elsewhere is defined here, and its stored form is locked by snapshots.
//!
//! Read [`AgentWorkOrder`] first, then [`StepExecutionResult`] and [`StepHistory`], then [`EventKind`].

mod artifact;
mod event;
mod evidence;
mod failure;
mod follow_up;
mod history;
mod ids;
mod names;
mod order;
mod patch;
mod serde_nanos;
mod status;
mod step;
mod usage;
mod workflow;

pub use artifact::{ArtifactName, InvalidArtifactName};
pub use event::{Event, EventKind, EventSeq};
pub use evidence::{BranchPush, ChangeSummary, DiffStat, Evidence, PullRequestEvidence, WorkspaceSnapshot};
pub use failure::{Failure, FailureCode, ProgramExit};
pub use follow_up::{FollowUp, follow_up_number, follow_up_step, results_by_themselves};
pub use history::StepHistory;
pub use ids::{Epoch, OrderId, ParseOrderIdError};
pub use names::{AgentName, InvalidName, StepName, agents, commands, steps};
pub use order::{
    AgentWorkOrder, Idempotency, Isolation, Issue, Limits, Network, OrderLimits, OrderSpec, OrderState, SandboxType,
};
pub use patch::OrderPatch;
pub use status::{AgentWorkOrderStatus, TransitionRefused, next_status};
pub use step::{
    CurrentStep, Round, SlowAttempt, StepExecutionResult, SuspendedAttempt, SuspendedPlace, Try, UsualDuration,
};
pub use usage::Usage;
pub use workflow::{PromptInput, RetryPolicy, StepDefinition, StepGoal, WorkflowError, WorkflowType, check_workflow};

/// Point in time of every stored and sent value: UTC, nanosecond precision.
pub use jiff::Timestamp;
