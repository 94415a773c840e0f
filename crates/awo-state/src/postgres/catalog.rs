//! The catalog: all documents of a kind are one, replaced by whoever saw its present version; and the audit trail.

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Postgres;
use super::documents::{FORMAT, column, number, parsed, stored, text};
use crate::catalog::Documents;
use crate::{
    ApiKey, AuditEntry, AuditLine, AuditPage, Catalog, CatalogBounds, CatalogError, CatalogResult,
    ConfiguredRepository, Versioned,
};

const REPOSITORIES: &str = "repositories";
const KEYS: &str = "keys";

/// So often is a change decided anew while others change documents of the same kind.
const TRIES: usize = 32;

/// A catalog in PostgreSQL. Clones share their data. What is answered is committed.
#[derive(Debug, Clone)]
pub struct PostgresCatalog {
    database: Postgres,
    bounds: CatalogBounds,
}

/// The documents of a kind, and how often they were changed; 0 if there are none.
struct Found<T> {
    documents: Documents<T>,
    version: i64,
}

impl PostgresCatalog {
    /// The catalog of a database.
    pub fn new(database: &Postgres) -> Self {
        Self::with_bounds(database, CatalogBounds::default())
    }

    /// The same, keeping so much.
    pub fn with_bounds(database: &Postgres, bounds: CatalogBounds) -> Self {
        Self { database: database.clone(), bounds }
    }

    /// Where documents of a kind are, for people.
    fn place(&self, kind: &str) -> String {
        format!("the row {kind:?} of the table {}.catalog", self.database.schema())
    }

    async fn load<T: DeserializeOwned>(&self, kind: &str) -> CatalogResult<Found<T>> {
        let statement =
            sqlx::query("SELECT format, version, documents::text AS documents FROM catalog WHERE kind = $1");
        let Some(row) = self.database.row(statement.bind(kind)).await? else {
            return Ok(Found { documents: Documents::default(), version: 0 });
        };
        let format: i32 = column(&row, "format")?;
        if format > FORMAT {
            let (found, known) = (format.unsigned_abs(), FORMAT.unsigned_abs());
            return Err(CatalogError::UnsupportedVersion { place: self.place(kind), found, known });
        }
        let documents = parsed(column(&row, "documents")?);
        let documents = documents.map_err(|source| CatalogError::Corrupt { place: self.place(kind), source })?;
        Ok(Found { documents, version: column(&row, "version")? })
    }

    /// Changes the documents of a kind by a rule, on what is stored.
    async fn change<T, Answer: Send>(
        &self,
        kind: &str,
        rule: impl Fn(&mut Documents<T>) -> CatalogResult<Answer> + Send + Sync,
    ) -> CatalogResult<Answer>
    where
        T: Serialize + DeserializeOwned + Clone + PartialEq + Send,
    {
        for _ in 0..TRIES {
            let Found { mut documents, version } = self.load::<T>(kind).await?;
            let before = documents.clone();
            let answer = rule(&mut documents)?;
            if documents == before {
                return Ok(answer);
            }
            let changed = text(&documents)?;
            drop((documents, before));
            if self.store(kind, version, changed).await? {
                return Ok(answer);
            }
        }
        Err(CatalogError::Backend("others change it all the time".into()))
    }

    /// Replaces the documents of a kind if they are still at a version.
    async fn store(&self, kind: &str, version: i64, documents: String) -> CatalogResult<bool> {
        let statement = sqlx::query(
            "INSERT INTO catalog AS old (kind, format, version, documents) VALUES ($1, $2, $3 + 1, $4::json)
            ON CONFLICT (kind) DO UPDATE
            SET format = excluded.format, version = excluded.version, documents = excluded.documents
            WHERE old.version = $3
            RETURNING version",
        );
        let statement = statement.bind(kind).bind(FORMAT).bind(version).bind(documents);
        Ok(self.database.row(statement).await?.is_some())
    }
}

/// The row that counts is locked first, so that numbers have no gaps.
const RECORD: &str = "
    WITH counted AS (
        UPDATE audit_count SET last = last + 1 RETURNING last
    ), gone AS (
        DELETE FROM audit USING counted WHERE number <= last - $2
    )
    INSERT INTO audit (number, entry) SELECT last, $1::json FROM counted";

const AUDIT: &str = "
    SELECT coalesce((SELECT min(number) FROM audit), (SELECT last + 1 FROM audit_count)) - 1 AS dropped,
        lines.number, lines.entry
    FROM (VALUES (1)) AS always
    LEFT JOIN (
        SELECT number, entry::text AS entry FROM audit
        WHERE $1::bigint IS NULL OR number < $1 ORDER BY number DESC LIMIT $2
    ) AS lines ON true
    ORDER BY lines.number DESC";

#[async_trait]
impl Catalog for PostgresCatalog {
    async fn repositories(&self) -> CatalogResult<Vec<Versioned<ConfiguredRepository>>> {
        Ok(self.load(REPOSITORIES).await?.documents.0)
    }

    async fn put_repository(&self, repository: ConfiguredRepository, expected: Option<u64>) -> CatalogResult<u64> {
        self.change(REPOSITORIES, |all| all.put(repository.clone(), expected)).await
    }

    async fn delete_repository(&self, id: &str, expected: u64) -> CatalogResult<()> {
        self.change(REPOSITORIES, |all: &mut Documents<ConfiguredRepository>| all.delete(id, expected)).await
    }

    async fn keys(&self) -> CatalogResult<Vec<Versioned<ApiKey>>> {
        Ok(self.load(KEYS).await?.documents.0)
    }

    async fn put_key(&self, key: ApiKey, expected: Option<u64>) -> CatalogResult<u64> {
        self.change(KEYS, |all| all.put(key.clone(), expected)).await
    }

    async fn record(&self, entry: &AuditEntry) -> CatalogResult<()> {
        let statement = sqlx::query(RECORD).bind(text(entry)?).bind(stored(self.bounds.audit.max(1)));
        self.database.rows(statement).await?;
        Ok(())
    }

    async fn audit(&self, before: Option<u64>, limit: usize) -> CatalogResult<AuditPage> {
        let statement = sqlx::query(AUDIT).bind(before.map(stored)).bind(stored(limit.saturating_add(1)));
        let rows = self.database.rows(statement).await?;
        let mut page = AuditPage::default();
        let mut last = before;
        for (place, row) in rows.iter().enumerate() {
            page.dropped = number(column(row, "dropped")?);
            let Some(line) = column::<Option<i64>>(row, "number")?.map(number) else { break };
            if place == limit {
                page.next = last;
                break;
            }
            last = Some(line);
            match parsed(column(row, "entry")?) {
                Ok(entry) => page.lines.push(AuditLine { number: line, entry }),
                Err(_) => page.damaged += 1,
            }
        }
        Ok(page)
    }
}
