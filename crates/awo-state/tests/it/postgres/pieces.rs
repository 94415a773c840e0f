//! Artifacts and logs, which are many rows each, while several write them.

use awo_models::ArtifactName;
use awo_state::conformance::kit::{at, id};
use awo_state::{
    ArtifactContent, ArtifactStore as _, LogEntry, LogLevel, LogQuery, OrderLog as _, PostgresArtifacts,
    PostgresOrderLog,
};

use super::fixtures::Server;

fn name(name: &str) -> ArtifactName {
    ArtifactName::new(name).unwrap()
}

fn content(letter: u8, bytes: usize) -> ArtifactContent {
    ArtifactContent::Bytes(vec![letter; bytes])
}

#[tokio::test]
async fn an_artifact_that_is_replaced_while_it_is_read_is_of_one_put() {
    let Some(server) = Server::new() else { return };
    let (database, _) = server.again().await;
    let artifacts = PostgresArtifacts::new(&database);
    let size = (3 << 20) + 1;
    artifacts.put(id(1), &name("a"), content(b'0', size)).await.unwrap();
    let writing = {
        let artifacts = artifacts.clone();
        tokio::spawn(async move {
            for letter in b'1'..=b'9' {
                artifacts.put(id(1), &name("a"), content(letter, size)).await.unwrap();
            }
        })
    };
    let mut last = b'0';
    while last < b'9' {
        let bytes = artifacts.get(id(1), &name("a")).await.unwrap().unwrap();
        assert_eq!(bytes.len(), size);
        assert!(bytes[0] >= last && bytes.iter().all(|byte| *byte == bytes[0]), "pieces of two puts");
        last = bytes[0];
    }
    writing.await.unwrap();
    server.schema.run("DELETE FROM artifact_pieces WHERE number = 3").await;
    let torn = artifacts.get(id(1), &name("a")).await;
    assert!(torn.is_err(), "somebody took a piece away");
}

#[tokio::test]
async fn what_is_put_while_artifacts_are_deleted_leaves_no_pieces_behind() {
    let Some(server) = Server::new() else { return };
    let (database, _) = server.again().await;
    let artifacts = PostgresArtifacts::new(&database);
    artifacts.put(id(1), &name("a"), content(b'x', 3)).await.unwrap();
    let piece = format!("INSERT INTO artifact_pieces VALUES ('{}', 'a', 1, 'y')", id(1));
    let putting = server.schema.hold(&format!("UPDATE artifacts SET bytes = 4; {piece}")).await;
    let deleting = {
        let artifacts = artifacts.clone();
        tokio::spawn(async move { artifacts.delete_all(id(1)).await })
    };
    server.schema.until_waiting(1, "DELETE FROM artifacts").await;
    // It is there when the deletion goes on, which knows nothing of it.
    artifacts.put(id(1), &name("b"), content(b'z', 3)).await.unwrap();
    putting.commit().await;
    deleting.await.unwrap().unwrap();
    assert_eq!(server.schema.texts("SELECT name FROM artifact_pieces").await, ["b"]);
    assert_eq!(artifacts.get(id(1), &name("b")).await.unwrap().unwrap(), b"zzz");
}

#[tokio::test]
async fn a_log_that_is_appended_to_while_it_is_deleted_leaves_no_lines_behind() {
    let Some(server) = Server::new() else { return };
    let (database, _) = server.again().await;
    let log = PostgresOrderLog::new(&database);
    let entry = LogEntry::new(at(1), LogLevel::Info, "event");
    log.append(id(1), std::slice::from_ref(&entry)).await.unwrap();
    let line = format!("INSERT INTO log_lines VALUES ('{}', 2, 1, '{{}}')", id(1));
    let appending = server.schema.hold(&format!("UPDATE logs SET last = 2; {line}")).await;
    let deleting = {
        let log = log.clone();
        tokio::spawn(async move { log.delete(id(1)).await })
    };
    server.schema.until_waiting(1, "DELETE FROM logs").await;
    appending.commit().await;
    deleting.await.unwrap().unwrap();
    assert_eq!(server.schema.texts("SELECT number::text FROM log_lines").await, [""; 0]);
    for _ in 0..3 {
        log.append(id(1), std::slice::from_ref(&entry)).await.unwrap();
    }
    assert_eq!(log.read(id(1), &LogQuery::default()).await.unwrap().last, 3);
}
