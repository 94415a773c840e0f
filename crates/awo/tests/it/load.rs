//! Many clients, many orders, long outputs.

use std::thread;

use awo_testkit::http::call;
use awo_testkit::{ROLES, Server, until};
use serde_json::json;

use crate::setting::{ORDERS, Setting, completed, create, has_ended, steps, text};

/// Follows an order to its end: half of the clients ask and ask again, the others wait for news. Lengths as seen.
fn follow(server: &Server, id: &str, waits: bool) -> Vec<usize> {
    let mut lengths = Vec::new();
    let mut version = 0;
    loop {
        let query = if waits { format!("?wait=30&after={version}") } else { String::new() };
        let answer = call(server.address(), "GET", &format!("{ORDERS}/{id}/steps{query}"), &[], None).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        let seen = answer.json();
        let steps = seen["steps"].as_array().unwrap();
        let names: Vec<_> = steps.iter().map(|step| text(&step["step"])).collect();
        assert_eq!(names, crate::setting::STEPS[..steps.len()], "a history is a beginning of the whole");
        lengths.push(steps.len());
        assert!(seen["version"].as_u64().unwrap() >= version, "a version went backwards");
        version = seen["version"].as_u64().unwrap();
        if has_ended(&seen) {
            return lengths;
        }
    }
}

fn fifty_follow(setting: &Setting, last: usize) {
    setting.agent.hold(ROLES[0]);
    let server = setting.program.serve();
    let id = setting.create(&server);
    thread::scope(|scope| {
        let followers: Vec<_> = (0..50)
            .map(|n| {
                let (server, id) = (&server, &id);
                scope.spawn(move || follow(server, id, n % 5 != 0))
            })
            .collect();
        setting.at_work(ROLES[0], 1);
        setting.agent.release(ROLES[0]);
        for follower in followers {
            let lengths = follower.join().unwrap();
            assert!(lengths.is_sorted(), "a history shrank: {lengths:?}");
            assert_eq!((lengths.first(), lengths.last()), (Some(&0), Some(&last)));
        }
    });
}

#[test]
fn fifty_clients_see_one_growing_history() {
    fifty_follow(&Setting::new(), 7);
}

#[test]
fn fifty_clients_see_the_workflow_fail() {
    let setting = Setting::new();
    setting.agent.fail("implementor", "no");
    fifty_follow(&setting, 5);
}

#[test]
fn five_thousand_lines_of_every_step_are_readable_whole() {
    let setting = Setting::new();
    let talkative = ["planner", "implementor", "code_reviewer", "tester", "committer"];
    // Of these the engine keeps what it understood, and their words in the transcript.
    let laconic = ["classifier", "plan_finder", "pr_creator"];
    for role in talkative.iter().chain(&laconic) {
        setting.agent.lengthen(role, 5_000);
    }
    let server = setting.program.serve();
    let mut body = setting.body();
    body["optional_steps"] = json!(["review", "test"]);
    let id = create(&server, &body);
    completed(&server, &id);
    let steps = steps(&server, &id);
    assert_eq!(steps.len(), 9);
    let said = |text: &str| text.matches(" of what I have to say").count();
    for (index, step) in steps.iter().enumerate() {
        let role = text(&step["agent_name"]);
        let output = text(&step["output"]);
        let whole = if talkative.contains(&&*role) { 5_000 } else { 0 };
        assert_eq!(said(&output), whole, "{role}");
        assert!(whole == 0 || output.ends_with("line 5000 of what I have to say"), "{role}");
        assert_eq!(step["output_truncated"], false, "{role}");
        let answer = server.get(&format!("{ORDERS}/{id}/steps/{}/output", index + 1));
        assert_eq!((answer.status, answer.text), (200, output));
        if laconic.contains(&&*role) {
            let transcript = setting.artifact(&id, &text(&step["artifacts"][0]));
            assert_eq!(said(&transcript), 5_000, "{role}");
        }
    }
}

#[test]
fn twenty_orders_at_once_all_complete() {
    // The agent without directions, which starts fewer programs.
    let agent = awo_testkit::programs::path("stream-json-agent.sh");
    let setting = Setting::with(&[("CLAUDE_CLI_PATH", agent.to_str().unwrap())]);
    let server = setting.program.serve();
    let ids: Vec<String> = thread::scope(|scope| {
        let creators: Vec<_> = (0..20).map(|_| scope.spawn(|| setting.create(&server))).collect();
        creators.into_iter().map(|creator| creator.join().unwrap()).collect()
    });
    let mut branches: Vec<_> = ids.iter().map(|id| text(&completed(&server, id)["git_branch_name"])).collect();
    branches.push("main".into());
    branches.sort();
    assert_eq!(setting.remote.branches(), branches, "twenty branches of their own");
    for id in &ids {
        assert_eq!(steps(&server, id).len(), 7);
    }
    let listed = server.get(&format!("{ORDERS}?status=completed"));
    assert_eq!(listed.header("x-total-count"), Some("20"));
    assert_eq!(listed.json().as_array().map(Vec::len), Some(20));
    // An order has ended when that is stored; its checkout may be on its way out for a moment longer.
    until("nothing runs any more", || server.get("/health").json()["running"] == 0);
    setting.nothing_is_left();
}
