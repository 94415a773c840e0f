//! Every rule about versioned documents, once: backends call these and decide nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ApiKey, CatalogError, CatalogResult, ConfiguredRepository, Versioned, normalized_address};

/// What is kept in versions.
pub(crate) trait Document: Clone + PartialEq {
    /// Its name among its kind.
    fn id(&self) -> &Arc<str>;

    /// Whether it stands for the same as another one, so that only one of both may be there.
    fn rivals(&self, _other: &Self) -> bool {
        false
    }
}

impl Document for ConfiguredRepository {
    fn id(&self) -> &Arc<str> {
        &self.id
    }

    fn rivals(&self, other: &Self) -> bool {
        normalized_address(&self.repository_url) == normalized_address(&other.repository_url)
    }
}

impl Document for ApiKey {
    fn id(&self) -> &Arc<str> {
        &self.id
    }
}

/// All documents of a kind, in the order they were added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Documents<T>(pub(crate) Vec<Versioned<T>>);

impl<T> Default for Documents<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Document> Documents<T> {
    /// Puts a document in the place of its version `expected`; answers its new version.
    pub(crate) fn put(&mut self, document: T, expected: Option<u64>) -> CatalogResult<u64> {
        let version = expected.unwrap_or(0) + 1;
        let place = self.0.iter().position(|there| there.document.id() == document.id());
        let current = place.map(|place| self.0[place].version);
        if let Some(place) = place
            && current == Some(version)
            && self.0[place].document == document
        {
            return Ok(version); // sent again
        }
        if current != expected {
            return Err(CatalogError::Conflict { current });
        }
        let others = self.0.iter().map(|there| &there.document).filter(|there| there.id() != document.id());
        if let Some(rival) = others.into_iter().find(|there| document.rivals(there)) {
            return Err(CatalogError::Exists { id: Arc::clone(rival.id()) });
        }
        match place {
            Some(place) => self.0[place] = Versioned { version, document },
            None => self.0.push(Versioned { version, document }),
        }
        Ok(version)
    }

    /// Removes a document that is at version `expected`.
    pub(crate) fn delete(&mut self, id: &str, expected: u64) -> CatalogResult<()> {
        let Some(place) = self.0.iter().position(|there| **there.document.id() == *id) else {
            return Err(CatalogError::NotFound { id: id.into() });
        };
        let current = self.0[place].version;
        if current != expected {
            return Err(CatalogError::Conflict { current: Some(current) });
        }
        self.0.remove(place);
        Ok(())
    }
}
