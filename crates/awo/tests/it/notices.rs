//! Who outside is told of orders: webhooks that are signed, and programs of the operator; over crashes, once for certain.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use awo_testkit::{Received, Receiver, Reply, eventually, skipped, until};
use serde_json::Value;

use crate::setting::{ORDERS, Setting, Told, completed, ended, events, order, text};

/// The page whose example of a receiver is run.
const PAGE: &str = include_str!("../../../../docs/operations.md");
const SECRET: &str = "a secret of some length";

/// A setting with a settings file.
fn with(settings: &str) -> Setting {
    let setting = Setting::new();
    write(&setting, settings);
    let file = setting.program.place().join("awo.toml");
    Setting { program: setting.program.with_variable("AWO_CONFIG", &file), ..setting }
}

/// Writes the settings file of a setting, with the secret beside it.
fn write(setting: &Setting, settings: &str) {
    let place = setting.program.place();
    std::fs::write(place.join("secret"), format!("{SECRET}\n")).unwrap();
    let settings = settings.replace("SECRET_FILE", place.join("secret").to_str().unwrap());
    std::fs::write(place.join("awo.toml"), settings).unwrap();
}

/// Settings that tell receivers of everything, by their names.
fn webhooks(receivers: &[(&str, &Receiver)]) -> String {
    let mut settings = "[notify]\ntrusted_hosts = ['127.0.0.1']\n".to_owned();
    for (name, receiver) in receivers {
        let url = receiver.address();
        let _ = write!(settings, "[notify.webhooks.{name}]\nurl = '{url}/hook'\nsecret_file = 'SECRET_FILE'\n");
    }
    settings
}

fn body(received: &Received) -> Value {
    serde_json::from_slice(&received.body).unwrap()
}

/// Type and order of what was received, in order, repetitions included.
fn seen(receiver: &Receiver) -> Vec<(String, String)> {
    let bodies = receiver.received().iter().map(body).collect::<Vec<_>>();
    bodies.iter().map(|body| (text(&body["type"]), text(&body["data"]["agent_work_order_id"]))).collect()
}

fn kinds(receiver: &Receiver) -> Vec<String> {
    seen(receiver).into_iter().map(|(kind, _)| kind).collect()
}

#[track_caller]
fn end(mut server: awo_testkit::Server) -> String {
    server.terminate();
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    server.log()
}

#[track_caller]
fn count(server: &awo_testkit::Server, outcome: &str) -> u32 {
    let line = format!("awo_notices_total{{outcome=\"{outcome}\"}} ");
    let told = server.get("/metrics").text;
    told.lines().find_map(|told| told.strip_prefix(&line)).unwrap().parse().unwrap()
}

#[test]
fn each_end_is_told_with_what_it_came_to() {
    let receiver = Receiver::new();
    let setting = with(&webhooks(&[("chat", &receiver)]));
    let server = setting.program.serve();
    let good = setting.create(&server);
    let order = completed(&server, &good);
    setting.agent.fail("planner", "no");
    let bad = setting.create(&server);
    ended(&server, &bad);
    until("both are told", || count(&server, "told") == 2);
    assert_eq!(seen(&receiver), [("order_completed".into(), good.clone()), ("order_failed".into(), bad)]);
    let first = &receiver.received()[0];
    let told = body(first);
    assert_eq!(first.path, "/hook");
    assert_eq!(first.header("content-type"), Some("application/json"));
    assert_eq!(first.header("webhook-id"), told["id"].as_str());
    assert_eq!(told["id"], format!("{good}-{}", told["data"]["event"]));
    assert_eq!((&told["data"]["status"], &told["data"]["steps_completed"]), (&"completed".into(), &7.into()));
    assert_eq!(told["data"]["git_branch_name"], order["git_branch_name"]);
    let events = events(&server, &good);
    assert_eq!(told["timestamp"], events.last().unwrap()["timestamp"], "when it happened");
    assert_eq!(body(&receiver.received()[1])["data"]["error_code"], "agent_crashed");
    assert!(!String::from_utf8_lossy(&first.body).contains("Say hello"), "what was asked for is not told");
    end(server);
}

#[test]
fn a_kill_between_event_and_notice_loses_nothing_and_what_was_told_is_not_told_again() {
    let receiver = Receiver::new();
    receiver.reply(Reply::Status(500));
    let setting = with(&webhooks(&[("chat", &receiver)]));
    let mut server = setting.program.serve();
    let id = setting.create(&server);
    completed(&server, &id);
    until("it is tried", || !receiver.received().is_empty());
    server.kill();
    let before = receiver.received();
    receiver.reply(Reply::Status(204));
    let mut server = setting.program.serve();
    until("the next server tells it", || count(&server, "told") == 1);
    let after = &receiver.received()[before.len()..];
    assert_eq!(after.len(), 1);
    assert_eq!(after[0].header("webhook-id"), before[0].header("webhook-id"), "one thing has one id");
    server.kill();
    let server = setting.program.serve();
    let second = setting.create(&server);
    completed(&server, &second);
    until("the second order is told", || count(&server, "told") == 1);
    let later: Vec<_> = seen(&receiver).into_iter().skip(before.len() + 1).map(|(_, order)| order).collect();
    assert_eq!(later, [second], "the first one is not told again");
}

#[test]
fn of_one_order_one_thing_is_told_after_the_other_whatever_the_receiver_answers() {
    let (receiver, elsewhere) = (Receiver::new(), Receiver::new());
    let garbage = Reply::Bytes(b"\x00\xffno HTTP at all\r\n\r\n".to_vec());
    receiver.reply_next([Reply::Redirect(elsewhere.address()), garbage]);
    let setting = with(&webhooks(&[("chat", &receiver)]));
    setting.agent.limit("planner", None);
    let server = setting.program.serve();
    let id = setting.create(&server);
    eventually("the order waits", || Some(order(&server, &id)).filter(|order| order["waiting_until"].is_string()));
    assert_eq!(server.post(&format!("{ORDERS}/{id}/cancel"), &serde_json::json!({})).status, 202);
    ended(&server, &id);
    until("all is told", || count(&server, "told") == 2);
    assert_eq!(kinds(&receiver), ["order_waiting", "order_waiting", "order_waiting", "order_cancelled"]);
    assert!(elsewhere.received().is_empty(), "a redirect was followed");
    let log = end(server);
    assert_eq!((log.matches("notice_not_told").count(), log.matches("notices_told_again").count()), (1, 1), "{log}");
    assert!(log.contains("redirects are not followed") && !log.contains(SECRET), "{log}");
}

#[test]
fn a_receiver_that_never_answers_holds_neither_others_nor_the_end() {
    let (quick, stuck) = (Receiver::new(), Receiver::new());
    stuck.reply(Reply::Nothing);
    let setting = with(&webhooks(&[("stuck", &stuck), ("quick", &quick)]));
    let server = setting.program.serve();
    for _ in 0..2 {
        completed(&server, &setting.create(&server));
    }
    until("the quick one is told", || kinds(&quick) == ["order_completed", "order_completed"]);
    until("the other one is asked", || !stuck.received().is_empty());
    end(server);
}

#[test]
fn of_an_order_that_was_deleted_nobody_is_told_any_more() {
    let receiver = Receiver::new();
    receiver.reply(Reply::Status(500));
    let setting = with(&webhooks(&[("chat", &receiver)]));
    let server = setting.program.serve();
    let id = setting.create(&server);
    completed(&server, &id);
    until("it is tried", || !receiver.received().is_empty());
    until("its checkout is cleared up, and it is deleted", || {
        server.call("DELETE", &format!("{ORDERS}/{id}"), &[], None).status == 204
    });
    let tries = receiver.received().len();
    receiver.reply(Reply::Status(200));
    let second = setting.create(&server);
    completed(&server, &second);
    until("the second one is told", || count(&server, "told") == 1);
    end(server);
    let server = setting.program.serve();
    let third = setting.create(&server);
    completed(&server, &third);
    until("the third one is told", || count(&server, "told") == 1);
    let later: Vec<_> = seen(&receiver).into_iter().skip(tries).map(|(_, order)| order).collect();
    assert_eq!(later, [second, third]);
}

#[test]
fn what_is_old_is_given_up_and_said() {
    let receiver = Receiver::new();
    receiver.reply(Reply::Status(500));
    let settings = webhooks(&[("chat", &receiver)]).replace("[notify]\n", "[notify]\ngive_up_after_hours = 0\n");
    let setting = with(&settings);
    let server = setting.program.serve();
    let id = setting.create(&server);
    completed(&server, &id);
    until("it is given up", || count(&server, "given_up") == 1);
    assert_eq!((receiver.received().len(), count(&server, "failed"), count(&server, "told")), (1, 1, 0));
    let log = end(server);
    let given_up = log.lines().find(|line| line.contains("notice_given_up")).unwrap();
    assert!(given_up.contains(&id) && given_up.contains("webhook-chat"), "{given_up}");
    receiver.reply(Reply::Status(200));
    let server = setting.program.serve();
    completed(&server, &setting.create(&server));
    until("the next one is told", || count(&server, "told") == 1);
    assert_eq!(receiver.received().len(), 2, "what was given up stays so");
}

#[test]
fn who_is_new_is_told_of_what_comes_and_not_of_what_was() {
    let receiver = Receiver::new();
    let setting = with("");
    let server = setting.program.serve();
    completed(&server, &setting.create(&server));
    end(server);
    write(&setting, &webhooks(&[("chat", &receiver)]));
    let server = setting.program.serve();
    let second = setting.create(&server);
    completed(&server, &second);
    until("the second order is told", || count(&server, "told") == 1);
    end(server);
    assert_eq!(seen(&receiver), [("order_completed".into(), second)]);
}

#[test]
fn an_order_in_the_foreground_is_told_before_the_command_ends() {
    let receiver = Receiver::new();
    let setting = with(&webhooks(&[("chat", &receiver)]));
    setting.run_order(&[]).expect(0);
    assert_eq!(kinds(&receiver), ["order_completed"]);
    setting.agent.fail("classifier", "no");
    setting.run_order(&[]).expect(1);
    assert_eq!(kinds(&receiver), ["order_completed", "order_failed"]);
}

#[test]
fn a_demo_tells_nobody() {
    let receiver = Receiver::new();
    let setting = with(&webhooks(&[("chat", &receiver)]));
    setting.run(&["demo"]).expect(0);
    assert!(receiver.received().is_empty());
}

/// A program that is told, made of a few lines of shell.
fn script(setting: &Setting, lines: &str) -> PathBuf {
    let path = setting.program.place().join("told.sh");
    std::fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_program_is_told_with_the_notice_as_its_input_and_little_else() {
    let setting = with("");
    let out = setting.program.place().join("out");
    let program = script(&setting, &format!("{{ echo \"$1\"; env; cat; }} > {}", out.display()));
    let settings =
        format!("[notify.commands.mine]\nprogram = {program:?}\nargs = ['$(id); \"x\"']\nevents = ['order_failed']\n");
    write(&setting, &settings);
    let setting = Setting { program: setting.program.with_variable("SOME_KEY", "k1"), ..setting };
    let server = setting.program.serve();
    completed(&server, &setting.create(&server));
    setting.agent.fail("classifier", "no");
    let failed = setting.create(&server);
    ended(&server, &failed);
    until("it is told", || count(&server, "told") == 1);
    let figures = server.get("/metrics").text;
    for line in ["awo_child_processes_started_total{kind=\"notice\"} 1", "awo_child_processes{kind=\"notice\"} 0"] {
        assert!(figures.lines().any(|told| told == line), "{line}:\n{figures}");
    }
    end(server);
    let written = std::fs::read_to_string(out).unwrap();
    let mut lines: Vec<&str> = written.lines().collect();
    let told: Value = serde_json::from_str(lines.pop().unwrap()).unwrap();
    assert_eq!((&told["type"], &told["data"]["agent_work_order_id"]), (&"order_failed".into(), &failed.clone().into()));
    assert_eq!(lines.remove(0), "$(id); \"x\"", "no shell has read it");
    assert!(lines.contains(&format!("AWO_ORDER_ID={failed}").as_str()), "{lines:?}");
    assert!(lines.contains(&"AWO_NOTICE_TYPE=order_failed"), "{lines:?}");
    assert!(!written.contains("k1") && !written.contains("AWO_DATA_DIR"), "{written}");
}

#[test]
fn a_test_says_of_each_whether_it_was_told() {
    let (good, bad) = (Receiver::new(), Receiver::new());
    bad.reply(Reply::Status(403));
    let setting = with("");
    let program = script(&setting, "echo 'no room' >&2; exit 3");
    let command = format!("[notify.commands.mine]\nprogram = {program:?}\n");
    write(&setting, &format!("{}{command}", webhooks(&[("bad", &bad), ("good", &good)])));
    let told = setting.run(&["notify", "test"]).expect(1);
    assert!(told.out.contains("✔ webhook-good"), "{told:?}");
    assert!(told.out.contains("✘ webhook-bad: ") && told.out.contains("127.0.0.1 answered 403"), "{told:?}");
    assert!(told.out.contains("✘ command-mine: ") && told.out.contains("ended with exit code 3: no room"), "{told:?}");
    setting.run(&["notify", "test", "good"]).expect(0);
    assert_eq!(good.received().iter().map(|it| text(&body(it)["type"])).collect::<Vec<_>>(), ["test", "test"]);
    let ids: Vec<_> = good.received().iter().map(|it| it.header("webhook-id").map(str::to_owned)).collect();
    assert_ne!(ids[0], ids[1]);
    let unknown = setting.run(&["notify", "test", "nobody"]).expect(2);
    assert!(unknown.err.contains("webhook-good"), "{unknown:?}");

    script(&setting, "sleep 600");
    write(&setting, &format!("{command}timeout_seconds = 1\n"));
    let late = setting.run(&["notify", "test"]).expect(1);
    assert!(late.out.contains("did not end within 1 s"), "{late:?}");
    write(&setting, "");
    assert!(setting.run(&["notify", "test"]).expect(2).err.contains("[notify.webhooks.NAME]"));
}

#[test]
fn who_cannot_be_told_is_said_before_anything_runs() {
    let setting = with("");
    let refused = |settings: &str| {
        write(&setting, settings);
        setting.run(&["serve", "--bind", "127.0.0.1:0"]).expect(2).err
    };
    let webhook =
        |url: &str, more: &str| format!("[notify.webhooks.one]\nurl = '{url}'\nsecret_file = 'SECRET_FILE'\n{more}\n");
    for (settings, words) in [
        (webhook("http://hooks.example/", ""), "must be https"),
        (webhook("https://10.0.0.1/", ""), "notify.trusted_hosts"),
        (webhook("https://hooks.example/", "events = ['order_done']"), "there are order_completed"),
        (webhook("https://hooks.example/", "").replace("SECRET_FILE", "/nowhere"), "cannot read the secret"),
        ("[notify.commands.one]\nprogram = '/nowhere'\n".to_owned(), "no program /nowhere"),
        ("[notify.commands.'a/b']\nprogram = 'sh'\n".to_owned(), "cannot be a name"),
    ] {
        let told = refused(&settings);
        assert!(told.contains("notify") && told.contains(words), "{settings}\n{told}");
    }
}

#[test]
fn whoever_tells_nobody_needs_no_secret() {
    let setting = with("");
    let id = setting.run_order(&["--json"]).expect(0).json()["agent_work_order_id"].clone();
    let webhook = "[notify.webhooks.one]\nurl = 'https://hooks.example/'\nsecret_file = '/nowhere'\n";
    write(&setting, &format!("{webhook}[notify.commands.two]\nprogram = '/nowhere'\n"));
    for command in [
        &["list"][..],
        &["show", id.as_str().unwrap()],
        &["recover", "--dry-run"],
        &["stats"],
        &["workspace", "list"],
        &["state", "gc", "--dry-run"],
        &["state", "gc"],
    ] {
        setting.run(command).expect(0);
    }
    assert!(setting.run(&["recover"]).expect(2).err.contains("cannot read the secret"));
    assert!(setting.run_order(&[]).expect(2).err.contains("cannot read the secret"));
}

/// The receiver of the documentation, which verifies by itself.
#[test]
fn the_receiver_of_the_documentation_takes_what_is_signed_and_nothing_else() {
    if Command::new("python3").arg("--version").output().is_err() {
        skipped("python3 is not installed");
        return;
    }
    let (_, section) = PAGE.split_once("\n## Notices\n").unwrap();
    let (_, code) = section.split_once("```python\n").unwrap();
    let (code, _) = code.split_once("```").unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(code.contains("9000"), "{code}");
    let code = code.replace("9000", &free.port().to_string());
    let setting = with("");
    let url = format!("http://{free}/");
    write(
        &setting,
        &format!(
            "[notify]\ntrusted_hosts = ['127.0.0.1']\n[notify.webhooks.one]\nurl = '{url}'\nsecret_file = 'SECRET_FILE'\n"
        ),
    );
    let mut python = Command::new("python3");
    python.args(["-c", &code]).env("SECRET_FILE", setting.program.place().join("secret"));
    let mut receiver = Ended(python.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    until("it listens", || std::net::TcpStream::connect(free).is_ok());
    let notify = || Told::from(setting.program.run(["notify", "test"]));
    notify().expect(0);
    std::fs::write(setting.program.place().join("secret"), "another secret of some length").unwrap();
    assert!(notify().expect(1).out.contains("answered 401"));
    receiver.0.kill().unwrap();
    let mut printed = String::new();
    std::io::Read::read_to_string(receiver.0.stdout.as_mut().unwrap(), &mut printed).unwrap();
    assert!(printed.starts_with("test-") && printed.contains("\"type\":\"test\""), "{printed}");
    assert_eq!(printed.lines().count(), 1);
}

/// A program that ends with the test.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
