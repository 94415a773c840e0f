//! Clauses about artifacts.

use std::sync::Arc;

use awo_models::ArtifactName;

use super::ArtifactFixture;
use super::kit::id;
use crate::{ArtifactContent, ArtifactStore};

fn name(text: &str) -> ArtifactName {
    ArtifactName::new(text).unwrap()
}

async fn put(store: &Arc<dyn ArtifactStore>, order: u64, artifact: &str, bytes: &[u8]) {
    let content = ArtifactContent::Bytes(bytes.to_vec());
    store.put(id(order), &name(artifact), content).await.unwrap();
}

async fn get(store: &Arc<dyn ArtifactStore>, order: u64, artifact: &str) -> Option<Vec<u8>> {
    store.get(id(order), &name(artifact)).await.unwrap()
}

/// What was put is read, byte for byte, also after a restart.
pub async fn artifact_reads_as_it_was_put(fixture: &dyn ArtifactFixture) {
    let store = fixture.artifacts().await;
    let all: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    put(&store, 1, "01-plan-1.transcript.jsonl", &all).await;
    put(&store, 1, "empty", b"").await;
    assert_eq!(get(&store, 1, "01-plan-1.transcript.jsonl").await, Some(all.clone()));
    assert_eq!(get(&fixture.artifacts().await, 1, "empty").await, Some(Vec::new()));
    drop(store);
    let Some(store) = fixture.reopen().await else { return };
    assert_eq!(get(&store, 1, "01-plan-1.transcript.jsonl").await, Some(all));
}

/// A name that is put again stands for the new content, whole.
pub async fn artifact_is_replaced_whole(fixture: &dyn ArtifactFixture) {
    let store = fixture.artifacts().await;
    put(&store, 1, "patch", &[1; 4096]).await;
    put(&store, 1, "patch", &[2; 16]).await;
    assert_eq!(get(&store, 1, "patch").await, Some(vec![2; 16]));
    assert_eq!(store.list(id(1)).await.unwrap(), [name("patch")]);
}

/// A file is taken in and is gone from where it was.
pub async fn artifact_takes_a_file(fixture: &dyn ArtifactFixture) {
    let store = fixture.artifacts().await;
    let unique = format!("awo-conformance-{}-{:p}", std::process::id(), Arc::as_ptr(&store));
    let path = std::env::temp_dir().join(unique);
    std::fs::write(&path, b"transcript").unwrap();
    let content = ArtifactContent::File(path.clone());
    store.put(id(1), &name("transcript"), content).await.unwrap();
    assert_eq!(get(&store, 1, "transcript").await.as_deref(), Some(&b"transcript"[..]));
    assert!(!path.exists(), "the file is taken away");
    let missing = store.put(id(1), &name("missing"), ArtifactContent::File(path)).await;
    assert!(missing.is_err());
    assert_eq!(get(&store, 1, "missing").await, None);
}

/// Names come sorted; an order without artifacts has none.
pub async fn artifacts_are_listed_sorted(fixture: &dyn ArtifactFixture) {
    let store = fixture.artifacts().await;
    assert!(store.list(id(1)).await.unwrap().is_empty());
    assert_eq!(get(&store, 1, "a").await, None);
    for artifact in ["b", "a", "A", "0", "_x"] {
        put(&store, 1, artifact, artifact.as_bytes()).await;
    }
    let names = ["0", "A", "_x", "a", "b"].map(name);
    assert_eq!(store.list(id(1)).await.unwrap(), names);
}

/// Orders do not see each other's artifacts, and deleting touches one order only.
pub async fn artifacts_of_orders_are_apart(fixture: &dyn ArtifactFixture) {
    let store = fixture.artifacts().await;
    put(&store, 1, "a", b"one").await;
    put(&store, 2, "a", b"two").await;
    put(&store, 257, "a", b"other").await;
    assert_eq!(get(&store, 1, "a").await.as_deref(), Some(&b"one"[..]));
    store.delete_all(id(1)).await.unwrap();
    store.delete_all(id(1)).await.unwrap();
    store.delete_all(id(3)).await.unwrap();
    assert_eq!(get(&store, 1, "a").await, None);
    assert!(store.list(id(1)).await.unwrap().is_empty());
    assert_eq!(get(&store, 2, "a").await.as_deref(), Some(&b"two"[..]));
    assert_eq!(get(&store, 257, "a").await.as_deref(), Some(&b"other"[..]));
}

/// Orders that have artifacts are known, and how many bytes they have.
pub async fn artifacts_are_counted_by_order(fixture: &dyn ArtifactFixture) {
    let store = fixture.artifacts().await;
    assert!(store.orders().await.unwrap().is_empty());
    assert_eq!(store.size(id(1)).await.unwrap(), 0);
    put(&store, 257, "a", &[1; 10]).await;
    put(&store, 2, "a", b"").await;
    put(&store, 1, "a", &[1; 4096]).await;
    put(&store, 1, "a", &[2; 16]).await;
    put(&store, 1, "b", &[3; 100]).await;
    assert_eq!(store.orders().await.unwrap(), [id(1), id(2), id(257)]);
    assert_eq!(store.size(id(1)).await.unwrap(), 116);
    assert_eq!(store.size(id(2)).await.unwrap(), 0);
    store.delete_all(id(1)).await.unwrap();
    assert_eq!(store.orders().await.unwrap(), [id(2), id(257)]);
    assert_eq!(store.size(id(1)).await.unwrap(), 0);
    drop(store);
    let Some(store) = fixture.reopen().await else { return };
    assert_eq!(store.orders().await.unwrap(), [id(2), id(257)]);
    assert_eq!(store.size(id(257)).await.unwrap(), 10);
}
