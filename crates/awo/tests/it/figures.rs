//! What `/metrics` tells, held against the list in the documentation.

use std::collections::{BTreeMap, BTreeSet};

use awo_testkit::http::Answer;
use awo_testkit::until;

use crate::setting::{Setting, completed, ended};

/// The page that lists them.
const PAGE: &str = include_str!("../../../../docs/operations.md");
/// Labels that the exporter adds.
const BUCKET: &str = "le";

/// One figure: kind, unit, labels and meaning.
#[derive(Debug, Default, PartialEq, Eq)]
struct Figure {
    kind: String,
    unit: String,
    labels: BTreeSet<String>,
    meaning: String,
}

/// What the documentation lists: `| name | kind | unit | labels | meaning |`.
fn documented() -> BTreeMap<String, Figure> {
    let (_, section) = PAGE.split_once("\n## Figures\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let figures = rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect();
        let [name, kind, unit, labels, meaning] = cells[..] else { panic!("a row has five cells: {row}") };
        let labels = labels.split(", ").map(|label| label.trim_matches('`')).filter(|label| *label != "–");
        let figure = Figure {
            kind: kind.into(),
            unit: unit.into(),
            labels: labels.map(str::to_owned).collect(),
            meaning: meaning.into(),
        };
        (name.to_owned(), figure)
    });
    figures.collect()
}

/// What a server exposes.
fn exposed(text: &str) -> BTreeMap<String, Figure> {
    let mut figures = BTreeMap::<String, Figure>::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# ") {
            let (what, rest) = rest.split_once(' ').unwrap();
            let (name, said) = rest.split_once(' ').unwrap();
            let figure = figures.entry(name.into()).or_default();
            match what {
                "TYPE" => said.clone_into(&mut figure.kind),
                "HELP" => said.clone_into(&mut figure.meaning),
                other => panic!("{other}: {line}"),
            }
            figure.unit = unit(name).into();
            continue;
        }
        let (sample, labels) = line.split_once('{').unwrap_or_else(|| (line.split(' ').next().unwrap(), ""));
        let parts = ["_bucket", "_sum", "_count"];
        let name = parts.iter().find_map(|part| sample.strip_suffix(part).filter(|name| figures.contains_key(*name)));
        let figure = figures.get_mut(name.unwrap_or(sample)).unwrap_or_else(|| panic!("no TYPE before {line}"));
        let names = labels.split("\",").filter_map(|label| label.split_once("=\"")).map(|(name, _)| name);
        figure.labels.extend(names.filter(|name| *name != BUCKET).map(str::to_owned));
    }
    figures
}

/// The unit that a name says.
fn unit(name: &str) -> &'static str {
    let name = name.strip_suffix("_total").unwrap_or(name);
    ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(&format!("_{unit}"))).unwrap_or("–")
}

fn lines(answer: &Answer) -> BTreeSet<&str> {
    assert_eq!(answer.status, 200);
    answer.text.lines().collect()
}

#[test]
fn every_figure_is_listed_in_the_documentation_and_the_other_way_round() {
    let setting = Setting::new();
    let server = setting.program.serve();
    let id = setting.create(&server);
    completed(&server, &id);
    setting.agent.fail("classifier", "no");
    ended(&server, &setting.create(&server));
    server.call("GET", "/health", &[("host", "another.example")], None);
    let answer = server.get("/metrics");
    let (documented, exposed) = (documented(), exposed(&answer.text));
    for (name, figure) in &documented {
        assert_eq!(exposed.get(name), Some(figure), "{name} is not as docs/operations.md says:\n{}", answer.text);
    }
    let names = |figures: &BTreeMap<String, Figure>| figures.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&exposed), names(&documented), "docs/operations.md lists others");
}

#[test]
fn saves_orders_steps_and_requests_are_counted() {
    let setting = Setting::new();
    let server = setting.program.serve();
    let id = setting.create(&server);
    completed(&server, &id);
    server.get(&format!("/agent-work-orders/{id}/events"));
    server.get("/no/such/path");
    server.call("BREW", "/agent-work-orders", &[], None);
    let answer = server.get("/metrics");
    let told = lines(&answer);
    for line in [
        "awo_saves_total{outcome=\"stored\"} 8",
        "awo_saves_total{outcome=\"failed\"} 0",
        "awo_save_duration_seconds_count 8",
        "awo_orders_claimed_total{after=\"waiting\"} 1",
        "awo_orders_ended_total{status=\"completed\"} 1",
        "awo_orders{status=\"completed\"} 1",
        "awo_orders{status=\"running\"} 0",
        "awo_orders_degraded 0",
        "awo_results_unsaved 0",
        "awo_step_duration_seconds_count{step=\"implement\",agent=\"claude\"} 1",
        "awo_child_processes{kind=\"git\"} 0",
        "awo_http_requests_total{route=\"/agent-work-orders\",method=\"POST\",status=\"2xx\"} 1",
        "awo_http_requests_total{route=\"/agent-work-orders/{id}/events\",method=\"GET\",status=\"2xx\"} 1",
        "awo_http_requests_total{route=\"other\",method=\"GET\",status=\"4xx\"} 1",
        "awo_http_requests_total{route=\"other\",method=\"other\",status=\"4xx\"} 1",
        "awo_http_request_duration_seconds_count{route=\"/agent-work-orders/{id}/events\",method=\"GET\"} 1",
        "awo_http_problems_total{type=\"path-not-found\"} 1",
    ] {
        assert!(told.contains(line), "{line}:\n{}", answer.text);
    }
    let git =
        answer.text.lines().find_map(|line| line.strip_prefix("awo_child_processes_started_total{kind=\"git\"} "));
    assert!(git.unwrap().parse::<u32>().unwrap() > 10, "{git:?}");
    let memory = answer.text.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    assert!(memory.unwrap().parse::<f64>().unwrap() > 1e6, "{memory:?}");
}

#[test]
fn who_follows_is_counted_as_long_as_it_does() {
    let setting = Setting::new();
    setting.agent.hold(awo_testkit::ROLES[0]);
    let server = setting.program.serve();
    let followers = |kind: &str, count: u32| {
        let line = format!("awo_stream_clients{{kind=\"{kind}\"}} {count}");
        server.get("/metrics").text.lines().any(|told| told == line)
    };
    let connections = |count: u32| {
        let line = format!("awo_http_connections {count}");
        server.get("/metrics").text.lines().any(|told| told == line)
    };
    until("the connection that asks is the only one", || connections(1));
    assert!(followers("sse", 0) && followers("websocket", 0) && followers("long_poll", 0));
    let stream = follow(server.address(), "/agent-work-orders/events", "");
    until("the stream is counted", || followers("sse", 1) && connections(2));
    drop(stream);
    until("it is not any more", || followers("sse", 0) && connections(1));
    let socket = format!("/agent-work-orders/{}/ws", setting.create(&server));
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let stream = follow(server.address(), &socket, upgrade);
    until("the socket is counted", || followers("websocket", 1) && connections(2));
    drop(stream);
    until("it is not any more", || followers("websocket", 0) && connections(1));
}

fn follow(address: &str, path: &str, headers: &str) -> std::net::TcpStream {
    use std::io::Write as _;
    let host = address.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\n{headers}\r\n").unwrap();
    stream
}
