//! The page that shows the description.

use crate::guarded::Guarded;
use crate::support::World;

/// What a page of the server leads to or loads, in the order of the text.
fn links(page: &str) -> Vec<&str> {
    let parts = page.split('"').zip(page.split('"').skip(1));
    parts.filter(|(before, _)| before.ends_with("src=") || before.ends_with("href=")).map(|(_, link)| link).collect()
}

#[tokio::test]
async fn the_page_is_open_also_where_keys_are_asked_for_and_loads_nothing_from_elsewhere() {
    let guarded = Guarded::new();
    let page = guarded.world.get("/docs").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    let text = page.text();
    assert!(!text.contains("<style") && !text.contains("style=") && !text.contains("//"), "{text}");
    let links = links(&text);
    assert_eq!(
        links,
        [
            "/docs/favicon-32x32.png",
            "/docs/swagger-ui.css",
            "/openapi.json",
            "/docs/swagger-ui-bundle.js",
            "/docs/start.js"
        ]
    );
    for link in links {
        let file = guarded.world.get(link).await;
        assert_eq!((file.status.as_u16(), file.header("x-content-type-options")), (200, Some("nosniff")), "{link}");
        let (extension, kind) = (link.rsplit('.').next().unwrap(), file.header("content-type").unwrap());
        let expected = match extension {
            "js" => "text/javascript",
            "css" => "text/css",
            "png" => "image/png",
            _ => "application/json",
        };
        assert!(kind.starts_with(expected), "{link}: {kind}");
        assert!(file.body.len() > 100, "{link}");
    }
    assert_eq!(guarded.world.get("/docs/").await.text(), text, "the spelling does not matter");
}

#[tokio::test]
async fn other_files_are_not_there() {
    let world = World::new();
    for path in ["/docs/index.html", "/docs/swagger-initializer.js", "/docs/%2e%2e%2fopenapi.json", "/docs/x/start.js"]
    {
        world.get(path).await.problem(404, "path-not-found");
    }
}
