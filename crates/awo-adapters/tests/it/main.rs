//! Tests of the adapters with real programs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod claude;
mod clone_tricks;
mod drivers;
#[cfg(feature = "github")]
mod github;
mod hostile_addresses;
#[cfg(target_os = "linux")]
mod keeper;
mod process;
mod prompts;
mod real_agents;
mod remotes;
mod scripted;
mod spill_files;
#[cfg(feature = "webhooks")]
mod webhook;
mod workspace;
mod workspace_checkpoints;
mod workspace_hostile;
mod workspace_mirrors;
mod workspace_moving;
mod workspace_shared;
mod workspace_special;
