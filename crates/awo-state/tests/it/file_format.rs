//! The stored form of an order. Data of earlier releases must stay readable: a change here is a new format.

use std::sync::Arc;

use awo_models::{AgentWorkOrderStatus, EventKind, OrderPatch};
use awo_state::conformance::kit::{self, Owner, id, look};
use awo_state::{FileRepository, StateRepository};

use crate::fixtures::{Files, journal};

async fn small_order(repository: &Arc<dyn StateRepository>) {
    repository.create(kit::order_with_key(1, "key-1")).await.unwrap();
    let mut owner = Owner::claiming(repository, 1, 1).await;
    let current = kit::current("classify", 1);
    let patch = OrderPatch { current_step: Some(Some(current.clone())), ..OrderPatch::default() };
    owner.change.record(EventKind::StepStarted(current), kit::at(1), patch);
    owner.save().await.unwrap();
    owner.finish("classify", 1).await;
    owner.add(kit::result("plan", 1, false));
    owner.end(AgentWorkOrderStatus::Failed).await;
}

#[tokio::test]
async fn the_stored_form_is_locked() {
    let files = Files::new();
    small_order(&files.handle()).await;
    insta::assert_snapshot!("journal", std::fs::read_to_string(files.journal(id(1))).unwrap());
}

/// Reads the snapshot itself, so that what once was written is what is read.
#[tokio::test]
async fn format_1_is_readable() {
    let golden = include_str!("snapshots/it__file_format__journal.snap");
    let golden = golden.splitn(3, "---\n").last().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = journal(dir.path(), id(1));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, golden).unwrap();
    let golden: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir.path(), "test").unwrap());

    let files = Files::new();
    small_order(&files.handle()).await;
    let (read, written) = (look(&golden, id(1)).await, look(&files.handle(), id(1)).await);
    assert_eq!(read, written);
    read.check();
}
