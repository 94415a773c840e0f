//! The page that browsers get at `/`.

use crate::guarded::Guarded;
use crate::support::{Answer, World};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn page(world: &World) -> Answer {
    world.get_with("/", &[("accept", BROWSER)]).await
}

#[tokio::test]
async fn browsers_get_the_page_and_programs_what_the_service_is() {
    let guarded = Guarded::new();
    let answer = page(&guarded.world).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(answer.header("vary"), Some("accept"));
    for accept in ["*/*", "application/json", "application/json, text/html"] {
        let answer = guarded.world.get_with("/", &[("accept", accept)]).await;
        assert_eq!(answer.json()["service"], "agent-work-orders", "{accept}");
    }
    assert_eq!(guarded.world.get("/").await.json()["service"], "agent-work-orders");
}

#[tokio::test]
async fn the_policy_allows_its_own_files_only() {
    let answer = page(&World::new()).await;
    let policy = answer.header("content-security-policy").unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    for rule in ["frame-ancestors 'none'", "form-action 'none'", "require-trusted-types-for 'script'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn its_files_are_open_have_their_types_and_are_sent_once() {
    let guarded = Guarded::new();
    let text = page(&guarded.world).await.text();
    let files: Vec<_> = text.split('"').filter(|part| part.starts_with("/page/")).collect();
    assert_eq!(files.len(), 6, "{text}");
    for file in files {
        let answer = guarded.world.get(file).await;
        let expected = match file.rsplit('.').next().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some(expected)), "{file}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{file}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "{file}");
        let tag = answer.header("etag").unwrap();
        let again = guarded.world.get_with(file, &[("if-none-match", tag)]).await;
        assert_eq!((again.status.as_u16(), again.body.len(), again.header("etag")), (304, 0, Some(tag)), "{file}");
    }
}

#[tokio::test]
async fn other_files_are_not_there() {
    let world = World::new();
    for path in ["/page/index.html", "/page", "/page/%2e%2e%2flib.rs", "/page/x/main.js"] {
        world.get(path).await.problem(404, "path-not-found");
    }
}
