//! `/repositories`.

use std::sync::Arc;

use awo_engine::ports::{MockForge, Unverified, VerifiedRepository};
use awo_engine::{Catalog, CatalogError};
use awo_http::Scope;
use awo_models::{Failure, FailureCode};
use awo_state::MockCatalog;
use axum::body::Body;
use axum::http::Method;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::guarded::Guarded;
use crate::support::{Answer, World, request};

const PATH: &str = "/agent-work-orders/repositories";
const URL: &str = "https://github.com/owner/repo";

fn forge() -> Arc<MockForge> {
    let mut forge = MockForge::new();
    let found =
        |name: &str| VerifiedRepository { owner: "owner".into(), name: name.into(), default_branch: "trunk".into() };
    forge.expect_verify().returning(move |url| match url {
        "https://github.com/owner/repo" => Ok(found("repo")),
        "https://github.com/owner/second" => Ok(found("second")),
        "https://github.com/owner/away" => {
            Err(Unverified::Unknown(Failure::new(FailureCode::ForgeFailed, "GitHub was not answered")))
        }
        _ => Err(Unverified::Missing("there is no such thing".into())),
    });
    Arc::new(forge)
}

fn world() -> World {
    World::with_forge(forge())
}

async fn add(world: &World, url: &str, verify: bool) -> Answer {
    world.post(PATH, &json!({"repository_url": url, "verify": verify})).await
}

async fn send(world: &World, method: &str, path: &str, body: &Value) -> Answer {
    let json = [("content-type", "application/json")];
    world.send(request(method, path, &json, Body::from(body.to_string()))).await
}

fn place(repository: &Value) -> String {
    format!("{PATH}/{}", repository["id"].as_str().unwrap())
}

#[tokio::test]
async fn one_is_added_listed_changed_verified_and_removed() {
    let world = world();
    assert_eq!(world.get(PATH).await.json(), json!([]));
    let answer = world.post(PATH, &json!({"repository_url": URL})).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let added = answer.json();
    assert_json_snapshot!("repository", added, {".id" => "[id]"});
    assert_eq!(answer.header("location"), Some(&*place(&added)));
    let second = add(&world, "https://github.com/owner/second", false).await.json();
    assert_eq!((&second["is_verified"], &second["owner"]), (&false.into(), &Value::Null));
    assert_eq!(second["display_name"], "second", "of the address");
    let listed = world.get("/api/agent-work-orders/repositories/").await.json();
    assert_eq!(listed, json!([second, added]), "newest first, under both prefixes");

    let change = json!({"default_sandbox_type": "git_branch", "default_commands": ["create-branch", "planning"]});
    let changed = send(&world, "PATCH", &place(&added), &change).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let changed = changed.json();
    assert_eq!(changed["default_commands"], change["default_commands"]);
    assert_eq!(changed["default_sandbox_type"], "git_branch");
    let same = send(&world, "PATCH", &place(&added), &json!({"default_commands": null})).await.json();
    assert_eq!(same, changed, "null is as good as absent");
    let none = send(&world, "PATCH", &place(&added), &json!({"default_commands": []})).await.json();
    assert_eq!(none["default_commands"], json!([]));
    assert_eq!(world.get(&place(&added)).await.json(), none);

    let verified = send(&world, "POST", &format!("{}/verify", place(&second)), &Value::Null).await;
    let expected = json!({"is_accessible": true, "repository_id": second["id"], "error_message": null});
    assert_eq!((verified.status.as_u16(), verified.json()), (200, expected));
    let kept = world.get(&place(&second)).await.json();
    assert_eq!((&kept["is_verified"], &kept["default_branch"]), (&true.into(), &"trunk".into()));

    let gone = send(&world, "DELETE", &place(&added), &Value::Null).await;
    assert_eq!((gone.status.as_u16(), gone.text()), (204, String::new()));
    assert_eq!(world.get(PATH).await.json(), json!([kept]));
    for (method, path) in [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/verify")] {
        let path = format!("{}{path}", place(&added));
        send(&world, method, &path, &json!({})).await.problem(404, "repository-not-found");
    }
    world.get(&format!("{PATH}/%2e%2e")).await.problem(404, "repository-not-found");
}

#[tokio::test]
async fn what_cannot_be_added_is_told() {
    let world = world();
    add(&world, URL, true).await;
    let missing = add(&world, "https://github.com/owner/other", true).await;
    assert_eq!(missing.problem(400, "repository-not-accessible")["detail"], "there is no such thing");
    let away = add(&world, "https://github.com/owner/away", true).await;
    assert!(away.header("retry-after").is_some());
    assert_eq!(away.problem(502, "forge-failed")["detail"], "GitHub was not answered");
    let again = add(&world, "https://GitHub.com/Owner/repo.git", false).await.problem(409, "repository-exists");
    assert!(again["detail"].as_str().unwrap().starts_with("the repository is configured already, as "), "{again}");
    for body in [
        json!({}),
        json!([]),
        json!({"repository_url": 1}),
        json!({"repository_url": URL, "verify": "yes"}),
        json!({"repository_url": URL, "default_commands": []}),
        json!({"repository_url": "https://me:secret@github.com/owner/repo"}),
    ] {
        let refused = world.post(PATH, &body).await;
        assert!(!refused.text().contains("secret"), "{}", refused.text());
        refused.problem(422, "invalid-request");
    }
    assert_eq!(world.get(PATH).await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_changed_is_told_and_changes_nothing() {
    let world = world();
    let added = add(&world, URL, true).await.json();
    for (body, words) in [
        (json!({"default_sandbox_type": "dagger"}), "dagger is not available yet"),
        (json!({"default_commands": ["deploy"]}), "must be one of"),
        (json!({"default_commands": ["execute"]}), "needs a step before it that writes a plan"),
        (json!({"repository_url": URL}), "is not a known field"),
    ] {
        let refused = send(&world, "PATCH", &place(&added), &body).await.problem(422, "invalid-request");
        assert!(refused["detail"].as_str().unwrap().contains(words), "{refused}");
    }
    assert_eq!(world.get(&place(&added)).await.json(), added);
}

#[tokio::test]
async fn what_is_not_there_any_more_is_kept_and_a_forge_that_cannot_be_asked_changes_nothing() {
    let world = world();
    let verify = async |url| {
        let added = add(&world, url, false).await.json();
        let answer = send(&world, "POST", &format!("{}/verify", place(&added)), &Value::Null).await;
        (answer, world.get(&place(&added)).await.json(), added)
    };
    let (answer, kept, added) = verify("https://github.com/owner/other").await;
    let expected =
        json!({"is_accessible": false, "repository_id": added["id"], "error_message": "there is no such thing"});
    assert_eq!((answer.status.as_u16(), answer.json(), &kept["is_verified"]), (200, expected, &false.into()));
    let (answer, kept, added) = verify("https://github.com/owner/away").await;
    answer.problem(502, "forge-failed");
    assert_eq!(kept, added);
}

#[tokio::test]
async fn a_catalog_in_trouble_is_no_empty_one() {
    for (status, slug, error) in [
        (503, "store-unavailable", CatalogError::Unavailable("the disk hangs".into())),
        (500, "catalog-damaged", CatalogError::Corrupt { place: "/secret/place".into(), source: "torn".into() }),
        (500, "catalog-too-new", CatalogError::UnsupportedVersion { place: "x".into(), found: 9, known: 1 }),
    ] {
        let mut catalog = MockCatalog::new();
        let error = std::sync::Mutex::new(Some(error));
        catalog.expect_repositories().times(1).returning(move || Err(error.lock().unwrap().take().unwrap()));
        let catalog: Arc<dyn Catalog> = Arc::new(catalog);
        let told = World::with_catalog(forge(), catalog).get(PATH).await.problem(status, slug);
        assert!(!told.to_string().contains("secret"), "{told}");
    }
}

#[tokio::test]
async fn keys_for_orders_read_them_and_change_none_and_changes_are_recorded() {
    let guarded = Guarded::new();
    let body = json!({"repository_url": URL, "verify": false});
    for (scope, reads, writes) in
        [(Scope::OrdersRead, 200, 403), (Scope::OrdersWrite, 403, 403), (Scope::RepositoriesWrite, 403, 201)]
    {
        let key = guarded.bearer(scope);
        let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
        let ask = async |method: Method, body: &Value| {
            let body = Body::from(body.to_string());
            guarded.world.send(request(method.as_str(), PATH, &headers, body)).await
        };
        assert_eq!(ask(Method::GET, &Value::Null).await.status, reads, "{scope}");
        let added = ask(Method::POST, &body).await;
        assert_eq!(added.status, writes, "{scope}");
        if writes == 201 {
            let calls = guarded.trail.calls();
            let call = calls.last().unwrap();
            assert_eq!((&*call.what, call.status), ("create_repository", 201));
            assert_eq!(call.subject.as_deref(), added.json()["id"].as_str(), "it names the repository");
        }
    }
}
