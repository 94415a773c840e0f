//! What can go wrong with a catalog.

use std::sync::Arc;

use crate::BoxError;

/// Result of a catalog call.
pub type CatalogResult<T> = std::result::Result<T, CatalogError>;

/// A catalog call did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// There is no document of this id.
    #[error("the catalog has no entry {id}")]
    NotFound {
        /// The id.
        id: Arc<str>,
    },

    /// A repository with this address is configured; the error names it.
    #[error("the repository is configured as {id}")]
    Exists {
        /// The id of the one that is there.
        id: Arc<str>,
    },

    /// Another version is stored than the one to be replaced; nothing was changed. Read again and decide again.
    #[error("the entry was changed by somebody else; read it again")]
    Conflict {
        /// Version that is stored; `None` if there is none.
        current: Option<u64>,
    },

    /// What is stored is damaged. It is left as it is.
    #[error("{place} is damaged; stop the server, then put a backup in its place, or move it away to begin anew")]
    Corrupt {
        /// Where it is stored.
        place: String,
        /// What is wrong.
        #[source]
        source: BoxError,
    },

    /// Written by a newer version of this program; left untouched.
    #[error("{place} is in format {found}, and this program reads formats up to {known}; use the newer program")]
    UnsupportedVersion {
        /// Where it is stored.
        place: String,
        /// Format that was found.
        found: u32,
        /// Newest format this program reads.
        known: u32,
    },

    /// The store does not answer; the outcome of a write is unknown. Send it again.
    #[error("the catalog does not answer")]
    Unavailable(#[source] BoxError),

    /// The store answered that it failed; the write is not stored.
    #[error("the catalog failed")]
    Backend(#[source] BoxError),
}

impl CatalogError {
    /// Whether the store itself is in trouble, so that the same call may succeed later.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Backend(_))
    }
}
