//! The schema: what version it is in, and how it gets to the one that this program brings.

use std::time::Duration;

use sqlx::Row as _;

use super::connection::Lent;
use super::error::Trouble;
use super::{Postgres, PostgresError};

/// A step forward. There are none back.
struct Migration {
    version: i32,
    /// What a program must know at least to use the schema after it. Lower than `version` if programs that know less go
    /// on working, as they do while a new one is rolled out.
    oldest: i32,
    script: &'static str,
}

/// All of them. Those that were published never change.
const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, oldest: 1, script: include_str!("migrations/0001.sql") },
    Migration { version: 2, oldest: 2, script: include_str!("migrations/0002.sql") },
    Migration { version: 3, oldest: 2, script: include_str!("migrations/0003.sql") },
    Migration { version: 4, oldest: 2, script: include_str!("migrations/0004.sql") },
    Migration { version: 5, oldest: 2, script: include_str!("migrations/0005.sql") },
    Migration { version: 6, oldest: 2, script: include_str!("migrations/0006.sql") },
];

/// Longest time that others are waited for, and that a step takes. A network that says nothing is given up then.
const LONGEST_WAIT: Duration = Duration::from_mins(2);
const LONGEST_STEP: Duration = Duration::from_mins(30);

/// What a migration did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The version that was found; 0 if there was no schema.
    pub from: i32,
    /// The version since.
    pub to: i32,
}

#[derive(Debug, Clone, Copy)]
struct Found {
    version: i32,
    oldest: i32,
}

impl Postgres {
    /// The version of the schema that this program brings.
    pub fn newest_schema() -> i32 {
        MIGRATIONS.last().map_or(0, |last| last.version)
    }

    /// Whether the schema can be used by this program; answers its version. It may be newer, if it says so itself.
    pub async fn check(&self) -> Result<i32, PostgresError> {
        let mut lent = self.lend().await?;
        let found = found(&mut lent).await?;
        lent.give_back();
        self.judge(found)?;
        if found.version < Self::newest_schema() {
            let (schema, needed) = (self.schema().to_owned(), Self::newest_schema());
            return Err(PostgresError::Behind { schema, found: found.version, needed });
        }
        Ok(found.version)
    }

    /// Makes the schema, or takes it to the version that this program brings: all of it or nothing, also when several
    /// programs do it at once. One that is newer, and can be used, is left as it is.
    pub async fn migrate(&self) -> Result<Migrated, PostgresError> {
        let mut lent = self.lend().await?;
        // Others wait here until the first one is through. The schema's name is checked to be one.
        let schema = self.schema();
        let begin = format!(
            "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s';
             SELECT pg_advisory_xact_lock(hashtextextended('awo schema {schema}', 0));"
        );
        lent.run_script(begin, LONGEST_WAIT).await?;
        let before = found(&mut lent).await?;
        self.judge(before)?;
        if before.version == 0 {
            self.make(&mut lent).await?;
        }
        for migration in MIGRATIONS.iter().filter(|migration| migration.version > before.version) {
            lent.run_script(migration.script.to_owned(), LONGEST_STEP).await?;
            let note = sqlx::query("INSERT INTO migrations (version, oldest) VALUES ($1, $2)");
            lent.run(note.bind(migration.version).bind(migration.oldest)).await?;
        }
        lent.run_script("COMMIT".to_owned(), LONGEST_WAIT).await?;
        lent.give_back();
        Ok(Migrated { from: before.version, to: before.version.max(Self::newest_schema()) })
    }

    /// Whoever may use the database may not always make schemas in it; one that is there is used.
    async fn make(&self, lent: &mut Lent) -> Result<(), Trouble> {
        let there = sqlx::query("SELECT FROM pg_namespace WHERE nspname = $1").bind(self.schema());
        if lent.rows(there).await?.is_empty() {
            // In quotes: some names are words of SQL.
            lent.run_script(format!("CREATE SCHEMA \"{}\"", self.schema()), LONGEST_WAIT).await?;
        }
        let table = "CREATE TABLE migrations (
            version integer PRIMARY KEY,
            oldest integer NOT NULL,
            at timestamptz NOT NULL DEFAULT clock_timestamp()
        )";
        lent.run_script(table.to_owned(), LONGEST_WAIT).await
    }

    fn judge(&self, found: Found) -> Result<(), PostgresError> {
        let known = Self::newest_schema();
        if found.oldest <= known {
            return Ok(());
        }
        let Found { version, oldest } = found;
        Err(PostgresError::Newer { schema: self.schema().to_owned(), found: version, oldest, known })
    }
}

/// What the schema says of itself.
async fn found(lent: &mut Lent) -> Result<Found, Trouble> {
    let there = lent.rows(sqlx::query("SELECT WHERE to_regclass('migrations') IS NOT NULL")).await?;
    if there.is_empty() {
        return Ok(Found { version: 0, oldest: 0 });
    }
    let said = sqlx::query("SELECT coalesce(max(version), 0), coalesce(max(oldest), 0) FROM migrations");
    let rows = lent.rows(said).await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    Ok(Found { version: row.try_get(0)?, oldest: row.try_get(1)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_without_gaps() {
        for (number, migration) in (1..).zip(MIGRATIONS) {
            assert_eq!(migration.version, number);
            assert!((1..=number).contains(&migration.oldest));
        }
    }
}
