//! What is kept of an order, as files.

use awo_models::{ArtifactName, OrderPatch};
use awo_state::{ArtifactContent, ArtifactStore as _};
use serde_json::json;

use crate::support::{Worker, World, current, result};

#[tokio::test]
async fn files_are_listed_and_saved_not_shown() {
    let world = World::new();
    let id = world.order().await;
    let path = format!("/agent-work-orders/{id}/artifacts");
    assert_eq!(world.get(&path).await.json(), json!({"agent_work_order_id": id.to_string(), "artifacts": []}));
    let name = ArtifactName::new("01-classify-1.note.html").unwrap();
    let hostile = b"<script>alert(1)</script>\xff";
    world.artifacts.put(id, &name, ArtifactContent::Bytes(hostile.to_vec())).await.unwrap();
    let listed = world.get(&format!("/api{path}")).await.json();
    let link = format!("/api{path}/01-classify-1.note.html");
    assert_eq!(listed["artifacts"], json!([{"name": "01-classify-1.note.html", "link": link}]));
    let file = world.get(&link).await;
    assert_eq!((file.status.as_u16(), &*file.body), (200, &hostile[..]));
    assert_eq!(file.header("content-type"), Some("application/octet-stream"));
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"01-classify-1.note.html\""));
    assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
    for wrong in ["other", ".hidden", "..%2f..%2fetc%2fpasswd", "%2e%2e", "a%00b"] {
        world.get(&format!("{path}/{wrong}")).await.problem(404, "artifact-not-found");
    }
}

#[tokio::test]
async fn the_transcript_of_the_last_execution_is_that_of_the_step() {
    let world = World::new();
    let id = world.order().await;
    let mut worker = Worker::claim(&world, id, current("classify", "classifier")).await;
    let names = ["01-classify-1.transcript.jsonl", "01-classify-1.2.transcript.jsonl", "01-classify-1.stderr.txt"];
    let mut told = result("classify", "classifier");
    told.artifacts = names.map(|name| ArtifactName::new(name).unwrap()).to_vec();
    for name in &told.artifacts {
        let content = ArtifactContent::Bytes(format!("what {name} says").into());
        world.artifacts.put(id, name, content).await.unwrap();
    }
    worker.save(told, OrderPatch::default()).await;
    worker.save(result("plan", "planner"), OrderPatch::default()).await;
    let path = |n: &str| format!("/agent-work-orders/{id}/steps/{n}/transcript");
    let text = world.get(&path("1")).await;
    assert_eq!(text.text(), "what 01-classify-1.2.transcript.jsonl says");
    assert_eq!(text.header("content-type"), Some("text/plain; charset=utf-8"));
    for wrong in ["2", "3", "0", "x"] {
        world.get(&path(wrong)).await.problem(404, "artifact-not-found");
    }
}
