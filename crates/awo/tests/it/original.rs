//! The requests of the service whose interface this is, in its last generation, asked of ours: what is answered as it was
//! there, and what is not, on purpose, and told as a row of the table in the documentation.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use awo_testkit::Server;
use awo_testkit::http::Answer;
use serde_json::{Value, json};

use crate::setting::{Setting, completed, create, text};

/// Its prefix. Collections had a slash at their end there.
const ORDERS: &str = "/api/agent-work-orders";

/// What its pages read of an order.
const ORDER: [&str; 15] = [
    "agent_work_order_id",
    "repository_url",
    "sandbox_identifier",
    "git_branch_name",
    "agent_session_id",
    "sandbox_type",
    "github_issue_number",
    "status",
    "current_phase",
    "created_at",
    "updated_at",
    "github_pull_request_url",
    "git_commit_count",
    "git_files_changed",
    "error_message",
];
const STEP: [&str; 8] =
    ["step", "agent_name", "success", "output", "error_message", "duration_seconds", "session_id", "timestamp"];
const PROGRESS: [&str; 6] = [
    "agent_work_order_id",
    "current_phase",
    "git_commit_count",
    "git_files_changed",
    "latest_commit_message",
    "git_branch_name",
];
const REPOSITORY: [&str; 11] = [
    "id",
    "repository_url",
    "display_name",
    "owner",
    "default_branch",
    "is_verified",
    "last_verified_at",
    "default_sandbox_type",
    "default_commands",
    "created_at",
    "updated_at",
];
const VERIFIED: [&str; 5] = ["is_accessible", "repository_name", "repository_owner", "default_branch", "error_message"];

/// A request, and how it was answered there.
struct Case {
    request: &'static str,
    body: Value,
    status: u16,
    /// What its answer had that ours has, too.
    fields: &'static [&'static str],
    /// How ours is answered if not so, and the row of the table that says it.
    differs: Option<(u16, &'static str)>,
}

fn case(request: &'static str, body: Value, status: u16, fields: &'static [&'static str]) -> Case {
    Case { request, body, status, fields, differs: None }
}

impl Case {
    /// It is answered otherwise here.
    fn but(self, status: u16, row: &'static str) -> Self {
        Self { differs: Some((status, row)), ..self }
    }
}

/// Requests about an order that has completed, `ID`, and about a configured repository, `RID`; `REPOSITORY` is one that there
/// is.
fn cases() -> Vec<Case> {
    let order = |more: Value| {
        let mut body = json!({"repository_url": "REPOSITORY", "user_request": "Say hello"});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    };
    let none = || json!(null);
    vec![
        case("GET /", none(), 200, &["service", "version"]),
        case("GET /health", none(), 200, &["status", "service", "version"]),
        case("GET /openapi.json", none(), 200, &["paths"]),
        case("GET /no/such/path", none(), 404, &["detail"]),
        case("PATCH /api/agent-work-orders/ID", none(), 405, &["detail"]),
        case("POST /api/agent-work-orders/", order(json!({})), 201, &["agent_work_order_id", "status", "message"]),
        case("POST /api/agent-work-orders/", order(json!({"sandbox_type": "git_branch"})), 201, &["status"]),
        case("POST /api/agent-work-orders/", order(json!({"github_issue_number": null})), 201, &["status"]),
        case(
            "POST /api/agent-work-orders/",
            order(json!({"selected_commands": ["create-branch", "planning", "execute", "commit", "create-pr"]})),
            201,
            &["message"],
        ),
        case("POST /api/agent-work-orders/", json!({"user_request": "x"}), 422, &["detail"]),
        case("POST /api/agent-work-orders/", order(json!({"sandbox_type": "zzz"})), 422, &["detail"]),
        case("POST /api/agent-work-orders/", order(json!({"selected_commands": ["nope"]})), 422, &["detail"]),
        case("POST /api/agent-work-orders/", order(json!({"sandbox_type": "e2b"})), 201, &[])
            .but(422, "`e2b`, `dagger` and everything else that is not built are refused at once"),
        case("POST /api/agent-work-orders/", order(json!({"user_request": ""})), 201, &[])
            .but(422, "An empty `repository_url` or `user_request` is refused"),
        case("POST /api/agent-work-orders/", order(json!({"unknown": 1})), 201, &[])
            .but(422, "Unknown fields are refused"),
        case("POST /api/agent-work-orders/", order(json!({"selected_commands": []})), 201, &[])
            .but(422, "`selected_commands`: empty, doubled or without what a command needs is refused"),
        case("POST /api/agent-work-orders/", order(json!({"selected_commands": ["execute"]})), 201, &[])
            .but(422, "`selected_commands`: empty, doubled or without what a command needs is refused"),
        case("POST /api/agent-work-orders/", order(json!({"github_issue_number": 7})), 422, &["agent_work_order_id"])
            .but(201, "`github_issue_number` may be a number"),
        case("GET /api/agent-work-orders/", none(), 200, &[]),
        case("GET /api/agent-work-orders/?status=running", none(), 200, &[]),
        case("GET /api/agent-work-orders/?status=zzz", none(), 422, &["detail"]),
        case("GET /api/agent-work-orders/ID", none(), 200, &ORDER),
        case("GET /api/agent-work-orders/wo-00000000", none(), 404, &["detail"]),
        case("GET /api/agent-work-orders/ID/steps", none(), 200, &["agent_work_order_id", "steps"]),
        case("GET /api/agent-work-orders/wo-00000000/steps", none(), 404, &["detail"]),
        case("GET /api/agent-work-orders/ID/git-progress", none(), 200, &PROGRESS),
        case("GET /api/agent-work-orders/wo-00000000/git-progress", none(), 404, &["detail"]),
        case(
            "GET /api/agent-work-orders/ID/logs?limit=500",
            none(),
            200,
            &["agent_work_order_id", "log_entries", "total", "limit", "offset"],
        ),
        case("GET /api/agent-work-orders/ID/logs?level=info&step=plan", none(), 200, &["log_entries"]),
        case("GET /api/agent-work-orders/ID/logs?limit=0", none(), 422, &["detail"]),
        case("GET /api/agent-work-orders/ID/logs?limit=1001", none(), 422, &["detail"]),
        case("GET /api/agent-work-orders/ID/logs?offset=-1", none(), 422, &["detail"]),
        case("GET /api/agent-work-orders/wo-00000000/logs", none(), 404, &["detail"]),
        case("GET /api/agent-work-orders/wo-00000000/logs/stream", none(), 404, &["detail"]),
        case(
            "POST /api/agent-work-orders/github/verify-repository",
            json!({"repository_url": "https://example.org/o/r"}),
            200,
            &VERIFIED,
        ),
        case("POST /api/agent-work-orders/github/verify-repository", json!({}), 422, &["detail"]),
        case("POST /api/agent-work-orders/ID/prompt", json!({"prompt_text": 1}), 422, &["detail"]),
        case(
            "POST /api/agent-work-orders/ID/prompt",
            json!({"agent_work_order_id": "ID", "prompt_text": "And in French"}),
            200,
            &["agent_work_order_id"],
        )
        .but(202, "A prompt becomes a step: 202, and the order"),
    ]
}

/// Requests about what was held, and about repositories.
fn cases_beyond_orders() -> Vec<Case> {
    let none = || json!(null);
    vec![
        // Its page has a button for it, and the service has no route.
        case("POST /api/agent-work-orders/HELD/start", none(), 404, &ORDER)
            .but(202, "An order may be held, and is started by `/start`"),
        case("GET /api/agent-work-orders/repositories", none(), 200, &[]),
        case(
            "POST /api/agent-work-orders/repositories",
            json!({"repository_url": "https://example.org/o/another", "verify": false}),
            201,
            &REPOSITORY,
        ),
        case(
            "POST /api/agent-work-orders/repositories",
            json!({"repository_url": CONFIGURED, "verify": false}),
            409,
            &["detail"],
        ),
        case("POST /api/agent-work-orders/repositories", json!({"verify": false}), 422, &["detail"]),
        case("GET /api/agent-work-orders/repositories/RID", none(), 405, &REPOSITORY)
            .but(200, "A configured repository can be read by itself"),
        case("PATCH /api/agent-work-orders/repositories/RID", json!({}), 200, &REPOSITORY),
        case(
            "PATCH /api/agent-work-orders/repositories/RID",
            json!({"default_sandbox_type": "git_worktree", "default_commands": ["create-branch", "planning"]}),
            200,
            &REPOSITORY,
        ),
        case("PATCH /api/agent-work-orders/repositories/RID", json!({"default_sandbox_type": "zzz"}), 422, &["detail"]),
        case("PATCH /api/agent-work-orders/repositories/RID", json!({"default_commands": ["nope"]}), 422, &["detail"]),
        case("PATCH /api/agent-work-orders/repositories/NORID", json!({}), 404, &["detail"]),
        case("DELETE /api/agent-work-orders/repositories/NORID", none(), 404, &["detail"]),
        case("POST /api/agent-work-orders/repositories/NORID/verify", none(), 404, &["detail"]),
        case("DELETE /api/agent-work-orders/repositories/RID", none(), 204, &[]),
        case("DELETE /api/agent-work-orders/repositories/RID", none(), 404, &["detail"]),
    ]
}

/// A repository that is configured already.
const CONFIGURED: &str = "https://example.org/o/configured";

struct World {
    setting: Setting,
    server: Server,
    id: String,
    /// Of an order that is held.
    held: String,
    /// Of [`CONFIGURED`].
    repository: String,
}

impl World {
    /// A server with an order that has completed. Orders that are created later wait.
    fn new() -> Self {
        let agent = awo_testkit::programs::path("stream-json-agent.sh");
        let setting = Setting::with(&[("CLAUDE_CLI_PATH", agent.to_str().unwrap()), ("AWO_MAX_RUNNING", "1")]);
        let server = setting.program.serve();
        let id = setting.create(&server);
        completed(&server, &id);
        let mut body = setting.body();
        body["start"] = json!(false);
        let held = create(&server, &body);
        let added =
            server.post(&format!("{ORDERS}/repositories"), &json!({"repository_url": CONFIGURED, "verify": false}));
        let repository = text(&added.json()["id"]);
        Self { setting, server, id, held, repository }
    }

    fn ask(&self, request: &str, body: &Value) -> Answer {
        let mut request = request.to_owned();
        for (name, id) in [
            ("/ID", &self.id),
            ("/HELD", &self.held),
            ("/RID", &self.repository),
            ("/NORID", &"00000000-0000-0000-0000-000000000000".to_owned()),
        ] {
            request = request.replace(name, &format!("/{id}"));
        }
        let (method, path) = request.split_once(' ').unwrap();
        if body.is_null() {
            return self.server.call(method, path, &[], None);
        }
        let body = body.to_string().replace("\"ID\"", &json!(self.id).to_string());
        let body = body.replace("\"REPOSITORY\"", &json!(self.setting.remote.url()).to_string());
        self.server.call(method, path, &[("content-type", "application/json")], Some(body.as_bytes()))
    }
}

/// The first cells of the table of differences.
fn rows() -> Vec<String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/http-api.md")).unwrap();
    let (_, section) = page.split_once("\n## Differences from the original\n").unwrap();
    let cells = section.lines().filter_map(|line| Some(line.strip_prefix("| ")?.split_once(" | ")?.0.to_owned()));
    cells.collect()
}

#[test]
fn requests_are_answered_as_there_or_the_table_says_how() {
    let (world, rows) = (World::new(), rows());
    let mut wrong = Vec::new();
    for Case { request, body, status, fields, differs } in cases().into_iter().chain(cases_beyond_orders()) {
        let answer = world.ask(request, &body);
        let expected = differs.map_or(status, |(status, _)| status);
        if answer.status != expected {
            wrong.push(format!("{request} {body}: {} and not {expected}: {}", answer.status, answer.text));
            continue;
        }
        if let Some((_, row)) = differs
            && !rows.iter().any(|known| known == row)
        {
            wrong.push(format!("{request} {body}: the documentation has no row {row:?}"));
        }
        if status == 204 {
            continue;
        }
        let said = answer.json();
        wrong.extend(
            fields
                .iter()
                .filter(|field| said.get(field).is_none())
                .map(|field| format!("{request}: {field} is missing in {said}")),
        );
        // Its client takes a body with `error` for a failure, and shows `detail`.
        if said.get("error").is_some() || (answer.status >= 400 && !said["detail"].is_string()) {
            wrong.push(format!("{request}: its client cannot read {said}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn its_pages_find_in_steps_and_logs_what_they_read() {
    let world = World::new();
    let get = |path: &str| world.server.get(&format!("{ORDERS}/{}{path}", world.id));
    let steps = get("/steps").json();
    let steps = steps["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| STEP.iter().all(|field| step.get(field).is_some())), "{steps:#?}");
    assert!(text(&steps[0]["timestamp"]).ends_with('Z'));

    let entries = get("/logs?limit=1000").json()["log_entries"].as_array().unwrap().clone();
    let of = |event: &str| entries.iter().filter(|entry| entry["event"] == event).collect::<Vec<_>>();
    for (event, count) in
        [("workflow_started", 1), ("step_started", 7), ("step_completed", 7), ("workflow_completed", 1)]
    {
        assert_eq!(of(event).len(), count, "{event} in {entries:#?}");
    }
    // The bar of the page is made of these.
    assert!(of("step_started").iter().enumerate().all(|(index, entry)| {
        entry["step"].is_string() && entry["step_number"] == index + 1 && entry["total_steps"] == 7
    }));
    for entry in &entries {
        let fields = ["work_order_id", "level", "event", "timestamp"];
        assert!(fields.iter().all(|field| entry[field].is_string()), "{entry}");
        // A page takes an order with such a line for a failed one.
        assert_ne!(entry["level"], "error", "{entry}");
    }
}

#[test]
fn its_stream_of_logs_has_plain_messages() {
    let world = World::new();
    let host = world.server.address().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&host).unwrap();
    // Without chunks, which HTTP/1.0 does not have.
    write!(stream, "GET {ORDERS}/{}/logs/stream HTTP/1.0\r\nhost: {host}\r\n\r\n", world.id).unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let head: Vec<_> = lines.by_ref().take_while(|line| !line.is_empty()).map(|line| line.to_lowercase()).collect();
    let has = |field: &str| head.iter().any(|line| line.starts_with(field));
    assert!(head[0].contains(" 200 ") && has("content-type: text/event-stream"), "{head:#?}");
    // It was `no-cache` there; this says more.
    assert!(has("cache-control: no-store") && has("x-accel-buffering: no"), "{head:#?}");
    for line in lines {
        assert!(!line.starts_with("event:"), "its client listens to plain messages only: {line}");
        if line.starts_with("data: ") && line.contains("\"workflow_completed\"") {
            return;
        }
    }
    panic!("the stream ended before the work had");
}
