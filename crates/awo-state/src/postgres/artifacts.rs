//! Artifacts in pieces.

use std::path::PathBuf;

use async_trait::async_trait;
use awo_models::{ArtifactName, OrderId};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use tracing::warn;

use super::Postgres;
use super::connection::Lent;
use super::documents::{column, number, stored};
use super::reading::id_of;
use crate::{ArtifactContent, ArtifactStore, Result, StateError};

/// Bytes of a piece.
const PIECE: usize = 1 << 20;

/// As much of an artifact is read.
const LARGEST: u64 = 256 << 20;

/// Artifacts in PostgreSQL. Clones share their data.
#[derive(Debug, Clone)]
pub struct PostgresArtifacts {
    database: Postgres,
}

impl PostgresArtifacts {
    /// The artifacts of a database.
    pub fn new(database: &Postgres) -> Self {
        Self { database: database.clone() }
    }
}

/// The artifact's row is locked first, so that of two that put the same name one waits for the other.
const BEGIN: &str = "
    INSERT INTO artifacts (order_id, name, bytes) VALUES ($1, $2, 0)
    ON CONFLICT (order_id, name) DO UPDATE SET bytes = 0";

#[async_trait]
impl ArtifactStore for PostgresArtifacts {
    async fn put(&self, id: OrderId, name: &ArtifactName, content: ArtifactContent) -> Result<()> {
        let mut from = Source::open(content).await?;
        // Whoever gives up in between closes the connection, and nothing of it is stored.
        let mut lent = self.database.lend().await?;
        let (id, name) = (id.to_string(), name.as_str());
        lent.run(sqlx::query("BEGIN")).await?;
        lent.run(sqlx::query(BEGIN).bind(&id).bind(name)).await?;
        lent.run(sqlx::query("DELETE FROM artifact_pieces WHERE order_id = $1 AND name = $2").bind(&id).bind(name))
            .await?;
        let bytes = pieces(&mut lent, &id, name, &mut from).await?;
        let counted = sqlx::query("UPDATE artifacts SET bytes = $3 WHERE order_id = $1 AND name = $2");
        lent.run(counted.bind(&id).bind(name).bind(bytes)).await?;
        lent.run(sqlx::query("COMMIT")).await?;
        lent.give_back();
        from.remove().await;
        Ok(())
    }

    async fn get(&self, id: OrderId, name: &ArtifactName) -> Result<Option<Vec<u8>>> {
        // One statement, so that all pieces are of one put. What is too large is not sent.
        let statement = sqlx::query(
            "SELECT artifacts.bytes, piece FROM artifacts LEFT JOIN artifact_pieces AS pieces
                ON pieces.order_id = artifacts.order_id AND pieces.name = artifacts.name AND artifacts.bytes <= $3
            WHERE artifacts.order_id = $1 AND artifacts.name = $2
            ORDER BY pieces.number",
        );
        let statement = statement.bind(id.to_string()).bind(name.as_str()).bind(stored(LARGEST));
        let rows = self.database.rows(statement).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        if number(column(first, "bytes")?) > LARGEST {
            return Err(StateError::Refused("the artifact is larger than 256 MiB; read it in the database"));
        }
        let mut bytes = Vec::new();
        for row in &rows {
            bytes.extend_from_slice(column::<Option<&[u8]>>(row, "piece")?.unwrap_or_default());
        }
        Ok(Some(bytes))
    }

    async fn list(&self, id: OrderId) -> Result<Vec<ArtifactName>> {
        let statement = sqlx::query("SELECT name FROM artifacts WHERE order_id = $1").bind(id.to_string());
        let rows = self.database.rows(statement).await?;
        let names = rows.iter().map(|row| column::<&str>(row, "name")).collect::<Result<Vec<_>, _>>()?;
        let mut names: Vec<_> = names.into_iter().filter_map(|name| ArtifactName::new(name).ok()).collect();
        names.sort_unstable();
        Ok(names)
    }

    async fn delete_all(&self, id: OrderId) -> Result<()> {
        let statement = sqlx::query(
            "WITH gone AS (DELETE FROM artifacts WHERE order_id = $1 RETURNING order_id, name)
            DELETE FROM artifact_pieces AS pieces USING gone
            WHERE pieces.order_id = gone.order_id AND pieces.name = gone.name",
        );
        self.database.rows(statement.bind(id.to_string())).await?;
        Ok(())
    }

    async fn orders(&self) -> Result<Vec<OrderId>> {
        let statement = sqlx::query("SELECT DISTINCT order_id FROM artifacts ORDER BY order_id");
        let rows = self.database.rows(statement).await?;
        Ok(rows.iter().map(|row| id_of(row, "order_id")).collect::<Result<_, _>>()?)
    }

    async fn size(&self, id: OrderId) -> Result<u64> {
        let statement =
            sqlx::query("SELECT coalesce(sum(bytes), 0)::bigint AS bytes FROM artifacts WHERE order_id = $1");
        let row = self.database.row(statement.bind(id.to_string())).await?;
        Ok(row.map(|row| column(&row, "bytes")).transpose()?.map_or(0, number))
    }
}

/// Stores all pieces; answers how many bytes they are.
async fn pieces(lent: &mut Lent, id: &str, name: &str, from: &mut Source) -> Result<i64> {
    let mut bytes = 0_usize;
    for place in 0_i32.. {
        let Some(piece) = from.next().await? else { break };
        bytes += piece.len();
        let statement =
            sqlx::query("INSERT INTO artifact_pieces (order_id, name, number, piece) VALUES ($1, $2, $3, $4)");
        lent.run(statement.bind(id).bind(name).bind(place).bind(piece)).await?;
    }
    Ok(stored(bytes))
}

/// What is put, a piece at a time.
enum Source {
    Bytes { bytes: Vec<u8>, given: usize },
    File { file: File, path: PathBuf },
}

impl Source {
    async fn open(content: ArtifactContent) -> Result<Self> {
        let path = match content {
            ArtifactContent::Bytes(bytes) => return Ok(Self::Bytes { bytes, given: 0 }),
            ArtifactContent::File(path) => path,
        };
        if !tokio::fs::symlink_metadata(&path).await.map_err(backend)?.is_file() {
            return Err(StateError::Refused("an artifact is made of a regular file"));
        }
        Ok(Self::File { file: File::open(&path).await.map_err(backend)?, path })
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let piece = match self {
            Self::Bytes { bytes, given } => {
                let piece = bytes[*given..(*given + PIECE).min(bytes.len())].to_vec();
                *given += piece.len();
                piece
            }
            Self::File { file, .. } => {
                let mut piece = Vec::new();
                file.take(PIECE as u64).read_to_end(&mut piece).await.map_err(backend)?;
                piece
            }
        };
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }

    /// Takes a file away that is stored now.
    async fn remove(self) {
        let Self::File { path, .. } = self else { return };
        if let Err(error) = tokio::fs::remove_file(&path).await {
            // The artifact is stored all the same.
            warn!(file = %path.display(), %error, "artifact_source_not_removed");
        }
    }
}

fn backend(error: std::io::Error) -> StateError {
    StateError::Backend(error.into())
}
