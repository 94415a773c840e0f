//! The description of all routes equals the one in the docs.

use std::collections::BTreeSet;

use crate::support::World;

#[test]
fn the_description_in_the_docs_is_the_present_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let present = serde_json::to_string_pretty(&awo_http::openapi()).unwrap() + "\n";
    if std::env::var_os("AWO_UPDATE_DOCS").is_some() {
        std::fs::write(path, &present).unwrap();
    }
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(stored == present, "docs/openapi.json is old; run this test with AWO_UPDATE_DOCS=1");
}

#[tokio::test]
async fn the_server_sends_it() {
    let answer = World::new().get("/openapi.json").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json(), serde_json::to_value(awo_http::openapi()).unwrap());
    assert_eq!(answer.json()["openapi"], "3.1.0");
}

#[test]
fn operations_are_named_after_their_handlers_and_name_their_problems() {
    let openapi = serde_json::to_value(awo_http::openapi()).unwrap();
    let mut names = BTreeSet::new();
    for (path, item) in openapi["paths"].as_object().unwrap() {
        for (_, operation) in item.as_object().unwrap().iter().filter(|(method, _)| *method != "parameters") {
            let name = operation["operationId"].as_str().unwrap();
            assert!(
                [
                    "create_",
                    "list_",
                    "get_",
                    "update_",
                    "start_",
                    "cancel_",
                    "retry_",
                    "prompt_",
                    "verify_",
                    "follow_",
                    "converse_",
                    "delete_"
                ]
                .iter()
                .any(|verb| name.starts_with(verb)),
                "{name}"
            );
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            let problems = operation["responses"].as_object().unwrap();
            for status in ["403", "421", "500"] {
                let content = &problems[status]["content"]["application/problem+json"];
                assert_eq!(content["schema"]["$ref"], "#/components/schemas/Problem", "{path} {status}");
            }
            if path.contains("{id}") {
                assert!(problems.contains_key("404") && problems.contains_key("503"), "{path}");
            }
        }
    }
    assert_eq!(names.len(), 37);
}

/// What is sent has the fields that the description has, no more and no fewer.
#[tokio::test]
async fn orders_and_steps_have_the_described_fields() {
    let world = World::new();
    let id = world.order().await;
    let schemas = serde_json::to_value(awo_http::openapi()).unwrap()["components"]["schemas"].clone();
    for (schema, path) in [
        ("AgentWorkOrder", format!("/agent-work-orders/{id}")),
        ("StepHistory", format!("/agent-work-orders/{id}/steps")),
        ("GitProgressSnapshot", format!("/agent-work-orders/{id}/git-progress")),
        ("Health", "/health".to_owned()),
    ] {
        let sent = world.get(&path).await.json();
        let sent: BTreeSet<_> = sent.as_object().unwrap().keys().cloned().collect();
        let described: BTreeSet<_> = schemas[schema]["properties"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(sent, described, "{schema}");
        assert_eq!(schemas[schema]["required"].as_array().unwrap().len(), described.len(), "{schema}");
    }
}
