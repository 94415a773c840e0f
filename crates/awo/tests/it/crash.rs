//! The server is killed as a power cut would, after every step; the next one goes on.

use awo_testkit::{ROLES, group_runs};
use rstest::rstest;

use crate::setting::{STEPS, Setting, completed, events, group_ends, order, steps, told};

#[rstest]
fn a_killed_server_loses_no_step_and_the_next_one_goes_on(#[values(1, 2, 3, 4, 5, 6)] done: usize) {
    let setting = Setting::new();
    let role = ROLES[done];
    setting.agent.hold(role);
    let mut server = setting.program.serve();
    let id = setting.create(&server);
    let orphan = setting.at_work(role, 1).process;
    assert_eq!(steps(&server, &id).len(), done);
    server.kill();
    group_ends(orphan); // nobody tells it to but its keeper
    let read = setting.run(&["steps", &id, "--json"]).expect(0).json();
    assert_eq!(read["steps"].as_array().unwrap().len(), done, "what was saved can be read without a server");

    let server = setting.program.serve();
    let before = steps(&server, &id);
    assert!(before.len() >= done, "{before:#?}");
    // Nobody asks for it: the order goes on by itself, after what was left of its agent has been ended.
    let second = setting.at_work(role, 2).process;
    assert!(!group_runs(orphan), "two agents are in one checkout");
    assert_ne!(orphan, second);
    setting.agent.release(role);
    let order = completed(&server, &id);

    let mut expected: Vec<_> = STEPS.iter().map(|step| format!("{step} 1 ok")).collect();
    expected[done] = format!("{} 1 interrupted", STEPS[done]);
    expected.insert(done + 1, format!("{} 2 ok", STEPS[done]));
    assert_eq!(told(&steps(&server, &id)), expected);
    assert_eq!(steps(&server, &id)[..done], before[..done], "what was saved stays as it was");
    let roles: Vec<_> = setting.agent.calls().into_iter().map(|call| call.role).collect();
    let mut expected = ROLES.to_vec();
    expected.insert(done, role);
    assert_eq!(roles, expected, "no finished step ran again");
    assert_eq!(order["steps_completed"], 7);
    let claims = events(&server, &id).iter().filter(|event| event["kind"] == "claimed").count();
    assert_eq!(claims, 2);
    group_ends(second);
    setting.nothing_is_left();
    let branch = order["git_branch_name"].as_str().unwrap();
    assert_eq!(setting.remote.log(branch).len(), 2, "one commit, made once");
}

/// Nobody is left who could end the agent, until the next server is there.
#[test]
fn a_server_that_is_killed_with_its_keepers_leaves_an_agent_that_the_next_one_ends() {
    let setting = Setting::new();
    setting.agent.hold("planner");
    setting.agent.deafen("planner");
    let mut server = setting.program.serve();
    let id = setting.create(&server);
    let orphan = setting.at_work("planner", 1).process;
    server.freeze();
    let keepers = server.keepers();
    assert!(!keepers.is_empty());
    keepers.into_iter().for_each(awo_testkit::kill);
    server.kill();
    assert!(group_runs(orphan), "the agent of the killed server runs on, with its child");

    let server = setting.program.serve();
    setting.at_work("planner", 2);
    assert!(!group_runs(orphan), "two agents are in one checkout");
    setting.agent.release("planner");
    completed(&server, &id);
    setting.nothing_is_left();
}

/// The work was done and nobody was told: it is done again on top, and delivered once.
#[rstest]
fn work_whose_result_was_lost_is_done_again(#[values(1, 4)] done: usize) {
    let setting = Setting::new();
    let role = ROLES[done];
    setting.agent.hold_answer(role);
    let mut server = setting.program.serve();
    let id = setting.create(&server);
    awo_testkit::until("the agent has worked", || setting.agent.has_worked(role));
    server.kill();
    setting.agent.release_answer(role);

    let server = setting.program.serve();
    let order = completed(&server, &id);
    let history = told(&steps(&server, &id));
    assert_eq!(history[done..done + 2], [format!("{} 1 interrupted", STEPS[done]), format!("{} 2 ok", STEPS[done])]);
    let branch = order["git_branch_name"].as_str().unwrap();
    assert_eq!(setting.remote.log(branch), ["feat: say hello in more languages", "first commit"]);
}

#[test]
fn a_server_that_was_killed_while_orders_waited_runs_them_all() {
    let setting = Setting::with(&[("AWO_MAX_RUNNING", "1")]);
    setting.agent.hold("classifier");
    let mut server = setting.program.serve();
    let ids: Vec<_> = (0..3).map(|_| setting.create(&server)).collect();
    setting.at_work("classifier", 1);
    server.kill();
    setting.agent.release("classifier");
    let server = setting.program.serve();
    let mut begun: Vec<_> = ids.iter().map(|id| completed(&server, id)["started_at"].to_string()).collect();
    assert!(begun.is_sorted(), "oldest first: {begun:?}");
    begun.dedup();
    assert_eq!(begun.len(), 3);
    assert_eq!(order(&server, &ids[1])["current_phase"], "completed");
}
