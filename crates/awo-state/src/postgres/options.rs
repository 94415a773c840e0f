//! How the database is reached, and how long its answers are waited for.

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

use super::PostgresError;

/// How a PostgreSQL database is used.
#[derive(Clone)]
pub struct PostgresOptions {
    /// Where it is: `postgres://user:password@host:port/database`, with what `libpq` knows as parameters, such as
    /// `sslmode=verify-full`. A password that is missing is looked for in `PGPASSWORD` and in the file `PGPASSFILE`. It is
    /// never shown.
    pub url: String,
    /// The schema that holds everything.
    pub schema: String,
    /// At most so many connections.
    pub pool_size: u32,
    /// What the database shows as the name of the program.
    pub application_name: String,
    /// Longest time that a call waits for a connection.
    pub acquire_timeout: Duration,
    /// Longest time that a statement may take, here and there. A call that got no answer by then is given up with its
    /// connection.
    pub statement_timeout: Duration,
}

impl PostgresOptions {
    /// The usual options for a database.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            schema: "awo".into(),
            pool_size: 10,
            application_name: "awo".into(),
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(5),
        }
    }

    /// What the driver is told; the error says what cannot be used.
    pub(super) fn checked(&self) -> Result<PgConnectOptions, PostgresError> {
        let mut letters = self.schema.chars();
        let begins = letters.next().is_some_and(|first| first.is_ascii_lowercase() || first == '_');
        let goes_on = letters.all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
        if !begins || !goes_on || self.schema.len() > 63 || self.schema.starts_with("pg_") || self.schema == "public" {
            return Err(PostgresError::SchemaName(self.schema.clone()));
        }
        if !(self.url.starts_with("postgres://") || self.url.starts_with("postgresql://")) {
            return Err(PostgresError::Address("it does not begin with postgres://".into()));
        }
        let options = PgConnectOptions::from_str(&self.url).map_err(|error| PostgresError::Address(error.into()))?;
        // Statements are ours and always the same; what they are about does not belong in a log.
        Ok(options.application_name(&self.application_name).disable_statement_logging())
    }
}

// The address holds a password.
impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("schema", &self.schema)
            .field("pool_size", &self.pool_size)
            .field("application_name", &self.application_name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_is_said_without_the_password() {
        let options = |url: &str, schema: &str| PostgresOptions { schema: schema.into(), ..PostgresOptions::new(url) };
        for schema in ["", "Awo", "a-b", "1a", "public", "pg_awo", "a\"; DROP", &"a".repeat(64)] {
            let refused = options("postgres://localhost/awo", schema).checked();
            assert!(matches!(refused, Err(PostgresError::SchemaName(_))), "{schema:?}");
        }
        for url in ["", "mysql://u:secret@localhost/awo", "postgres://u:secret@localhost:port/awo"] {
            let Err(refused) = options(url, "awo").checked() else { panic!("{url:?} is no address") };
            let told = format!("{refused} {refused:?} {:?}", options(url, "awo"));
            assert!(!told.contains("secret"), "{told}");
        }
        assert!(options("postgres://u:p@localhost/awo?sslmode=require", "team_7").checked().is_ok());
    }
}
