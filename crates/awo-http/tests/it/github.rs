//! Whether a repository is there.

use std::sync::Arc;

use awo_engine::ports::{MockForge, Unverified, VerifiedRepository};
use serde_json::{Value, json};

use crate::support::World;

fn world() -> World {
    let mut forge = MockForge::new();
    forge.expect_verify().returning(|url| match url {
        "https://github.com/owner/repo" => {
            Ok(VerifiedRepository { owner: "owner".into(), name: "repo".into(), default_branch: "trunk".into() })
        }
        _ => Err(Unverified::Missing("there is no such thing".into())),
    });
    World::with_forge(Arc::new(forge))
}

#[tokio::test]
async fn it_is_looked_up_under_every_spelling_of_the_path() {
    for path in [
        "/github/verify-repository",
        "/github/verify-repository/",
        "/agent-work-orders/github/verify-repository",
        "/api/agent-work-orders/github/verify-repository",
    ] {
        let answer = world().post(path, &json!({"repository_url": "https://github.com/owner/repo"})).await;
        let expected = json!({
            "is_accessible": true, "repository_name": "repo", "repository_owner": "owner", "default_branch": "trunk",
            "error_message": null,
        });
        assert_eq!((answer.status.as_u16(), answer.json()), (200, expected), "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_or_no_address_is_no_error_of_the_server() {
    for (url, message) in [
        ("https://github.com/owner/other", "there is no such thing"),
        ("https://me:secret@github.com/owner/repo", "must be an https address without a password"),
        ("", "must be an https address without a password"),
    ] {
        let answer = world().post("/github/verify-repository", &json!({"repository_url": url})).await;
        let body = answer.json();
        assert_eq!((answer.status.as_u16(), &body["is_accessible"]), (200, &Value::Bool(false)), "{url}");
        assert_eq!((&body["error_message"], &body["default_branch"]), (&message.into(), &Value::Null));
    }
}

#[tokio::test]
async fn a_body_of_another_form_is_refused() {
    for body in [json!({}), json!([]), json!({"repository_url": 1})] {
        world().post("/github/verify-repository", &body).await.problem(422, "invalid-request");
    }
}
