//! Requests that cannot be used: refused with the field and the cure, before anything is made.

use rstest::rstest;
use serde_json::{Value, json};

use crate::setting::{ORDERS, Setting, completed, create};

/// `place: message` of each error, and the whole answer.
#[track_caller]
fn refused(setting: &Setting, body: &Value) -> (Vec<String>, String) {
    let server = setting.program.serve();
    let answer = server.post(ORDERS, body);
    assert_eq!(answer.status, 422, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let problem = answer.json();
    let place = |error: &Value| {
        let parts = error["loc"].as_array().unwrap().iter();
        parts.map(|part| part.as_str().map_or(part.to_string(), str::to_owned)).collect::<Vec<_>>().join(".")
    };
    let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("{problem:#}"));
    let told = errors.iter().map(|error| format!("{}: {}", place(error), error["msg"].as_str().unwrap())).collect();
    assert_eq!(server.get(ORDERS).text, "[]", "nothing was stored");
    assert_eq!(setting.workspaces(), Vec::<String>::new());
    (told, answer.text + &server.log())
}

#[test]
fn all_problems_are_told_at_once() {
    let setting = Setting::new();
    let body = json!({
        "repository_url": "ext::sh -c touch% /tmp/x",
        "user_request": "   ",
        "sandbox_type": "e2b",
        "workflow_type": "agent_workflow_pln",
        "github_issue_number": "12; rm",
        "base_branch": "--upload-pack=x",
        "agent": "gpt",
        "model": "-x",
        "limits": {"max_turns": 0, "colour": "red"},
        "usr_request": "typo",
    });
    let (told, _) = refused(&setting, &body);
    for field in [
        "repository_url",
        "user_request",
        "sandbox_type",
        "workflow_type",
        "github_issue_number",
        "base_branch",
        "agent",
        "model",
        "limits.max_turns",
        "limits.colour",
        "usr_request",
    ] {
        assert!(told.iter().any(|line| line.starts_with(&format!("body.{field}: "))), "{field} is missing: {told:#?}");
    }
    let of = |field: &str| told.iter().find(|line| line.starts_with(&format!("body.{field}: "))).unwrap();
    assert!(of("usr_request").contains("did you mean `user_request`?"));
    assert!(of("workflow_type").contains("did you mean `agent_workflow_plan`?"));
    assert!(of("sandbox_type").contains("not available yet"));
    assert!(of("agent").contains("claude"));
}

#[rstest]
#[case::helper("ext::sh -c touch% /tmp/awo-was-here")]
#[case::option("--upload-pack=touch /tmp/awo-was-here")]
#[case::option_in_ssh("ssh://-oProxyCommand=touch /tmp/awo-was-here/x")]
#[case::option_as_host("git@-oProxyCommand=x:owner/repo")]
#[case::plain_http("http://example.org/owner/repo")]
#[case::git_protocol("git://example.org/owner/repo")]
#[case::line_end("https://example.org/owner/repo\nx")]
#[case::nothing("")]
#[case::words("not an address")]
fn hostile_addresses_are_refused(#[case] address: &str) {
    let setting = Setting::new();
    let (told, _) = refused(&setting, &json!({"repository_url": address, "user_request": "x"}));
    assert!(told.len() == 1 && told[0].starts_with("body.repository_url: "), "{told:?}");
}

#[rstest]
#[case::both("https://someone:hunter2secret@example.org/owner/repo")]
#[case::token("https://hunter2secret@example.org/owner/repo")]
#[case::query("https://example.org/owner/repo?access_token=hunter2secret")]
fn a_secret_in_an_address_is_told_to_nobody(#[case] address: &str) {
    let setting = Setting::with(&[("AWO_LOG_LEVEL", "trace")]);
    let (told, everything) = refused(&setting, &json!({"repository_url": address, "user_request": "x"}));
    assert!(told[0].starts_with("body.repository_url: "), "{told:?}");
    assert!(!everything.contains("hunter2secret"), "{everything}");

    let command = setting.run(&["run", "--repo", address, "x"]).expect(2);
    assert!(!format!("{command:?}").contains("hunter2secret"), "{command:?}");
}

#[rstest]
#[case::empty(json!({}), &["body.repository_url: is missing", "body.user_request: is missing"])]
#[case::nulls(
    json!({"repository_url": null, "user_request": null}),
    &["body.repository_url: is null, and it is required", "body.user_request: is null, and it is required"]
)]
#[case::types(
    json!({"repository_url": 1, "user_request": ["x"], "selected_commands": "commit", "limits": []}),
    &["body.repository_url: must be text", "body.user_request: must be text", "body.selected_commands: must be a list", "body.limits: must be an object"]
)]
#[case::no_object(json!(["x"]), &["body: "])]
#[case::steps(
    json!({"repository_url": "https://example.org/o/r", "user_request": "x", "selected_commands": ["comit"]}),
    &["body.selected_commands.0: must be one of"]
)]
#[case::missing_step(
    json!({"repository_url": "https://example.org/o/r", "user_request": "x", "selected_commands": ["execute"]}),
    &["body.selected_commands: step `execute` needs"]
)]
fn bad_bodies_name_the_field(#[case] body: Value, #[case] expected: &[&str]) {
    let (told, _) = refused(&Setting::new(), &body);
    for line in expected {
        assert!(told.iter().any(|told| told.starts_with(line)), "{line} is not in {told:#?}");
    }
}

#[test]
fn null_in_an_optional_field_is_as_good_as_nothing() {
    let setting = Setting::new();
    let server = setting.program.serve();
    let mut body = setting.body();
    for field in ["github_issue_number", "model", "agent", "selected_commands", "limits", "sandbox_type"] {
        body[field] = Value::Null;
    }
    completed(&server, &create(&server, &body));
}

#[test]
fn bodies_that_are_no_requests_are_refused_for_what_they_are() {
    let setting = Setting::new();
    let server = setting.program.serve();
    let json_type = [("content-type", "application/json")];
    let refused = |headers: &[(&str, &str)], body: &[u8], status: u16, word: &str| {
        let answer = server.call("POST", ORDERS, headers, Some(body));
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(answer.text.contains(word), "{word}: {}", answer.text);
    };
    refused(&json_type, b"{\"repository_url\": ", 400, "not JSON");
    refused(&json_type, b"", 400, "not JSON");
    refused(&json_type, &[0xff, 0xfe], 400, "not JSON");
    refused(&json_type, "[".repeat(100_000).as_bytes(), 400, "not JSON");
    refused(&[("content-type", "text/plain")], b"{}", 415, "application/json");
    refused(&[], b"{}", 415, "application/json");
    let long = json!({"repository_url": setting.remote.url(), "user_request": "x".repeat(2_000_000)}).to_string();
    refused(&json_type, long.as_bytes(), 413, "1048576 bytes");
    let long = json!({"repository_url": setting.remote.url(), "user_request": "x".repeat(300_000)}).to_string();
    refused(&json_type, long.as_bytes(), 422, "user_request");
    let answer = server.call("PUT", ORDERS, &json_type, Some(b"{}"));
    assert_eq!((answer.status, answer.header("allow").is_some()), (405, true));
    let foreign = [("content-type", "application/json"), ("origin", "https://evil.example")];
    refused(&foreign, setting.body().to_string().as_bytes(), 403, "origin");

    assert_eq!(server.get(ORDERS).text, "[]");
    assert_eq!(setting.workspaces(), Vec::<String>::new());
    assert_eq!(server.get("/health").json()["status"], "healthy");
}

#[rstest]
#[case("?status=done", "status")]
#[case("?limit=0", "limit")]
#[case("?limit=many", "limit")]
#[case("?cursor=x", "cursor")]
#[case("?colour=red", "colour")]
fn bad_queries_name_the_parameter(#[case] query: &str, #[case] name: &str) {
    let server = crate::setting::program().serve();
    let answer = server.get(&format!("{ORDERS}{query}"));
    assert_eq!(answer.status, 422, "{}", answer.text);
    assert_eq!(answer.json()["errors"][0]["loc"], json!(["query", name]), "{}", answer.text);
}
