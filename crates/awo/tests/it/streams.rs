//! Streams of the real server, and of the terminal, across lost connections and servers.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use awo_testkit::eventually;
use serde_json::Value;

use crate::setting::{ORDERS, Setting, completed, events};

/// Reads a stream up to so many bytes, wherever that is, or to its end; nothing if nobody listens.
fn read(address: &str, path: &str, after: u64, bytes: u64) -> String {
    let host = address.strip_prefix("http://").unwrap();
    let Ok(mut stream) = TcpStream::connect(host) else { return String::new() };
    // Without chunks, which HTTP/1.0 does not have.
    let head =
        format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nAccept: text/event-stream\r\nLast-Event-ID: {after}\r\n\r\n");
    let mut answer = Vec::new();
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.take(bytes).read_to_end(&mut answer));
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
}

/// The events that a client got whole, and whether it got to the end.
fn whole(text: &str) -> (Vec<(u64, Value)>, bool) {
    let complete = &text[..text.rfind("\n\n").unwrap_or(0)];
    let blocks: Vec<_> = complete.split("\n\n").collect();
    let field = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.map(str::to_owned)
    };
    let events = blocks.iter().filter_map(|block| {
        let id = field(block, "id")?.parse().unwrap();
        Some((id, serde_json::from_str(&field(block, "data")?).unwrap()))
    });
    (events.collect(), blocks.iter().any(|block| field(block, "event").as_deref() == Some("end")))
}

#[test]
fn a_client_that_is_cut_anywhere_has_every_event_once_also_after_a_crash() {
    let setting = Setting::new();
    setting.agent.hold("implementor");
    let mut server = setting.program.serve();
    let id = setting.create(&server);
    let address = Arc::new(Mutex::new(server.address().to_owned()));
    let follower = std::thread::spawn({
        let (address, path) = (Arc::clone(&address), format!("{ORDERS}/{id}/events"));
        move || {
            let (mut record, mut chance, mut cuts) = (BTreeMap::new(), 0x9e37_79b9_u64, 0);
            let mut last = 0;
            eventually("the stream ends", || {
                chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let address = address.lock().unwrap().clone();
                let (events, ended) = whole(&read(&address, &path, last, 300 + (chance >> 33) % 1_500));
                cuts += 1;
                for (number, event) in events {
                    assert_eq!(number, last + 1, "after {cuts} cuts");
                    record.insert(number, event);
                    last = number;
                }
                ended.then_some(())
            });
            (record, cuts)
        }
    });
    setting.at_work("implementor", 1);
    server.kill();
    setting.agent.release("implementor");
    let server = setting.program.serve();
    server.address().clone_into(&mut address.lock().unwrap());
    completed(&server, &id);
    let (record, cuts) = follower.join().unwrap();
    assert!(cuts > 10, "{cuts}");
    assert_eq!(record.into_values().collect::<Vec<_>>(), events(&server, &id));
}

/// What a command prints, line by line.
pub(crate) fn lines(child: &mut Child) -> Receiver<String> {
    let output = BufReader::new(child.stdout.take().unwrap());
    let (teller, lines) = channel();
    std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| teller.send(line)));
    lines
}

/// The lines up to one that has these words.
#[track_caller]
pub(crate) fn until(lines: &Receiver<String>, words: &str) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let line = lines.recv_timeout(Duration::from_mins(2));
        all.push(line.unwrap_or_else(|_| panic!("{words}: not shown after {all:#?}")));
        if all.last().is_some_and(|line| line.contains(words)) {
            return all;
        }
    }
}

#[test]
fn the_terminal_follows_across_a_crash_of_the_server() {
    let setting = Setting::new();
    setting.agent.hold("implementor");
    let mut server = setting.program.serve();
    let id = setting.create(&server);
    let spawn = |arguments: &[&str]| setting.program.command(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut watch = spawn(&["steps", &id, "--watch"]);
    let mut logs = spawn(&["logs", &id, "--follow", "--json"]);
    let (watched, logged) = (lines(&mut watch), lines(&mut logs));
    until(&watched, "✔ generate_branch");
    until(&logged, "\"step\":\"generate_branch\"");
    setting.at_work("implementor", 1);
    let address = server.address().to_owned();
    server.kill();
    until(&watched, "still trying");
    setting.agent.release("implementor");
    let server = setting.program.serve_again(&address);
    let after = until(&watched, "completed");
    assert!(!after.iter().any(|line| line.contains("generate_branch ")), "shown twice: {after:#?}");
    assert!(after.iter().any(|line| line.contains("✔ create_pr")), "{after:#?}");
    assert_eq!(eventually("it ends", || watch.try_wait().unwrap()).code(), Some(0));
    completed(&server, &id);
    let told = setting.run(&["logs", &id, "--json"]).expect(0).out;
    let numbers = |lines: &str| {
        let number = |line: &str| serde_json::from_str::<Value>(line).unwrap()["number"].as_u64().unwrap();
        lines.lines().map(number).collect::<Vec<_>>()
    };
    let all = numbers(&told);
    assert_eq!(all, (1..=all.len() as u64).collect::<Vec<_>>());
    let last = format!("\"number\":{}", all.len());
    let followed = until(&logged, &last);
    assert!(!followed.iter().any(|line| line.contains("\"number\":1,")), "it began anew");
    logs.kill().unwrap();
    logs.wait().unwrap();
    let text = setting.run(&["logs", &id, "--step", "plan", "--level", "info,warning"]).expect(0).out;
    assert!(text.lines().all(|line| line.contains("step=plan")) && text.contains("step_completed"), "{text}");
    assert!(setting.run(&["logs", &id, "--level", "loud"]).expect(2).err.contains("level"));
}
