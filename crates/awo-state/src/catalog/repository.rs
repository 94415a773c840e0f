//! Git repositories that somebody configured.

use std::sync::Arc;

use awo_models::{SandboxType, StepName, Timestamp};
use serde::{Deserialize, Serialize};

/// A git repository that orders are often made for, with what is offered for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfiguredRepository {
    /// Names it; a UUID made by the caller.
    pub id: Arc<str>,
    /// Where it is, as it was given.
    pub repository_url: Arc<str>,
    /// What people call it.
    #[serde(default)]
    pub display_name: Option<Arc<str>>,
    /// Whose it is, at the forge.
    #[serde(default)]
    pub owner: Option<Arc<str>>,
    /// The branch that orders begin from.
    #[serde(default)]
    pub default_branch: Option<Arc<str>>,
    /// Whether it could be reached when that was tried last.
    pub is_verified: bool,
    /// When it was last reached.
    #[serde(default)]
    pub last_verified_at: Option<Timestamp>,
    /// Kind of checkout that is offered first.
    pub default_sandbox_type: SandboxType,
    /// Commands that are offered first.
    #[serde(default)]
    pub default_commands: Vec<StepName>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl ConfiguredRepository {
    /// A repository of which only the address is known.
    pub fn new(id: &str, repository_url: &str, now: Timestamp) -> Self {
        Self {
            id: id.into(),
            repository_url: repository_url.into(),
            display_name: None,
            owner: None,
            default_branch: None,
            is_verified: false,
            last_verified_at: None,
            default_sandbox_type: SandboxType::GitWorktree,
            default_commands: Vec::new(),
            created_at: now,
            updated_at: now,
        }
    }
}
