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

/// So often is it read from the beginning while others replace it.
const TRIES: usize = 8;

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

    async fn found(&self, id: &str, name: &str) -> Result<Option<Found>> {
        let statement = sqlx::query(FOUND).bind(id).bind(name);
        let Some(row) = self.database.row(statement).await? else { return Ok(None) };
        Ok(Some(Found { bytes: number(column(&row, "bytes")?), put: column(&row, "put")? }))
    }

    /// Reads all pieces of a put; `None` if there is another one by now, or a piece is missing.
    async fn read(&self, id: &str, name: &str, found: &Found) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::with_capacity(usize::try_from(found.bytes).unwrap_or_default());
        for place in 0_i32.. {
            if bytes.len() as u64 >= found.bytes {
                break;
            }
            let statement = sqlx::query(READ).bind(id).bind(name).bind(place).bind(&found.put);
            let Some(row) = self.database.row(statement).await? else { return Ok(None) };
            bytes.extend_from_slice(column(&row, "piece")?);
        }
        Ok(Some(bytes))
    }
}

/// An artifact that is there.
struct Found {
    bytes: u64,
    put: String,
}

/// Each put has a number of its own: that of its transaction.
const FOUND: &str = "SELECT bytes, xmin::text AS put FROM artifacts WHERE order_id = $1 AND name = $2";

/// A piece at a time, so that no answer takes long to send, and only of the put that was found.
const READ: &str = "
    SELECT piece FROM artifacts JOIN artifact_pieces AS pieces USING (order_id, name)
    WHERE order_id = $1 AND name = $2 AND number = $3 AND artifacts.xmin::text = $4";

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
        let (id, name) = (id.to_string(), name.as_str());
        for _ in 0..TRIES {
            let Some(found) = self.found(&id, name).await? else { return Ok(None) };
            if found.bytes > LARGEST {
                return Err(StateError::Refused("the artifact is larger than 256 MiB; read it in the database"));
            }
            if let Some(bytes) = self.read(&id, name, &found).await? {
                return Ok(Some(bytes));
            }
        }
        Err(StateError::Backend("others replace the artifact all the time, or pieces of it are missing".into()))
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
        // The second statement sees what was put while the first one waited for it. Ids have nothing to escape.
        let delete = format!(
            "DELETE FROM artifacts WHERE order_id = '{id}';
            DELETE FROM artifact_pieces AS pieces WHERE order_id = '{id}' AND NOT EXISTS (
                SELECT FROM artifacts WHERE artifacts.order_id = pieces.order_id AND artifacts.name = pieces.name
            )"
        );
        Ok(self.database.script(delete).await?)
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
