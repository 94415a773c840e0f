//! The git program: how it is started, with which environment, and how its failures are told.
//!
//! *Invariant*: arguments are arrays, never a shell's text; the environment is complete and starts empty; every run has
//! a deadline and bounded output, and leaves nothing behind that runs.

mod command;
mod dialling;
mod environment;
mod error;
mod progress;
mod run;
mod version;

pub use error::GitError;
pub use version::{GitVersion, git_version};

pub(crate) use command::{Git, GitOutput, find_git};
pub(crate) use dialling::Dialling;
pub(crate) use environment::{HOST_SETTINGS, WORKSPACE_SETTINGS, host_environment, workspace_environment};
pub(crate) use run::Limit;
