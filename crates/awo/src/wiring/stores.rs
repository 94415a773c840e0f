//! What is stored, in the backend that the settings name.

use std::sync::Arc;

use anyhow::Context as _;
use awo_adapters::ToldFiles;
use awo_engine::{ArtifactStore, Catalog, ChangeFeed, Leases, OrderLog, StateRepository, ToldStore};
use awo_state::{
    FileArtifacts, FileCatalog, FileOrderLog, FileRepository, InMemory, InMemoryCatalog, InMemoryOrderLog, Postgres,
    PostgresArtifacts, PostgresCatalog, PostgresChanges, PostgresError, PostgresLeases, PostgresOrderLog,
    PostgresRepository, PostgresTold, StateTransfer,
};
use tracing::info;

use crate::exit::{BAD_INPUT, UNAVAILABLE, coded};
use crate::settings::{Backend, Settings};

/// The stores of a backend.
#[derive(Debug, Clone)]
pub(crate) struct Stores {
    pub(crate) repository: Arc<dyn StateRepository>,
    /// Word of what other processes do to them, for who has them for long.
    pub(crate) changes: Option<Arc<dyn ChangeFeed>>,
    /// Where several processes share the orders: who may run which.
    pub(crate) leases: Option<Arc<dyn Leases>>,
    /// The same orders, to be moved; not there for orders in memory.
    transfer: Option<Arc<dyn StateTransfer>>,
    pub(crate) artifacts: Arc<dyn ArtifactStore>,
    pub(crate) log: Arc<dyn OrderLog>,
    /// How far those outside were told; not there for orders in memory, as nothing outlives the process anyway.
    pub(crate) told: Option<Arc<dyn ToldStore>>,
    /// Configured repositories.
    pub(crate) catalog: Arc<dyn Catalog>,
    /// Keys and the audit trail, which outlive orders in memory.
    pub(crate) access: Arc<dyn Catalog>,
}

impl Stores {
    /// Of the files of a data directory.
    pub(crate) fn files(settings: &Settings, repository: FileRepository) -> Self {
        let catalog: Arc<dyn Catalog> = Arc::new(FileCatalog::new(&settings.data_dir));
        Self {
            repository: Arc::new(repository.clone()),
            changes: None,
            leases: None,
            transfer: Some(Arc::new(repository)),
            artifacts: Arc::new(FileArtifacts::new(&settings.data_dir)),
            log: Arc::new(FileOrderLog::new(&settings.data_dir)),
            told: Some(Arc::new(ToldFiles::new(settings.data_dir.join("notices")))),
            access: Arc::clone(&catalog),
            catalog,
        }
    }

    /// Orders in memory; what is large lies in files all the same.
    pub(crate) fn memory(settings: &Settings) -> Self {
        Self {
            repository: Arc::new(InMemory::default()),
            changes: None,
            leases: None,
            transfer: None,
            artifacts: Arc::new(FileArtifacts::new(&settings.data_dir)),
            log: Arc::new(InMemoryOrderLog::default()),
            told: None,
            catalog: Arc::new(InMemoryCatalog::default()),
            access: Arc::new(FileCatalog::new(&settings.data_dir)),
        }
    }

    /// Of a database.
    pub(crate) fn postgres(database: &Postgres) -> Self {
        let repository = PostgresRepository::new(database);
        let catalog: Arc<dyn Catalog> = Arc::new(PostgresCatalog::new(database));
        Self {
            repository: Arc::new(repository.clone()),
            changes: None,
            leases: None,
            transfer: Some(Arc::new(repository)),
            artifacts: Arc::new(PostgresArtifacts::new(database)),
            log: Arc::new(PostgresOrderLog::new(database)),
            told: Some(Arc::new(PostgresTold::new(database))),
            access: Arc::clone(&catalog),
            catalog,
        }
    }

    /// The orders, to be moved.
    pub(crate) fn transfer(&self) -> anyhow::Result<&dyn StateTransfer> {
        self.transfer.as_deref().context("orders in memory are not moved")
    }

    /// The same around another repository.
    pub(crate) fn with(self, repository: Arc<dyn StateRepository>) -> Self {
        Self { repository, ..self }
    }
}

/// For reading, also while another process writes.
pub(crate) async fn read_only(settings: &Settings) -> anyhow::Result<Stores> {
    if settings.state == Backend::Postgres {
        let database = checked_database(settings).await?;
        let leases = PostgresLeases::new(&database);
        return Ok(Stores { leases: Some(Arc::new(leases)), ..Stores::postgres(&database) });
    }
    if !settings.data_dir.join("orders").is_dir() {
        let stores = Stores::memory(settings);
        // No order was ever kept here; repositories may be.
        let catalog = if settings.state == Backend::File { &stores.access } else { &stores.catalog };
        return Ok(Stores { catalog: Arc::clone(catalog), ..stores });
    }
    let repository = FileRepository::open_read_only(&settings.data_dir)
        .map_err(|error| coded(UNAVAILABLE, format!("{:#}", anyhow::Error::new(error))))?;
    Ok(Stores::files(settings, repository))
}

/// As the only writer of the files, or as one of those of a database.
pub(crate) async fn open_for_import(settings: &Settings) -> anyhow::Result<Stores> {
    if settings.state == Backend::Postgres {
        return Ok(Stores::postgres(&database(settings).await?));
    }
    Ok(Stores::files(settings, super::open_files(settings, "awo state import")?))
}

/// Keys and the audit trail, also while another process has them.
pub(crate) async fn access(settings: &Settings) -> anyhow::Result<Arc<dyn Catalog>> {
    if settings.state == Backend::Postgres {
        return Ok(Stores::postgres(&checked_database(settings).await?).access);
    }
    Ok(Arc::new(FileCatalog::new(&settings.data_dir)))
}

/// The database that the settings name, whatever is in it.
pub(crate) async fn connect(settings: &Settings) -> anyhow::Result<Postgres> {
    let options = settings.database.options().map_err(|reason| coded(BAD_INPUT, reason))?;
    Postgres::connect(options).await.map_err(told)
}

/// The same, with all that this program needs in it: for commands, which change no schema.
async fn checked_database(settings: &Settings) -> anyhow::Result<Postgres> {
    let database = connect(settings).await?;
    database.check().await.map_err(told)?;
    Ok(database)
}

/// The same, for those who run orders: it is migrated, unless somebody else sees to that.
pub(crate) async fn database(settings: &Settings) -> anyhow::Result<Postgres> {
    if !settings.database.migrates_at_start() {
        return checked_database(settings).await;
    }
    let database = connect(settings).await?;
    let migrated = database.migrate().await.map_err(told)?;
    if migrated.from != migrated.to {
        info!(schema = database.schema(), from = migrated.from, to = migrated.to, "database_migrated");
    }
    Ok(database)
}

/// What is in the database, for those who run orders, or are asked about them for long.
pub(crate) async fn shared(settings: &Settings) -> anyhow::Result<Stores> {
    let database = database(settings).await?;
    let changes = PostgresChanges::listen(&database).await.map_err(told)?;
    let leases = PostgresLeases::new(&database);
    Ok(Stores { changes: Some(Arc::new(changes)), leases: Some(Arc::new(leases)), ..Stores::postgres(&database) })
}

/// The error of a command, with the cure.
pub(crate) fn told(error: PostgresError) -> anyhow::Error {
    let (code, cure) = match error {
        PostgresError::Unavailable(_) => (UNAVAILABLE, "; see database.url (AWO_DATABASE_URL)"),
        PostgresError::Standby => (UNAVAILABLE, ""),
        PostgresError::Address(_) => (BAD_INPUT, "; see database.url (AWO_DATABASE_URL)"),
        PostgresError::SchemaName(_) => (BAD_INPUT, "; see database.schema (AWO_DATABASE_SCHEMA)"),
        PostgresError::Behind { .. } => (BAD_INPUT, "; `awo migrate` does it"),
        _ => (BAD_INPUT, ""),
    };
    coded(code, format!("{:#}{cure}", anyhow::Error::new(error)))
}
