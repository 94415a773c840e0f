//! What can go wrong with a database, and what that means to those who asked.

use std::time::Duration;

use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::{BoxError, CatalogError, StateError};

/// A database cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// The address is none. It is not shown, as it may hold a password.
    #[error("the address of the database cannot be used")]
    Address(#[source] BoxError),

    /// The name is none for a schema of our own.
    #[error(
        "{0:?} is not a name for a schema: it begins with a lower-case letter or `_`, goes on with lower-case letters, digits and \
         `_`, has at most 63 of them, and is neither \"public\" nor one of PostgreSQL's own"
    )]
    SchemaName(String),

    /// The database does not answer, or refuses.
    #[error("the database cannot be used")]
    Unavailable(#[source] BoxError),

    /// It is an old one.
    #[error("the database is PostgreSQL {found}; this program needs {needed} or newer")]
    TooOld {
        /// Its version.
        found: i32,
        /// The oldest that is good enough.
        needed: i32,
    },

    /// It follows another one.
    #[error("the database is a standby, which takes no writes; give the address of the primary")]
    Standby,

    /// The schema is not there, or older than this program needs.
    #[error("the schema {schema:?} of the database is at version {found}, and this program needs {needed}: migrate it")]
    Behind {
        /// The schema.
        schema: String,
        /// Its version; 0 if it is not there.
        found: i32,
        /// The version that this program brings.
        needed: i32,
    },

    /// The schema was migrated by a newer program, which says that this one must not use it.
    #[error(
        "the schema {schema:?} of the database is at version {found}, which programs that know version {oldest} can use; \
         this one knows {known}: use the newer program"
    )]
    Newer {
        /// The schema.
        schema: String,
        /// Its version.
        found: i32,
        /// What a program must know.
        oldest: i32,
        /// What this one knows.
        known: i32,
    },
}

/// A call of the database did not succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("no answer within {0:?}")]
    Silent(Duration),
    /// It tells its cause in its own words, so that the cause is not told again.
    #[error("{0}")]
    Driver(sqlx::Error),
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Driver(error)
    }
}

/// Writes are not taken: the server follows another one by now, or was told so.
const READ_ONLY: &str = "25006";

impl Trouble {
    /// What the database itself said.
    fn answer(&self) -> Option<&PgDatabaseError> {
        let Self::Driver(sqlx::Error::Database(error)) = self else { return None };
        error.try_downcast_ref()
    }

    /// Whether the database itself said that it did not do it, so that nothing of it is stored.
    fn is_refusal(&self) -> bool {
        // Connections that ended (08), ends whose outcome nobody knows (40003), servers that go down or come up (57P).
        let unknown =
            |code: &str| code.is_empty() || code.starts_with("08") || code == "40003" || code.starts_with("57P");
        self.answer().is_some_and(|error| !unknown(error.code()))
    }

    /// Whether the connection can be used after it. Where another server takes the writes now, a new one may lead to it.
    pub(super) fn leaves_connection(&self) -> bool {
        let ended = |error: &PgDatabaseError| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic);
        self.is_refusal() && self.answer().is_some_and(|error| error.code() != READ_ONLY && !ended(error))
    }
}

impl From<Trouble> for StateError {
    fn from(trouble: Trouble) -> Self {
        if trouble.is_refusal() { Self::Backend(trouble.into()) } else { Self::Unavailable(trouble.into()) }
    }
}

impl From<Trouble> for CatalogError {
    fn from(trouble: Trouble) -> Self {
        if trouble.is_refusal() { Self::Backend(trouble.into()) } else { Self::Unavailable(trouble.into()) }
    }
}

impl From<Trouble> for PostgresError {
    fn from(trouble: Trouble) -> Self {
        Self::Unavailable(trouble.into())
    }
}
