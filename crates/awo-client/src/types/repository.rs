//! Repositories.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A configured repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConfiguredRepository {
    /// When it was added.
    pub created_at: Timestamp,
    /// Its default branch; null while its forge did not say.
    pub default_branch: Option<String>,
    /// Commands that are offered first; empty means the workflow.
    pub default_commands: Vec<String>,
    /// Kind of checkout that is offered first.
    pub default_sandbox_type: String,
    /// What people call it.
    pub display_name: Option<String>,
    /// Its id: a UUID.
    pub id: String,
    /// Whether it was there when that was looked up last.
    pub is_verified: bool,
    /// When it was last seen there.
    pub last_verified_at: Option<Timestamp>,
    /// Whose it is at its forge; null while that did not say.
    pub owner: Option<String>,
    /// Its address, as it was given.
    pub repository_url: String,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A repository to configure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NewRepository {
    /// Address of the repository, without a password or token.
    pub repository_url: String,
    /// Whether it must be there at the GitHub that awo is set up for, which also tells its owner and default branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<bool>,
}

/// What is changed of a configured repository; what is absent or null stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RepositoryChanges {
    /// Commands that are offered first, in order; none means the workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_commands: Option<Vec<String>>,
    /// Kind of checkout that is offered first. Not available yet: e2b, dagger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_sandbox_type: Option<String>,
}

/// Whether a configured repository is there for awo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RepositoryVerification {
    /// Why it is not; null if it is.
    pub error_message: Option<String>,
    /// Whether it is.
    pub is_accessible: bool,
    /// The repository.
    pub repository_id: String,
}

/// A repository to look up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VerifyRepository {
    /// Address of the repository, without a password or token.
    pub repository_url: String,
}

/// Whether the repository is there for awo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VerifiedRepositoryView {
    /// Its default branch; null if it is not there.
    pub default_branch: Option<String>,
    /// Why it is not; null if it is.
    pub error_message: Option<String>,
    /// Whether it is.
    pub is_accessible: bool,
    /// Its name; null if it is not.
    pub repository_name: Option<String>,
    /// Who owns it; null if it is not there.
    pub repository_owner: Option<String>,
}
