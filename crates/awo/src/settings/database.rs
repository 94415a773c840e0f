//! Settings of the database that orders are in, where they are in one.

use std::fmt;

use awo_state::PostgresOptions;
use serde::Deserialize;

/// The table `[database]`.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Database {
    url: Option<String>,
    schema: Option<String>,
    pool_size: Option<u32>,
    migrate_at_start: Option<bool>,
}

/// Most connections of one process.
const LARGEST: u32 = 500;

impl Database {
    /// How it is reached; or what cannot be used, with the cure.
    pub(crate) fn options(&self) -> Result<PostgresOptions, String> {
        let Some(url) = self.url.as_deref().map(str::trim).filter(|url| !url.is_empty()) else {
            return Err("state is postgres, and nothing says where the database is; set database.url \
                 (AWO_DATABASE_URL) to postgres://user@host/database"
                .into());
        };
        let mut options = PostgresOptions::new(url);
        if let Some(schema) = &self.schema {
            options.schema.clone_from(schema);
        }
        if let Some(size) = self.pool_size {
            if !(2..=LARGEST).contains(&size) {
                return Err(format!("database.pool_size is {size}; give 2 to {LARGEST} connections"));
            }
            options.pool_size = size;
        }
        Ok(options)
    }

    /// Whether a server makes and migrates the schema by itself.
    pub(crate) fn migrates_at_start(&self) -> bool {
        self.migrate_at_start.unwrap_or(true)
    }
}

// The address may hold a password.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("schema", &self.schema).finish_non_exhaustive()
    }
}
