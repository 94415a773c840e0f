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
                    "delete_",
                    "pause_",
                    "resume_"
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
    assert_eq!(names.len(), 44);
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
        ("StepStats", "/agent-work-orders/stats/steps".to_owned()),
        ("Health", "/health".to_owned()),
        ("WorkerList", "/agent-work-orders/workers".to_owned()),
    ] {
        let sent = world.get(&path).await.json();
        let sent: BTreeSet<_> = sent.as_object().unwrap().keys().cloned().collect();
        let described: BTreeSet<_> = schemas[schema]["properties"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(sent, described, "{schema}");
        assert_eq!(schemas[schema]["required"].as_array().unwrap().len(), described.len(), "{schema}");
    }
}

/// Whoever reads the description finds what a route is for, who may call it, and what goes in and comes out.
#[test]
fn every_operation_is_described_with_examples_and_problems() {
    let openapi = serde_json::to_value(awo_http::openapi()).unwrap();
    for item in openapi["paths"].as_object().unwrap().values() {
        for (_, operation) in item.as_object().unwrap().iter().filter(|(method, _)| *method != "parameters") {
            let name = operation["operationId"].as_str().unwrap();
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{name} has no summary");
            let described = operation["description"].as_str().unwrap_or_default();
            let scopes = operation["security"][0]["key"].as_array();
            let who = match scopes.map(|scopes| scopes.iter().find_map(|scope| scope.as_str())) {
                None => "Open to all.".to_owned(),
                Some(None) => "any that is good".to_owned(),
                Some(Some(scope)) => format!("`{scope}`"),
            };
            assert!(described.contains(&who), "{name} does not say who may call it ({who}): {described}");
            let bodies = operation["requestBody"]["content"].as_object().into_iter().flatten();
            for (kind, content) in bodies {
                assert!(!content["example"].is_null(), "{name} has no example of what is sent as {kind}");
            }
            let responses = operation["responses"].as_object().unwrap();
            for (status, response) in responses.iter().filter(|(status, _)| status.starts_with('2')) {
                for (kind, content) in response["content"].as_object().into_iter().flatten() {
                    let example = &content["example"];
                    assert!(!example.is_null() && *example != "", "{name} has no example of {status} as {kind}");
                }
            }
            assert!(responses.keys().any(|status| status.starts_with('4')), "{name} names no problems");
        }
    }
}

/// What an example of an answer looks like is what is answered.
#[tokio::test]
async fn examples_have_the_fields_of_answers_and_those_of_requests_are_taken() {
    let world = World::new();
    let openapi = serde_json::to_value(awo_http::openapi()).unwrap();
    let of = |path: &str, method: &str| &openapi["paths"][path][method];
    let sent = &of("/agent-work-orders", "post")["requestBody"]["content"]["application/json"]["example"];
    let answer = world.post("/agent-work-orders", sent).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let id = answer.json()["agent_work_order_id"].as_str().unwrap().to_owned();
    let fields = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let shown = |path: &str, method: &str, status: &str| {
        of(path, method)["responses"][status]["content"]["application/json"]["example"].clone()
    };
    assert_eq!(fields(&shown("/agent-work-orders", "post", "201")), fields(&answer.json()));
    for (path, asked) in [
        ("/agent-work-orders/{id}", format!("/agent-work-orders/{id}")),
        ("/agent-work-orders/{id}/steps", format!("/agent-work-orders/{id}/steps")),
        ("/agent-work-orders/stats/steps", "/agent-work-orders/stats/steps".to_owned()),
        ("/health", "/health".to_owned()),
    ] {
        assert_eq!(fields(&shown(path, "get", "200")), fields(&world.get(&asked).await.json()), "{path}");
    }
    let prompt = &of("/agent-work-orders/{id}/prompt", "post")["requestBody"]["content"]["application/json"]["example"];
    assert_eq!(world.post(&format!("/agent-work-orders/{id}/prompt"), prompt).await.status, 202);
}
