//! A configured repository on the wire.

use awo_engine::ConfiguredRepository;
use awo_models::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A configured repository.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConfiguredRepository)]
pub(crate) struct RepositoryView<'a> {
    /// Its id: a UUID.
    #[schema(example = "3f0c1d52-9f0e-4c68-8d0b-0d9a5b8f7a11")]
    id: &'a str,
    /// Its address, as it was given.
    #[schema(example = "https://github.com/octo/hello")]
    repository_url: &'a str,
    /// What people call it.
    #[schema(example = "hello")]
    display_name: Option<&'a str>,
    /// Whose it is at its forge; null while that did not say.
    #[schema(example = "octo")]
    owner: Option<&'a str>,
    /// Its default branch; null while its forge did not say.
    #[schema(example = "main")]
    default_branch: Option<&'a str>,
    /// Whether it was there when that was looked up last.
    is_verified: bool,
    /// When it was last seen there.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_verified_at: Option<Timestamp>,
    /// Kind of checkout that is offered first.
    #[schema(example = "git_worktree")]
    default_sandbox_type: &'static str,
    /// Commands that are offered first; empty means the workflow.
    #[schema(value_type = Vec<String>)]
    default_commands: Vec<&'a str>,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// Whether a configured repository is there for awo.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RepositoryVerification)]
pub(crate) struct RepositoryVerificationView<'a> {
    /// Whether it is.
    is_accessible: bool,
    /// The repository.
    repository_id: &'a str,
    /// Why it is not; null if it is.
    error_message: Option<&'a str>,
}

impl<'a> RepositoryView<'a> {
    pub(crate) fn of(repository: &'a ConfiguredRepository) -> Self {
        Self {
            id: &repository.id,
            repository_url: &repository.repository_url,
            display_name: repository.display_name.as_deref(),
            owner: repository.owner.as_deref(),
            default_branch: repository.default_branch.as_deref(),
            is_verified: repository.is_verified,
            last_verified_at: repository.last_verified_at,
            default_sandbox_type: repository.default_sandbox_type.as_str(),
            default_commands: repository.default_commands.iter().map(awo_models::StepName::as_str).collect(),
            created_at: repository.created_at,
            updated_at: repository.updated_at,
        }
    }
}

impl<'a> RepositoryVerificationView<'a> {
    pub(crate) fn of(repository: &'a ConfiguredRepository, missing: Option<&'a str>) -> Self {
        Self { is_accessible: missing.is_none(), repository_id: &repository.id, error_message: missing }
    }
}
