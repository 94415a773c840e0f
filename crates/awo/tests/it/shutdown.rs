//! A server that is asked to end hands its orders over; two never share a directory.

use awo_testkit::{ROLES, group_runs};
use rstest::rstest;

use crate::setting::{STEPS, Setting, completed, events, order, program, steps, told};

#[test]
fn a_step_that_does_not_end_is_handed_to_the_next_server() {
    let setting = Setting::new();
    setting.agent.hold("implementor");
    let mut server = setting.program.serve();
    let id = setting.create(&server);
    let group = setting.at_work("implementor", 1).process;
    server.terminate();
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    assert!(!group_runs(group), "the server is gone, and its agent runs");
    let shown = setting.run(&["show", &id, "--json"]).expect(0).json();
    assert_eq!((&shown["status"], &shown["steps_completed"]), (&"pending".into(), &4.into()));

    setting.agent.release("implementor");
    let server = setting.program.serve();
    completed(&server, &id);
    let mut expected: Vec<_> = STEPS.iter().map(|step| format!("{step} 1 ok")).collect();
    expected[4] = "implement 1 interrupted".into();
    expected.insert(5, "implement 2 ok".into());
    assert_eq!(told(&steps(&server, &id)), expected);
    assert!(events(&server, &id).iter().any(|event| event["kind"] == "handed_over"));
}

#[test]
fn a_step_that_ends_in_time_is_kept_and_no_other_begins() {
    let setting = Setting::new();
    setting.agent.hold("planner");
    let mut server = setting.program.serve();
    let id = setting.create(&server);
    setting.at_work("planner", 1);
    server.terminate();
    awo_testkit::until("the server takes no more orders", || {
        let answer = server.get("/health");
        answer.json()["accepting"] == false
    });
    let refused = server.post(crate::setting::ORDERS, &setting.body());
    assert_eq!(refused.status, 503, "{}", refused.text);
    setting.agent.release("planner");
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    assert_eq!(setting.agent.calls().len(), 2, "no step began after the request to end");

    let server = setting.program.serve();
    completed(&server, &id);
    assert_eq!(told(&steps(&server, &id)), STEPS.map(|step| format!("{step} 1 ok")), "nothing ran twice");
}

#[test]
fn a_second_server_on_a_data_directory_is_told_who_has_it() {
    let setting = Setting::new();
    let server = setting.program.serve();
    for arguments in [&["serve", "--bind", "127.0.0.1:0"][..], &["serve", "--bind", "127.0.0.1:0", "--state", "memory"]]
    {
        let told = setting.run(arguments).expect(5);
        assert!(told.err.contains(server.address()), "{told:?}");
        assert!(told.err.contains(&server.process().to_string()), "{told:?}");
        assert!(told.err.contains(setting.program.data_dir().to_str().unwrap()), "{told:?}");
    }
    let id = setting.create(&server);
    completed(&server, &id);
}

#[rstest]
#[case::any("0.0.0.0:0")]
#[case::any_six("[::]:0")]
fn only_this_machine_is_served(#[case] address: &str) {
    let told = crate::setting::Told::from(program().run(["serve", "--bind", address])).expect(2);
    assert!(told.err.contains("127.0.0.1") && told.out.is_empty(), "{told:?}");
}

#[test]
fn orders_in_memory_end_with_their_server() {
    let setting = Setting::new();
    let mut server = setting.program.serve_with(["--state", "memory"]);
    let id = setting.create(&server);
    completed(&server, &id);
    assert_eq!(setting.agent.calls().len(), ROLES.len());
    assert_eq!(setting.run(&["show", &id, "--json"]).expect(0).json()["status"], "completed");
    server.terminate();
    assert_eq!(server.ended().code(), Some(0));
    let server = setting.program.serve_with(["--state", "memory"]);
    assert_eq!(server.get(crate::setting::ORDERS).text, "[]");
    assert_eq!(server.get(&format!("{}/{id}", crate::setting::ORDERS)).status, 404);
}

#[test]
fn an_order_of_one_server_is_there_for_the_next() {
    let setting = Setting::new();
    let mut server = setting.program.serve();
    let id = setting.create(&server);
    let before = completed(&server, &id);
    let history = steps(&server, &id);
    server.kill();
    let server = setting.program.serve();
    assert_eq!(order(&server, &id), before);
    assert_eq!(steps(&server, &id), history);
    assert_eq!(setting.agent.calls().len(), ROLES.len(), "what has ended is not run again");
}
