//! Repositories: those that are configured, and whether one is there.

use super::Client;
use crate::call::{Asked, Call};
use crate::operation::Operation;
use crate::types::{
    ConfiguredRepository, NewRepository, RepositoryChanges, RepositoryVerification, VerifiedRepositoryView,
    VerifyRepository,
};

impl Client {
    /// Lists the configured repositories.
    pub fn list_repositories(&self) -> Call<Vec<ConfiguredRepository>> {
        Call::json(self, Asked::new(Operation::ListRepositories, &[]))
    }

    /// Configures a repository.
    pub fn create_repository(&self, repository: &NewRepository) -> Call<ConfiguredRepository> {
        Call::json(self, Asked::new(Operation::CreateRepository, &[]).body(repository))
    }

    /// Gets a configured repository.
    pub fn get_repository(&self, rid: &str) -> Call<ConfiguredRepository> {
        Call::json(self, Asked::new(Operation::GetRepository, &[rid]))
    }

    /// Changes what is offered first for one.
    pub fn update_repository(&self, rid: &str, changes: &RepositoryChanges) -> Call<ConfiguredRepository> {
        Call::json(self, Asked::new(Operation::UpdateRepository, &[rid]).body(changes))
    }

    /// Forgets one. Its orders stay.
    pub fn delete_repository(&self, rid: &str) -> Call<()> {
        Call::new(self, Asked::new(Operation::DeleteRepository, &[rid]), |_| Ok(()))
    }

    /// Looks a configured repository up at its forge, and keeps what that says.
    pub fn verify_configured_repository(&self, rid: &str) -> Call<RepositoryVerification> {
        Call::json(self, Asked::new(Operation::VerifyConfiguredRepository, &[rid]))
    }

    /// Looks any repository up at its forge.
    pub fn verify_repository(&self, repository: &VerifyRepository) -> Call<VerifiedRepositoryView> {
        Call::json(self, Asked::new(Operation::VerifyRepository, &[]).body(repository))
    }
}
