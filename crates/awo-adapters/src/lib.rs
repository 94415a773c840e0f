//! The outside world behind the ports of `awo-engine`: agent programs and their processes, prompts, git and forges.
//!
//! *Invariant*: nothing here decides order or retry. Each call does one thing once and tells how it went; what comes
//! next is the engine's to say. Only [`GithubForge`] asks again within a call, as nobody else knows what became of it.
//! *Boundary*: no routes, no state backends, and no configuration: the binary reads the environment and passes values.

#[cfg(not(unix))]
compile_error!("awo runs on Linux, and on macOS without isolation: other systems have no process groups or file modes");

mod address;
mod agent;
mod claude;
mod codex;
mod command;
mod durable;
pub mod figures;
mod forge_token;
mod gemini;
mod git;
#[cfg(feature = "github")]
mod github;
mod keeper;
mod local_forge;
mod notify;
mod opencode;
#[cfg(target_os = "linux")]
mod proc;
mod process;
mod processes;
mod prompts;
mod proxy;
mod redact;
mod scripted;
mod spill_files;
mod walls;
mod workspace;

pub use address::{
    AddressError, AddressPolicy, Hosts, HostsError, NameLookup, Redirect, Redirects, RepositoryAddress, Scheme,
    SystemNames,
};
pub use agent::{
    AgentCall, AgentDriver, AgentInvocation, AgentOutcome, AgentParser, DriverFacts, Earlier, Keep, LoginFile,
    ProgramAgent, ProgramConfig, ProgramEnd, Proof, SessionFiles, agent_environment,
};
pub use claude::Claude;
pub use codex::Codex;
pub use command::{CommandDescription, CommandDriver, LinesFormat, TemplateError};
pub use forge_token::{ForgeToken, ForgeTokens, FoundToken, TokenSource};
pub use gemini::Gemini;
pub use git::{GitError, GitVersion, git_version};
#[cfg(feature = "github")]
pub use github::{ApiAddressError, GithubForge, GithubSettings};
pub use keeper::Keeper;
pub use local_forge::LocalForge;
pub use notify::{CommandRecipient, CommandSettings, ToldFiles, Wanted};
#[cfg(feature = "webhooks")]
pub use notify::{WebhookError, WebhookRecipient, WebhookSettings};
pub use opencode::OpenCode;
pub use process::{
    Custody, EndCause, Exit, Invocation, Line, NoTracking, ProcessTracker, Purpose, RunEnd, RunError, RunLimits,
    find_program, run,
};
pub use processes::Processes;
pub use prompts::{PromptFiles, PromptLoadError};
pub use proxy::{AllowedHosts, AllowedHostsError};
pub use redact::Secrets;
pub use scripted::{Action, Script, ScriptError, ScriptedAgent};
pub use spill_files::SpillFiles;
pub use walls::{Effective, Probe, ProcessLimits, WallKind, WallSettings, Walls};
pub use workspace::{Author, Checkpoints, GitSandboxes, WorkspaceSettings};
