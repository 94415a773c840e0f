//! Orders that somebody no longer wants: nothing of them runs on.

use awo_testkit::{eventually, group_runs};
use rstest::rstest;
use serde_json::json;

use crate::setting::{ORDERS, Setting, ended, group_ends, order, steps, told};

#[rstest]
fn a_pending_order_is_cancelled_at_once(#[values(true, false)] by_command: bool) {
    let setting = Setting::with(&[("AWO_MAX_RUNNING", "1")]);
    setting.agent.hold("classifier");
    let server = setting.program.serve();
    let first = setting.create(&server);
    setting.at_work("classifier", 1);
    let second = setting.create(&server);
    assert_eq!(order(&server, &second)["status"], "pending");

    let cancelled = if by_command {
        setting.run(&["cancel", &second, "--json"]).expect(0).json()
    } else {
        let answer = server.post(&format!("{ORDERS}/{second}/cancel"), &json!({}));
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.json()
    };
    assert_eq!((&cancelled["status"], &cancelled["error_code"]), (&"cancelled".into(), &"cancelled".into()));
    let again = server.post(&format!("{ORDERS}/{second}/cancel"), &json!({}));
    assert_eq!(again.status, 409, "{}", again.text);
    assert!(again.text.contains("cancelled"), "it names the status: {}", again.text);
    let told = setting.run(&["cancel", &second]).expect(2);
    assert!(told.err.contains("cancelled"), "{told:?}");

    setting.agent.release("classifier");
    assert_eq!(ended(&server, &first)["status"], "completed", "the other goes on");
    assert_eq!(setting.agent.calls_of("classifier").len(), 1, "the cancelled one never began");
    assert_eq!(steps(&server, &second).len(), 0);
}

#[rstest]
fn a_running_order_ends_with_all_its_processes(#[values(true, false)] deaf: bool) {
    let setting = Setting::new();
    setting.agent.hold("implementor");
    if deaf {
        setting.agent.deafen("implementor");
    }
    let server = setting.program.serve();
    let id = setting.create(&server);
    let group = setting.at_work("implementor", 1).process;
    let told_now = setting.run(&["cancel", &id]).expect(0);
    assert!(told_now.out.contains("cancelled"), "{told_now:?}");
    if deaf {
        let seen = order(&server, &id);
        assert_eq!((&seen["status"], &seen["cancel_requested"]), (&"running".into(), &true.into()), "not yet gone");
        assert!(group_runs(group));
    }
    let order = ended(&server, &id);
    assert_eq!((&order["status"], &order["error_code"]), (&"cancelled".into(), &"cancelled".into()));
    assert!(!group_runs(group), "cancelled, but its processes run");
    assert_eq!(told(&steps(&server, &id))[4..], ["implement 1 cancelled"]);
    assert_eq!(server.post(&format!("{ORDERS}/{id}/cancel"), &json!({})).status, 409);
    assert_eq!(setting.remote.branches(), ["main"], "nothing was pushed");
    // What waited behind it gets its place.
    setting.agent.release("implementor");
    let next = setting.create(&server);
    assert_eq!(ended(&server, &next)["status"], "completed");
}

#[test]
fn ctrl_c_cancels_a_foreground_order_if_that_is_wanted() {
    let setting = Setting::new();
    setting.agent.hold("planner");
    let url = setting.remote.url();
    let mut command = setting.program.command(["run", "--on-interrupt", "cancel", "--repo", &url, "x"]);
    let mut child = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let group = setting.at_work("planner", 1).process;
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    let status = eventually("it ends", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(3));
    group_ends(group);
    let listed = setting.run(&["list", "--json"]).expect(0).json();
    assert_eq!(listed[0]["status"], "cancelled");
}
