//! The commands, with and without a server.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use awo_testkit::{ROLES, eventually};
use serde_json::{Value, json};

use crate::setting::{ORDERS, STEPS, Setting, completed, program, text, told};

#[test]
fn run_without_a_server_does_the_order_in_the_foreground() {
    let setting = Setting::new();
    let shown = setting.run_order(&[]).expect(0);
    for step in STEPS {
        assert!(shown.out.contains(&format!("✔ {step}")), "{step}: {}", shown.out);
    }
    assert!(shown.out.contains("completed") && shown.out.contains("7 of 7 steps"), "{}", shown.out);
    assert!(shown.out.contains("1 commit, 3 files, +19 −0"), "{}", shown.out);
    assert!(!shown.out.contains('\u{1b}'), "colours into a pipe: {:?}", shown.out);
    assert_eq!(shown.err, "");

    // The store is there for the commands that read, without any server.
    let listed = setting.run(&["list", "--json"]).expect(0).json();
    assert_eq!((listed[0]["status"].as_str(), listed.as_array().map(Vec::len)), (Some("completed"), Some(1)));
    let id = text(&listed[0]["agent_work_order_id"]);
    let tail = &id[id.len() - 6..];
    assert_eq!(setting.run(&["show", tail, "--json"]).expect(0).json()["agent_work_order_id"], *id);
    let steps = setting.run(&["steps", tail, "--json"]).expect(0).json();
    assert_eq!(told(steps["steps"].as_array().unwrap()), STEPS.map(|step| format!("{step} 1 ok")));
    let shown = setting.run(&["steps", &format!("…{tail}"), "--full"]).expect(0);
    assert!(shown.out.contains("completed: 7 of 7 steps") && shown.out.contains("artifact 07-create_pr"), "{shown:?}");
    let listed = setting.run(&["list"]).expect(0);
    assert!(listed.out.contains(&id[id.len() - 8..]) && listed.out.contains("Say hello"), "{listed:?}");
    assert_eq!(setting.run(&["list", "--search", "hello", "--status", "completed"]).expect(0).out, listed.out);
    assert!(setting.run(&["list", "--status", "failed"]).expect(0).out.contains("no orders"));
}

#[test]
fn a_failed_run_has_exit_code_1() {
    let setting = Setting::new();
    setting.agent.fail("implementor", "the disk is on fire");
    let shown = setting.run_order(&[]).expect(1);
    assert!(shown.out.contains("✘ implement") && shown.out.contains("the disk is on fire"), "{shown:?}");
    assert!(shown.out.contains("4 of 7 steps"), "{shown:?}");
    let order = setting.run_order(&["--json"]).expect(1).json();
    assert_eq!((&order["status"], &order["error_code"]), (&"failed".into(), &"agent_crashed".into()));
}

#[test]
fn json_goes_through_jq() {
    let setting = Setting::new();
    let order = setting.run_order(&["--json"]).expect(0);
    assert_eq!(order.json()["finishing"], false, "a completed order is not finishing");
    if Command::new("jq").arg("--version").output().is_err() {
        eprintln!("SKIPPED json_goes_through_jq: jq is not installed");
        return;
    }
    let mut jq = Command::new("jq");
    let mut jq = jq.args(["-r", ".status"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    jq.stdin.take().unwrap().write_all(order.out.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(jq.wait_with_output().unwrap().stdout).unwrap(), "completed\n");
}

#[test]
fn run_hands_the_order_to_the_server_that_has_the_directory() {
    let setting = Setting::new();
    let server = setting.program.serve();
    let order = setting.run_order(&["--json"]).expect(0).json();
    let id = text(&order["agent_work_order_id"]);
    assert_eq!(completed(&server, &id)["steps_completed"], 7);
    let asked = setting.run(&["run", "--repo", &setting.remote.url(), "--select", "create-branch,planning", "x"]);
    assert!(asked.expect(0).out.contains("2 of 2 steps"));
}

#[test]
fn create_with_a_key_makes_one_order() {
    let setting = Setting::new();
    let server = setting.program.serve();
    let url = setting.remote.url();
    let create = |key: &str, request: &str| setting.run(&["create", "--repo", &url, "--idempotency-key", key, request]);
    let first = create("k-1", "a").expect(0).out;
    assert_eq!(create("k-1", "a").expect(0).out, first);
    assert_ne!(create("k-2", "a").expect(0).out, first);
    let reused = create("k-1", "b").expect(2);
    assert!(reused.err.contains("k-1") && reused.err.contains(first.trim()), "{reused:?}");
    completed(&server, first.trim());
    assert_eq!(setting.run(&["list", "--json"]).expect(0).json().as_array().map(Vec::len), Some(2));
}

#[test]
fn watching_shows_each_step_when_it_ends() {
    let setting = Setting::new();
    for role in ROLES {
        setting.agent.hold(role);
    }
    let server = setting.program.serve();
    let id = setting.create(&server);
    let mut watch = setting.program.command(["steps", &id, "--watch"]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let output = BufReader::new(watch.stdout.take().unwrap());
    let (teller, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| teller.send(line)));
    let shown = |words: &str| {
        while !lines
            .recv_timeout(Duration::from_mins(1))
            .unwrap_or_else(|_| panic!("{words}: not shown"))
            .contains(words)
        {}
    };
    for (role, step) in ROLES.iter().zip(STEPS) {
        setting.at_work(role, 1);
        setting.agent.release(role);
        // The next agent is held, so this line can come of this step's end only.
        shown(&format!("✔ {step} "));
    }
    shown("completed");
    assert_eq!(eventually("it ends", || watch.try_wait().unwrap()).code(), Some(0));
}

#[test]
fn an_interrupted_run_is_left_for_the_next_server() {
    let setting = Setting::new();
    setting.agent.hold("planner");
    let url = setting.remote.url();
    let mut run = setting.program.command(["run", "--repo", &url, "x"]);
    let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let group = setting.at_work("planner", 1).process;
    let process = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    assert_eq!(eventually("it ends", || run.try_wait().unwrap()).code(), Some(1));
    crate::setting::group_ends(group);
    setting.agent.release("planner");
    let server = setting.program.serve();
    let id = text(&setting.run(&["list", "--json"]).expect(0).json()[0]["agent_work_order_id"]);
    assert_eq!(completed(&server, &id)["steps_completed"], 7);
}

#[test]
fn doctor_says_what_it_found() {
    let setting = Setting::new();
    let found = setting.run(&["doctor", "--json"]);
    let findings = found.json();
    let of = |thing: &str| {
        let findings = findings["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["thing"] == thing).unwrap_or_else(|| panic!("{thing}")).clone()
    };
    assert_eq!(of("git")["good"], true);
    assert!(text(&of("git")["found"]).starts_with("git version "));
    assert_eq!((&of("permissions")["good"], &of("data")["good"]), (&true.into(), &true.into()));
    assert!(text(&of("server")["found"]).contains("none"));
    let server = setting.program.serve();
    let with_server = setting.run(&["doctor", "--json"]).json();
    assert!(with_server.to_string().contains(server.address()), "{with_server:#}");

    let without = program().with_variable("CLAUDE_CLI_PATH", "/nonexistent/claude");
    let told = crate::setting::Told::from(without.run(["doctor"])).expect(1);
    assert!(told.out.contains("✘ claude") && told.out.contains("CLAUDE_CLI_PATH"), "{told:?}");
}

#[test]
fn the_demo_saves_eight_times() {
    let spills = tempfile::tempdir().unwrap();
    let of_a_server = spills.path().join("wo-0123456789abcdef0123456789abcdef.spill.json");
    std::fs::write(&of_a_server, "{}").unwrap();
    let demo = program().with_variable("AWO_SPILL_DIR", spills.path().to_str().unwrap());
    let demo = crate::setting::Told::from(demo.run(["demo", "--json"])).expect(0).json();
    assert!(of_a_server.exists(), "the demo has a store of its own, and nothing to say of the results of others");
    assert_eq!(demo["saves"], 8);
    assert_eq!((&demo["order"]["status"], &demo["order"]["finishing"]), (&"completed".into(), &false.into()));
    assert_eq!(told(demo["steps"]["steps"].as_array().unwrap()), STEPS.map(|step| format!("{step} 1 ok")));
    assert_eq!(demo["order"]["git_commit_count"], 1);
}

#[test]
fn a_settings_file_sets_what_flags_and_variables_do_not() {
    let setting = Setting::new();
    let file = setting.program.place().join("awo.toml");
    let path = setting.program.place().join("elsewhere");
    let text = format!("agent = \"scripted\"\nworkspaces_dir = {:?}\nkeep_workspaces = true\n", path.to_str().unwrap());
    std::fs::write(&file, text).unwrap();
    let server = setting.program.serve_with(["--config", file.to_str().unwrap(), "--agent", "claude"]);
    let id = setting.create(&server);
    let order = completed(&server, &id);
    assert_eq!(order["agent"], "claude", "the flag wins");
    let own = std::fs::read_dir(&path).unwrap().next().unwrap().unwrap().path();
    assert!(own.join(&id).is_dir(), "the file counts, and the data directory has a part of it");
    assert_eq!(server.get("/health").json()["agents"], json!(["claude", "codex", "gemini", "opencode", "scripted"]));
    let version = server.get("/").json()["version"].clone();
    assert_eq!(version, Value::from(env!("CARGO_PKG_VERSION")));
}

/// A socket in front of a server's: the connection on which the first answer comes is closed instead.
fn losing_the_first_answer(path: &Path, server: PathBuf) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for (number, client) in listener.incoming().enumerate() {
            let (mut client, mut server) = (client.unwrap(), UnixStream::connect(&server).unwrap());
            let (mut asking, mut asked) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut asking, &mut asked));
            if number == 0 {
                server.read_exact(&mut [0]).unwrap();
                client.shutdown(Shutdown::Both).unwrap();
            } else {
                thread::spawn(move || std::io::copy(&mut server, &mut client));
            }
        }
    });
}

#[test]
fn a_run_whose_first_answer_is_lost_is_one_order() {
    let setting = Setting::new();
    let [own, lossy] = ["awo.sock", "lossy.sock"].map(|name| setting.program.place().join(name));
    let server = setting.program.serve_with(["--socket", own.to_str().unwrap()]);
    losing_the_first_answer(&lossy, own);
    let address = format!("unix:{}", lossy.display());
    let ran = setting.run(&["--server", &address, "run", "--repo", &setting.remote.url(), "--json", "Say hello"]);
    let id = ran.expect(0).json()["agent_work_order_id"].clone();
    let orders = server.get(ORDERS).json();
    assert_eq!(orders.as_array().map(Vec::len), Some(1), "{orders:#}");
    assert_eq!(orders[0]["agent_work_order_id"], id);
}
