//! Keys: every route of the description, with none, with the wrong one and with the right one.

use awo_engine::ports::SystemClock;
use awo_http::{KeyToken, Limits, Scope};
use axum::body::Body;
use futures::StreamExt as _;
use serde_json::json;
use tower::ServiceExt as _;

use crate::guarded::Guarded;
use crate::support::{HOST, World, body, request};

const ORDER: &str = "wo-00000000000000000000000000000000";

/// An operation of the description: method, a path that fits, and the scope that it names; none where it is open.
struct Route {
    method: String,
    paths: Vec<String>,
    scopes: Option<Vec<String>>,
}

fn routes() -> Vec<Route> {
    let openapi = serde_json::to_value(awo_http::openapi()).unwrap();
    let mut routes = Vec::new();
    for (path, item) in openapi["paths"].as_object().unwrap() {
        let path = path.replace("{id}", ORDER).replace("{n}", "1").replace("{name}", "x.txt");
        let mut paths = vec![path.clone(), format!("{}/", path.trim_end_matches('/'))];
        if path.starts_with("/agent-work-orders") {
            paths.push(format!("/api{path}"));
        }
        for (method, operation) in item.as_object().unwrap() {
            let security = operation["security"].as_array();
            let security = security.unwrap_or_else(|| panic!("{method} {path} does not say who may call it"));
            let scopes = security.first().map(|first| {
                assert_eq!(security.len(), 2, "a header or a cookie");
                first["key"].as_array().unwrap().iter().map(|scope| scope.as_str().unwrap().to_owned()).collect()
            });
            routes.push(Route { method: method.to_uppercase(), paths: paths.clone(), scopes });
        }
    }
    routes
}

#[tokio::test]
async fn without_a_key_no_route_answers_but_the_open_ones() {
    let guarded = Guarded::new();
    let mut open = Vec::new();
    for route in routes() {
        for path in &route.paths {
            let answer = guarded.send(&route.method, path, &[], &json!({})).await;
            if route.scopes.is_some() {
                answer.problem(401, "unauthorized");
                assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            } else {
                assert_ne!(answer.status, 401, "{path}");
                open.push(path.trim_end_matches('/').to_owned());
            }
            for method in ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "POST", "GET", "HEAD"] {
                let answer = guarded.send(method, path, &[], &json!({})).await;
                let is_open = route.scopes.is_none() && ["GET", "HEAD"].contains(&method);
                assert_eq!(answer.status != 401, is_open, "{method} {path}: {}", answer.status);
            }
        }
    }
    open.dedup();
    assert_eq!(
        open,
        ["", "/docs", "/docs/{file}", "/health/live", "/health/ready", "/login", "/openapi.json", "/page/{file}"]
    );
    guarded.send("GET", "/nothing", &[], &json!({})).await.problem(401, "unauthorized");
    assert!(guarded.trail.calls().is_empty(), "who is not known changes nothing");
}

#[tokio::test]
async fn a_key_opens_what_it_is_good_for_and_nothing_else() {
    let guarded = Guarded::new();
    for route in routes() {
        let Some(scopes) = &route.scopes else { continue };
        for scope in Scope::ALL {
            let authorization = guarded.bearer(scope);
            let headers = [("authorization", authorization.as_str())];
            let good = scope == Scope::Admin || scopes.iter().all(|named| named == scope.as_str());
            if good {
                let status = guarded.status(&route.method, &route.paths[0], &headers).await;
                assert!(![401, 403].contains(&status), "{} {scope}: {status}", route.paths[0]);
            } else {
                let answer = guarded.send(&route.method, &route.paths[0], &headers, &json!({})).await;
                let problem = answer.problem(403, "scope-missing");
                assert!(problem["detail"].as_str().unwrap().contains(&scopes[0]), "{problem}");
            }
        }
    }
}

#[tokio::test]
async fn why_a_key_is_not_good_is_not_told() {
    let guarded = Guarded::new();
    guarded.store(|scope| scope != Scope::OrdersRead);
    let other = KeyToken::new(&SystemClock::default());
    let (_, secret) =
        guarded.token(Scope::Admin).reveal().rsplit_once('_').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let wrong = format!("Bearer awo_{}_{secret}", guarded.token(Scope::OrdersWrite).id());
    let (revoked, unknown) = (guarded.bearer(Scope::OrdersRead), format!("Bearer {}", other.reveal()));
    let good = guarded.bearer(Scope::Admin);
    let basic = good.replace("Bearer", "Basic");
    let mut bodies = Vec::new();
    for shown in [wrong.as_str(), &revoked, &unknown, &basic, "Bearer x", "", "Bearer"] {
        let answer = guarded.send("GET", "/health", &[("authorization", shown)], &json!({})).await;
        bodies.push(answer.problem(401, "unauthorized")["detail"].clone());
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    let twice = [("authorization", good.as_str()), ("authorization", good.as_str())];
    guarded.send("GET", "/health", &twice, &json!({})).await.problem(401, "unauthorized");
    for scheme in ["bearer", "BEARER", "Bearer"] {
        let shown = good.replace("Bearer", scheme);
        assert_eq!(guarded.send("GET", "/health", &[("authorization", &shown)], &json!({})).await.status, 200);
    }
}

/// Host, Origin, Sec-Fetch-Site and content type, on every route.
#[tokio::test]
async fn names_and_pages_are_judged_on_every_route() {
    let world = World::new();
    for route in routes() {
        for path in &route.paths {
            for host in [HOST, "127.0.0.1:8888", "evil.example:8888", "localhost:9"] {
                for origin in [None, Some("http://localhost:8888"), Some("http://evil.example"), Some("null")] {
                    for site in [None, Some("same-origin"), Some("none"), Some("cross-site")] {
                        for content_type in ["application/json", "text/plain"] {
                            let headers =
                                [("origin", origin), ("sec-fetch-site", site), ("content-type", Some(content_type))];
                            let mut asked =
                                axum::http::Request::builder().method(&*route.method).uri(path).header("host", host);
                            for (name, value) in headers.iter().filter_map(|(name, value)| Some((*name, (*value)?))) {
                                asked = asked.header(name, value);
                            }
                            let status = world
                                .router
                                .clone()
                                .oneshot(asked.body(Body::from("{}")).unwrap())
                                .await
                                .unwrap()
                                .status()
                                .as_u16();
                            let expected = if host != HOST && host != "127.0.0.1:8888" {
                                Some(421)
                            } else if matches!(origin, Some("http://evil.example" | "null"))
                                || site == Some("cross-site")
                            {
                                Some(403)
                            } else {
                                None
                            };
                            let case = format!("{} {path} {host} {headers:?}", route.method);
                            match expected {
                                Some(expected) => assert_eq!(status, expected, "{case}"),
                                // Without a link that is good, the open route says so in its own way.
                                None if path.starts_with("/login") && route.method == "GET" => {}
                                None => assert!(![421, 403].contains(&status), "{case}"),
                            }
                            let takes_a_body = ["/agent-work-orders", "/agent-work-orders/github/verify-repository"];
                            if expected.is_none()
                                && content_type == "text/plain"
                                && route.method == "POST"
                                && takes_a_body.contains(&&**path)
                            {
                                assert_eq!(status, 415, "{case}");
                            }
                        }
                    }
                }
            }
        }
    }
}

fn opened(answer: axum::response::Response) -> axum::body::BodyDataStream {
    assert_eq!(answer.status(), 200);
    answer.into_body().into_data_stream()
}

#[tokio::test]
async fn streams_of_a_revoked_key_end_and_those_of_others_do_not() {
    let guarded = Guarded::new();
    let created = guarded.create(&guarded.bearer(Scope::OrdersWrite)).await.json();
    let path = format!("/agent-work-orders/{}/events", created["agent_work_order_id"].as_str().unwrap());
    let mut of_one = opened(guarded.follow(&path, Scope::OrdersRead).await);
    let mut of_other = opened(guarded.follow(&path, Scope::Admin).await);
    assert!(of_one.next().await.is_some() && of_other.next().await.is_some());
    let authorization = guarded.bearer(Scope::OrdersRead);
    let steps = path.replace("/events", "/steps?wait=60&after=1");
    let (headers, nothing) = ([("authorization", authorization.as_str())], json!({}));
    let held = guarded.send("GET", &steps, &headers, &nothing);
    let (held, ()) = tokio::join!(held, async { guarded.store(|scope| scope != Scope::OrdersRead) });
    held.problem(401, "unauthorized");
    while of_one.next().await.is_some() {}
    assert!(futures::poll!(of_other.next()).is_pending() || of_other.next().await.is_some(), "the other goes on");
}

#[tokio::test]
async fn what_changes_something_is_recorded_and_what_a_client_writes_is_not() {
    let guarded = Guarded::new();
    let authorization = guarded.bearer(Scope::OrdersWrite);
    let created = guarded.create(&authorization).await;
    let id = created.json()["agent_work_order_id"].as_str().unwrap().to_owned();
    let headers = [("authorization", authorization.as_str())];
    guarded.send("POST", &format!("/agent-work-orders/{id}/cancel"), &headers, &json!({})).await;
    guarded.send("DELETE", "/agent-work-orders/%3Cscript%3E", &headers, &json!({})).await;
    guarded.create("Bearer none").await;
    let entries = guarded.trail.calls();
    let told: Vec<_> = entries.iter().map(|call| (&*call.what, call.subject.as_deref(), call.status)).collect();
    assert_eq!(
        told,
        [("create_order", Some(&*id), 201), ("cancel_order", Some(&*id), 202), ("delete_order", None, 404)]
    );
    assert!(entries.iter().all(|call| &*call.who == guarded.token(Scope::OrdersWrite).id()));
    assert_eq!(Some(&*entries[0].request_id), created.header("x-request-id"));
}

#[tokio::test]
async fn a_key_asks_so_much_and_has_so_many_orders_and_others_are_not_in_its_way() {
    let limits = Limits { requests_per_minute: 4, max_orders_per_key: 2, ..Limits::default() };
    let guarded = Guarded::with(limits);
    let (one, other) = (guarded.bearer(Scope::OrdersWrite), guarded.bearer(Scope::Admin));
    assert_eq!(guarded.create(&one).await.status, 201);
    let second = guarded.create(&one).await.json();
    guarded.create(&one).await.problem(429, "quota-used");
    assert_eq!(guarded.create(&other).await.status, 201);
    let cancel = format!("/agent-work-orders/{}/cancel", second["agent_work_order_id"].as_str().unwrap());
    guarded.send("POST", &cancel, &[("authorization", &other)], &json!({})).await;
    assert_eq!(guarded.create(&one).await.status, 201, "what has ended makes room");
    let refused = guarded.create(&one).await;
    refused.problem(429, "too-many-requests");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(guarded.create(&other).await.status, 201);
}

#[tokio::test]
async fn a_link_lets_one_browser_in_until_it_logs_out_or_the_key_ends() {
    let guarded = Guarded::new();
    let authorization = guarded.bearer(Scope::OrdersWrite);
    let link = guarded.send("POST", "/login-links", &[("authorization", &authorization)], &json!({})).await;
    let url = link.json()["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&format!("http://{HOST}")).unwrap();
    guarded.world.send(request("HEAD", path, &[], Body::empty())).await;
    let entered = guarded.world.get(path).await;
    assert_eq!((entered.status.as_u16(), entered.header("location")), (303, Some("/")));
    let set = entered.header("set-cookie").unwrap().to_owned();
    assert!(set.contains("; HttpOnly; SameSite=Strict") && !set.contains("Secure"), "{set}");
    guarded.world.get(path).await.problem(403, "link-refused");
    let cookie = set.split(';').next().unwrap();
    let page = [("cookie", cookie), ("origin", "http://localhost:8888")];
    assert_eq!(guarded.send("POST", "/agent-work-orders", &page, &body()).await.status, 201);
    let create = |headers: Vec<(&'static str, String)>| {
        let guarded = &guarded;
        let cookie = cookie.to_owned();
        async move {
            let headers: Vec<_> =
                headers.iter().map(|(n, v)| (*n, v.as_str())).chain([("cookie", cookie.as_str())]).collect();
            guarded.send("POST", "/agent-work-orders", &headers, &body()).await
        }
    };
    create(vec![]).await.problem(403, "origin-refused");
    create(vec![("origin", "http://127.0.0.1:8888".into())]).await.problem(403, "origin-refused");
    guarded.world.get_with("/health", &[("cookie", cookie)]).await.problem(403, "scope-missing");
    assert_eq!(guarded.send("POST", "/logout", &page, &json!({})).await.status, 204);
    guarded.send("POST", "/agent-work-orders", &page, &body()).await.problem(401, "unauthorized");
    let trail = guarded.trail.calls();
    let entered = trail.iter().find(|call| &*call.what == "follow_login_link" && call.status == 303).unwrap();
    assert_eq!(&*entered.who, guarded.token(Scope::OrdersWrite).id());
}

#[tokio::test]
async fn a_session_ends_with_its_key() {
    let guarded = Guarded::new();
    let authorization = guarded.bearer(Scope::Admin);
    let cookie = guarded.session(&authorization).await;
    assert_eq!(guarded.world.get_with("/health", &[("cookie", &cookie)]).await.status, 200);
    guarded.store(|scope| scope != Scope::Admin);
    guarded.world.get_with("/health", &[("cookie", &cookie)]).await.problem(401, "unauthorized");
}
