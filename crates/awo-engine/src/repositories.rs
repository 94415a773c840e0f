//! Configured repositories: what people keep of those that they often make orders for. Kept in the catalog.

use std::sync::Arc;

use awo_models::{SandboxType, StepName, Timestamp};
use awo_state::{Catalog, CatalogError, CatalogResult, ConfiguredRepository, Versioned};
use tracing::info;

use crate::engine::Engine;
use crate::error::{EngineError, FieldError};
use crate::ports::{Unverified, VerifiedRepository};
use crate::work_orders::WorkOrders;
use crate::workflows::selected;

/// What is changed of a configured repository; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepositoryChange {
    /// Kind of checkout that is offered first.
    pub default_sandbox_type: Option<SandboxType>,
    /// Commands that are offered first; none means the workflow.
    pub default_commands: Option<Vec<StepName>>,
}

/// A configured repository that was looked up at its forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookedUp {
    /// The repository, as it is stored now.
    pub repository: ConfiguredRepository,
    /// Why it is not there for awo; `None` if it is.
    pub missing: Option<Arc<str>>,
}

impl WorkOrders {
    /// Looks a repository up at its forge.
    pub async fn verify_repository(&self, repository_url: &str) -> Result<VerifiedRepository, Unverified> {
        let checked = self.engine.sandboxes.check_address(repository_url);
        checked.map_err(|reason| Unverified::Missing(reason.into()))?;
        self.engine.forge.verify(repository_url).await
    }

    /// The configured repositories, newest first. None if this engine has no catalog.
    pub async fn repositories(&self) -> Result<Vec<ConfiguredRepository>, EngineError> {
        let Some(catalog) = &self.engine.catalog else { return Ok(Vec::new()) };
        let stored = self.engine.of_catalog(catalog.repositories()).await?;
        Ok(stored.into_iter().rev().map(|stored| stored.document).collect())
    }

    /// A configured repository.
    pub async fn repository(&self, id: &str) -> Result<ConfiguredRepository, EngineError> {
        Ok(find(&self.engine, self.catalog()?, id).await?.document)
    }

    /// Configures a repository. With `verify` it must be there at its forge, which also tells its owner and default
    /// branch; what is on no forge that awo is connected to can be added without.
    pub async fn add_repository(
        &self,
        repository_url: &str,
        verify: bool,
    ) -> Result<ConfiguredRepository, EngineError> {
        let catalog = self.catalog()?;
        let url = repository_url.trim();
        self.engine.sandboxes.check_address(url).map_err(|message| refused("repository_url", message))?;
        let clock = &self.engine.clock;
        let id = uuid::Builder::from_random_bytes(clock.random()).into_uuid().to_string();
        let mut repository = ConfiguredRepository::new(&id, url, clock.now());
        repository.display_name = last_part(url).map(Arc::from);
        if verify {
            let found = self.verify_repository(url).await?;
            confirm(&mut repository, found, clock.now());
        }
        self.engine.of_catalog(catalog.put_repository(repository.clone(), None)).await?;
        info!(repository = id, "repository_added");
        Ok(repository)
    }

    /// Changes what is offered first for a configured repository.
    pub async fn change_repository(
        &self,
        id: &str,
        change: &RepositoryChange,
    ) -> Result<ConfiguredRepository, EngineError> {
        if let Some(commands) = change.default_commands.as_deref().filter(|commands| !commands.is_empty()) {
            selected(commands).map_err(|message| refused("default_commands", message))?;
        }
        self.rewrite(id, |repository| {
            let RepositoryChange { default_sandbox_type, default_commands } = change.clone();
            repository.default_sandbox_type = default_sandbox_type.unwrap_or(repository.default_sandbox_type);
            if let Some(commands) = default_commands {
                repository.default_commands = commands;
            }
        })
        .await
    }

    /// Looks a configured repository up at its forge, and keeps what came of it. When the forge cannot be asked nothing
    /// is changed.
    pub async fn verify_configured(&self, id: &str) -> Result<LookedUp, EngineError> {
        let url = self.repository(id).await?.repository_url;
        let looked = match self.verify_repository(&url).await {
            Ok(found) => Ok(found),
            Err(Unverified::Missing(why)) => Err(why),
            Err(trouble) => return Err(trouble.into()),
        };
        let now = self.engine.clock.now();
        let repository = self
            .rewrite(id, |repository| match &looked {
                Ok(found) => confirm(repository, found.clone(), now),
                Err(_) => repository.is_verified = false,
            })
            .await?;
        Ok(LookedUp { repository, missing: looked.err() })
    }

    /// Removes a configured repository. Its orders stay, and so does what is kept of it for them.
    pub async fn remove_repository(&self, id: &str) -> Result<(), EngineError> {
        let catalog = self.catalog()?;
        loop {
            let seen = find(&self.engine, catalog, id).await?;
            match self.engine.of_catalog(catalog.delete_repository(id, seen.version)).await {
                Err(EngineError::Catalog(CatalogError::Conflict { .. })) => {} // changed meanwhile
                answer => {
                    answer?;
                    info!(repository = id, "repository_removed");
                    return Ok(());
                }
            }
        }
    }

    /// Reads, changes, and writes if nobody else did; repeats when somebody was faster. What changes nothing is not
    /// written.
    async fn rewrite(
        &self,
        id: &str,
        change: impl Fn(&mut ConfiguredRepository) + Send + Sync,
    ) -> Result<ConfiguredRepository, EngineError> {
        let catalog = self.catalog()?;
        loop {
            let Versioned { version, document } = find(&self.engine, catalog, id).await?;
            let mut changed = document.clone();
            change(&mut changed);
            if changed == document {
                return Ok(document);
            }
            changed.updated_at = self.engine.clock.now();
            match self.engine.of_catalog(catalog.put_repository(changed.clone(), Some(version))).await {
                Err(EngineError::Catalog(CatalogError::Conflict { .. })) => {}
                answer => return answer.map(|_| changed),
            }
        }
    }

    fn catalog(&self) -> Result<&dyn Catalog, EngineError> {
        self.engine.catalog.as_deref().ok_or(EngineError::NoCatalog)
    }
}

impl Engine {
    /// An answer of the catalog, bounded: one that does not come is an outage.
    async fn of_catalog<T>(&self, asking: impl Future<Output = CatalogResult<T>>) -> Result<T, EngineError> {
        let answer = tokio::time::timeout(self.settings.answer_time, asking).await;
        Ok(answer.unwrap_or_else(|late| Err(CatalogError::Unavailable(late.into())))?)
    }
}

async fn find(
    engine: &Engine,
    catalog: &dyn Catalog,
    id: &str,
) -> Result<Versioned<ConfiguredRepository>, EngineError> {
    let stored = engine.of_catalog(catalog.repositories()).await?;
    let found = stored.into_iter().find(|stored| &*stored.document.id == id);
    found.ok_or_else(|| EngineError::RepositoryNotFound(id.into()))
}

/// Keeps what the forge said of a repository that is there.
fn confirm(repository: &mut ConfiguredRepository, found: VerifiedRepository, now: Timestamp) {
    repository.display_name = Some(found.name.into());
    repository.owner = Some(found.owner.into());
    repository.default_branch = Some(found.default_branch.into());
    repository.is_verified = true;
    repository.last_verified_at = Some(now);
}

/// What people call a repository of which only the address is known.
fn last_part(address: &str) -> Option<&str> {
    let path = address.trim_end_matches('/');
    let name = path.rsplit(['/', ':']).next()?;
    Some(name.strip_suffix(".git").unwrap_or(name)).filter(|name| !name.is_empty())
}

fn refused(field: &'static str, message: String) -> EngineError {
    EngineError::Invalid(vec![FieldError { field, message }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_called_by_the_last_part_of_its_address() {
        for (address, name) in [
            ("https://forge.example/octo/hello.git", Some("hello")),
            ("git@forge.example:hello", Some("hello")),
            ("/srv/git/hello/", Some("hello")),
            ("/", None),
        ] {
            assert_eq!(last_part(address), name, "{address}");
        }
    }
}
