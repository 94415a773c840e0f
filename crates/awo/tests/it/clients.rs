//! The clients of the documentation, run as they stand there: what is changed is the port, and how long they sleep.

mod browser;
mod page;

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;

use awo_testkit::{Server, eventually, programs, skipped};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::setting::{STEPS, Setting, completed, events};
use crate::streams::{lines, until};
use page::{Block, blocks};

/// The page of clients, and what each of its blocks is.
const PAGE: &str = "docs/clients.md";
const BLOCKS: [(&str, &str); 7] = [
    ("Clients", "sh"),
    ("A shell that asks again and again", "bash"),
    ("A shell that waits for news", "bash"),
    ("curl, as things happen", "bash"),
    ("curl, as things happen", "bash"),
    ("Python, as things happen", "python"),
    ("Python, over a WebSocket", "python"),
];

/// An order of the page's repository, whose agent is held at the implementor.
struct Followed {
    setting: Setting,
    server: Server,
    id: String,
}

/// A client at work. Dropping it ends all of its processes.
struct Client {
    child: Child,
    lines: Receiver<String>,
}

impl Drop for Client {
    fn drop(&mut self) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
    }
}

impl Client {
    /// Everything that it prints until it has ended, which must be well.
    #[track_caller]
    fn ends(mut self) -> Vec<String> {
        let printed = self.lines.iter().collect();
        let status = eventually("the client ends", || self.child.try_wait().unwrap());
        assert_eq!(status.code(), Some(0), "{printed:#?}");
        printed
    }
}

impl Followed {
    fn new() -> Self {
        let setting = Setting::new();
        setting.agent.hold("implementor");
        let server = setting.program.serve();
        let id = setting.create(&server);
        Self { setting, server, id }
    }

    /// Starts a client that knows the order.
    fn client(&self, program: &str, code: &str) -> Client {
        let code = with_port(code, &self.server);
        let mut command = Command::new(program);
        command.args(["-c", &code]).env("id", &self.id).process_group(0);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        Client { lines: lines(&mut child), child }
    }

    fn release(&self) {
        self.setting.agent.release("implementor");
    }

    /// Kills the server while an agent works, and starts another one.
    fn restart(&mut self) {
        self.setting.at_work("implementor", 1);
        let address = self.server.address().to_owned();
        self.server.kill();
        self.release();
        self.server = self.setting.program.serve_again(&address);
    }
}

/// The n-th block of a section of the page.
fn block(section: &str, n: usize) -> String {
    let found = blocks(PAGE).into_iter().filter(|block| block.section == section).nth(n);
    found.unwrap_or_else(|| panic!("{PAGE} has no block {n} in {section:?}")).text
}

/// The server of the test in place of the usual one.
fn with_port(code: &str, server: &Server) -> String {
    assert!(code.contains("//localhost:8888/"), "{code}");
    code.replace("//localhost:8888/", &format!("//localhost:{}/", server.address().rsplit(':').next().unwrap()))
}

/// Whether the tools of a shell's client are there; said if not.
fn has_tools() -> bool {
    let missing = |tool: &&str| Command::new(tool).arg("--version").output().is_err();
    let missing = ["bash", "curl", "jq"].into_iter().find(missing);
    if let Some(tool) = missing {
        skipped(&format!("{tool} is not installed"));
    }
    missing.is_none()
}

#[test]
fn each_block_of_the_page_has_a_test() {
    let found: Vec<_> = blocks(PAGE).into_iter().map(|Block { section, language, .. }| (section, language)).collect();
    let known = BLOCKS.into_iter().chain([("A page in a browser", "html")]);
    let known: Vec<_> = known.map(|(section, language)| (section.to_owned(), language.to_owned())).collect();
    assert_eq!(found, known);
}

#[test]
fn a_shell_creates_an_order_and_asks_again_and_again() {
    if !has_tools() {
        return;
    }
    let setting = Setting::new().redirected_from("https://github.com/o/r.git");
    setting.agent.hold("classifier");
    let server = setting.program.serve();
    let create = block("Clients", 0);
    let poll = block("A shell that asks again and again", 0);
    assert!(poll.contains("  sleep 3\n"), "{poll}");
    let followed = Followed { setting, server, id: String::new() };
    let client = followed.client("bash", &(create + "\n" + &poll.replace("  sleep 3\n", "  sleep 0.3\n")));
    until(&client.lines, "0");
    followed.setting.agent.release("classifier");
    let printed = until(&client.lines, "\"step\": \"create_pr\"");
    let counts: Vec<u32> = printed.iter().filter_map(|line| line.parse().ok()).collect();
    assert!(counts.is_sorted() && counts.last() == Some(&7), "{printed:#?}");
    until(&client.lines, "\"success\": true");
}

#[test]
fn a_shell_waits_for_news_across_a_crash() {
    if !has_tools() {
        return;
    }
    let mut followed = Followed::new();
    let client = followed.client("bash", &block("A shell that waits for news", 0));
    let mut printed = until(&client.lines, "generate_branch ok");
    followed.restart();
    printed.extend(client.ends());
    let done: Vec<_> = printed.iter().filter_map(|line| line.strip_suffix(" ok")).collect();
    assert_eq!(done, STEPS, "{printed:#?}");
}

#[test]
fn curl_shows_events_as_they_happen() {
    if !has_tools() {
        return;
    }
    let followed = Followed::new();
    let client = followed.client("bash", &block("curl, as things happen", 0));
    until(&client.lines, "\"step\":\"generate_branch\"");
    followed.release();
    let printed = client.ends();
    assert!(printed.iter().any(|line| line == "event: end"), "{printed:#?}");
}

#[test]
fn curl_shows_lines_of_the_log_as_they_are_written() {
    if !has_tools() {
        return;
    }
    let followed = Followed::new();
    let client = followed.client("bash", &block("curl, as things happen", 1));
    until(&client.lines, "generate_branch step_completed");
    followed.release();
    until(&client.lines, "create_pr step_completed");
}

/// Follows with a block in Python across a crash: the numbers that it prints are those of all events, once each.
fn python_follows(section: &str) {
    let Some(python) = programs::real("python") else { return };
    let mut followed = Followed::new();
    let client = followed.client(python.to_str().unwrap(), &block(section, 0));
    let mut printed = until(&client.lines, "step_finished generate_branch");
    followed.setting.at_work("implementor", 1);
    let address = followed.server.address().to_owned();
    followed.server.kill();
    printed.extend(until(&client.lines, "again: "));
    followed.release();
    followed.server = followed.setting.program.serve_again(&address);
    printed.extend(client.ends());
    completed(&followed.server, &followed.id);
    let kinds: Vec<_> = events(&followed.server, &followed.id)
        .iter()
        .map(|event| format!("{} {}", event["sequence"], event["kind"].as_str().unwrap()))
        .collect();
    let seen: Vec<_> = printed
        .iter()
        .filter(|line| !line.starts_with("again: "))
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(seen, kinds);
}

#[test]
fn python_follows_events_across_a_crash() {
    python_follows("Python, as things happen");
}

#[test]
fn python_follows_a_web_socket_across_a_crash() {
    python_follows("Python, over a WebSocket");
}

#[test]
fn the_examples_of_the_interface_are_as_they_work() {
    if !has_tools() {
        return;
    }
    let setting = Setting::new().redirected_from("https://github.com/o/r.git");
    let server = setting.program.serve();
    let examples = blocks("docs/http-api.md").into_iter().filter(|block| block.language == "sh");
    let shell: Vec<_> = examples.map(|block| block.text).collect();
    let shell = shell.join("\n").replace("https://awo.example/", "http://localhost:8888/");
    let followed = Followed { setting, server, id: String::new() };
    let client = followed.client("bash", &shell);
    let printed = client.ends();
    assert!(printed[0].parse::<u32>().is_ok(), "{printed:#?}");
    assert!(printed.iter().any(|line| line == "event: end"), "{printed:#?}");
    assert!(printed.last().unwrap().starts_with("[{\"agent_work_order_id\":"), "{printed:#?}");
}
