//! The outside world behind the ports of `awo-engine`: agent programs and their processes, prompts, git and forges.
//!
//! *Invariant*: nothing here decides order or retry. Each call does one thing once and tells how it went; what comes
//! next is the engine's to say. Only [`GithubForge`] asks again within a call, as nobody else knows what became of it.
//! *Boundary*: no routes, no state backends, and no configuration: the binary reads the environment and passes values.

mod address;
mod claude;
mod durable;
mod forge_token;
mod git;
#[cfg(feature = "github")]
mod github;
mod local_forge;
mod process;
mod process_records;
mod prompts;
mod redact;
mod scripted;
mod spill_files;
mod workspace;

pub use address::{AddressError, AddressPolicy, Redirect, Redirects, RepositoryAddress, Scheme};
pub use claude::{ClaudeConfig, ClaudeExecutor, claude_environment};
pub use forge_token::{ForgeToken, ForgeTokens, FoundToken, TokenSource};
pub use git::{GitError, GitVersion, git_version};
#[cfg(feature = "github")]
pub use github::{ApiAddressError, GithubForge, GithubSettings};
pub use local_forge::LocalForge;
pub use process::{
    EndCause, Exit, Invocation, Line, NoTracking, ProcessTracker, RunEnd, RunError, RunLimits, find_program, run,
};
pub use process_records::{ProcessGuard, ProcessRecords};
pub use prompts::{PromptFiles, PromptLoadError};
pub use redact::Secrets;
pub use scripted::{Action, Script, ScriptError, ScriptedAgent};
pub use spill_files::SpillFiles;
pub use workspace::{Author, GitSandboxes, WorkspaceSettings};
