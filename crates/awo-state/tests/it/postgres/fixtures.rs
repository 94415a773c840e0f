//! Stores for the suite, each in a schema of its own. To open one again is to connect anew, and to remember nothing.

use std::sync::Arc;

use async_trait::async_trait;
use awo_models::OrderId;
use awo_state::conformance::{
    ArtifactFixture, CatalogFixture, ChangeFixture, Fixture, LeasesFixture, OrderLogFixture, ToldFixture,
    TransferFixture,
};
use awo_state::{
    ArtifactStore, Catalog, CatalogBounds, ChangeFeed, Leases, LogBounds, OrderLog, Postgres, PostgresArtifacts,
    PostgresCatalog, PostgresChanges, PostgresLeases, PostgresOrderLog, PostgresRepository, PostgresTold,
    StateRepository, StateTransfer, ToldStore,
};
use awo_testkit::postgres::TestSchema;
use tokio::sync::OnceCell;

const LOG_BOUNDS: LogBounds = LogBounds { lines: 200, bytes: 256 * 1024 };
const CATALOG_BOUNDS: CatalogBounds = CatalogBounds { audit: 10 };

#[derive(Debug)]
pub(super) struct Server {
    open: OnceCell<(Postgres, PostgresRepository)>,
    pub(super) schema: TestSchema,
    upgraded: bool,
}

/// A later migration, as a newer program might bring it which lets this one go on beside it: each table has more columns, and
/// there are more tables and indexes.
const LATER: &str = "
    DO $$
    DECLARE
        place text;
    BEGIN
        FOR place IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'migrations' LOOP
            EXECUTE format('ALTER TABLE %I ADD COLUMN IF NOT EXISTS later text NOT NULL DEFAULT ''of later''', place);
        END LOOP;
    END $$;
    CREATE TABLE IF NOT EXISTS laters (order_id text PRIMARY KEY, note text NOT NULL);
    CREATE INDEX IF NOT EXISTS orders_later ON orders (later, status);";

impl Server {
    pub(super) fn new() -> Option<Self> {
        TestSchema::new().map(|schema| Self { open: OnceCell::new(), schema, upgraded: false })
    }

    /// One that a newer program has taken further.
    pub(super) fn upgraded() -> Option<Self> {
        Self::new().map(|server| Self { upgraded: true, ..server })
    }

    /// What the newer program does to the schema.
    pub(super) async fn upgrade(&self) {
        let known = Postgres::newest_schema();
        let note =
            format!("INSERT INTO migrations (version, oldest) VALUES ({known} + 1, {known}) ON CONFLICT DO NOTHING");
        self.schema.run(&format!("{LATER} {note}")).await;
    }

    async fn first(&self) -> &(Postgres, PostgresRepository) {
        self.open.get_or_init(|| self.again()).await
    }

    pub(super) async fn again(&self) -> (Postgres, PostgresRepository) {
        let mut database = self.schema.open().await;
        if self.upgraded {
            self.upgrade().await;
            // As a program that is started anew beside the newer one.
            database = self.schema.open().await;
            assert_eq!(database.check().await.unwrap(), Postgres::newest_schema() + 1);
        }
        let repository = PostgresRepository::new(&database);
        (database, repository)
    }

    pub(super) async fn repository_again(&self) -> Arc<dyn StateRepository> {
        Arc::new(self.again().await.1)
    }
}

#[async_trait]
impl Fixture for Server {
    async fn repository(&self) -> Arc<dyn StateRepository> {
        Arc::new(self.first().await.1.clone())
    }
    async fn reopen(&self) -> Option<Arc<dyn StateRepository>> {
        Some(self.repository_again().await)
    }
    async fn reopen_with_damage(&self, id: OrderId) -> Option<Arc<dyn StateRepository>> {
        let change = "document = replace(document::text, '\"success\":true', '\"success\":false')::json";
        self.schema.run(&format!("UPDATE steps SET {change} WHERE order_id = '{id}'")).await;
        Some(self.repository_again().await)
    }
    async fn reopen_with_newer_format(&self, id: OrderId) -> Option<Arc<dyn StateRepository>> {
        self.schema.run(&format!("UPDATE orders SET format = 7 WHERE id = '{id}'")).await;
        Some(self.repository_again().await)
    }
    async fn stored_bytes(&self, id: OrderId) -> Vec<u8> {
        let rows = format!(
            "SELECT orders::text FROM orders WHERE id = '{id}'
            UNION ALL SELECT steps::text FROM steps WHERE order_id = '{id}'
            UNION ALL SELECT events::text FROM events WHERE order_id = '{id}'"
        );
        self.schema
            .texts(&format!("SELECT line FROM ({rows}) AS lines (line) ORDER BY line"))
            .await
            .join("\n")
            .into_bytes()
    }
}

#[async_trait]
impl LeasesFixture for Server {
    async fn repository(&self) -> Arc<dyn StateRepository> {
        Arc::new(self.first().await.1.clone())
    }
    async fn leases(&self) -> Arc<dyn Leases> {
        Arc::new(PostgresLeases::new(&self.first().await.0))
    }
}

#[derive(Debug)]
pub(super) struct TwoSchemas(Server, Server);

impl TwoSchemas {
    pub(super) fn new() -> Option<Self> {
        Some(Self(Server::new()?, Server::new()?))
    }
}

async fn both(server: &Server) -> (Arc<dyn StateRepository>, Arc<dyn StateTransfer>) {
    let (_, repository) = server.first().await;
    (Arc::new(repository.clone()), Arc::new(repository.clone()))
}

#[async_trait]
impl TransferFixture for TwoSchemas {
    async fn repository(&self) -> (Arc<dyn StateRepository>, Arc<dyn StateTransfer>) {
        both(&self.0).await
    }
    async fn other(&self) -> (Arc<dyn StateRepository>, Arc<dyn StateTransfer>) {
        both(&self.1).await
    }
    async fn reopen_other(&self) -> Option<Arc<dyn StateRepository>> {
        Some(self.1.repository_again().await)
    }
}

#[async_trait]
impl ArtifactFixture for Server {
    async fn artifacts(&self) -> Arc<dyn ArtifactStore> {
        Arc::new(PostgresArtifacts::new(&self.first().await.0))
    }
    async fn reopen(&self) -> Option<Arc<dyn ArtifactStore>> {
        Some(Arc::new(PostgresArtifacts::new(&self.again().await.0)))
    }
}

#[async_trait]
impl OrderLogFixture for Server {
    async fn order_log(&self) -> Arc<dyn OrderLog> {
        Arc::new(PostgresOrderLog::with_bounds(&self.first().await.0, LOG_BOUNDS))
    }
    fn bounds(&self) -> LogBounds {
        LOG_BOUNDS
    }
    async fn reopen(&self) -> Option<Arc<dyn OrderLog>> {
        Some(Arc::new(PostgresOrderLog::with_bounds(&self.again().await.0, LOG_BOUNDS)))
    }
    async fn reopen_torn(&self, _: OrderId) -> Option<Arc<dyn OrderLog>> {
        None // a line is a row, which is there or not
    }
    async fn reopen_damaged(&self, id: OrderId, number: u64) -> Option<Arc<dyn OrderLog>> {
        let damage = format!("UPDATE log_lines SET entry = '7' WHERE order_id = '{id}' AND number = {number}");
        self.schema.run(&damage).await;
        OrderLogFixture::reopen(self).await
    }
}

#[async_trait]
impl CatalogFixture for Server {
    async fn catalog(&self) -> Arc<dyn Catalog> {
        Arc::new(PostgresCatalog::with_bounds(&self.first().await.0, CATALOG_BOUNDS))
    }
    fn bounds(&self) -> CatalogBounds {
        CATALOG_BOUNDS
    }
    async fn reopen(&self) -> Option<Arc<dyn Catalog>> {
        Some(Arc::new(PostgresCatalog::with_bounds(&self.again().await.0, CATALOG_BOUNDS)))
    }
    async fn reopen_with_damaged_repositories(&self) -> Option<Arc<dyn Catalog>> {
        self.schema.run("UPDATE catalog SET documents = '7' WHERE kind = 'repositories'").await;
        CatalogFixture::reopen(self).await
    }
    async fn reopen_with_newer_repositories(&self) -> Option<Arc<dyn Catalog>> {
        self.schema.run("UPDATE catalog SET format = 7 WHERE kind = 'repositories'").await;
        CatalogFixture::reopen(self).await
    }
    async fn stored_repositories(&self) -> Vec<u8> {
        let row = "SELECT catalog::text FROM catalog WHERE kind = 'repositories'";
        self.schema.texts(row).await.join("\n").into_bytes()
    }
}

#[async_trait]
impl ChangeFixture for Server {
    async fn repository(&self) -> Arc<dyn StateRepository> {
        Arc::new(self.first().await.1.clone())
    }
    async fn changes(&self) -> Arc<dyn ChangeFeed> {
        Arc::new(PostgresChanges::listen(&self.first().await.0).await.unwrap())
    }
}

#[async_trait]
impl ToldFixture for Server {
    async fn told(&self) -> Arc<dyn ToldStore> {
        Arc::new(PostgresTold::new(&self.first().await.0))
    }
}
