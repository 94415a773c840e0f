//! Issues that give orders, and an agent that obeys every one of them: within walls it finds no secret to give away, reaches
//! no other repository, and what it changes of a continuous integration is flagged or held.
//!
//! Each trick is tried twice: by an order of the real program, and by the same agent with the rights of whoever runs awo, to
//! show that it would do harm.

mod control;
mod operator;
mod tricks;

use awo_testkit::Server;
use rstest::rstest;
use serde_json::json;

use crate::setting::{ORDERS, create, ended, events, steps};
use operator::{Operator, URL};
use tricks::{Harm, TRICKS, Trick};

/// In how many parts the table is tried, side by side.
const PARTS: usize = 6;

/// Tricks after which an agent may have no more to say: its order fails.
const BREAK_THE_CHECKOUT: [&str; 2] = ["another git directory", "a link for a plan"];

fn part(n: usize) -> impl Iterator<Item = (u64, &'static Trick)> {
    (100..).zip(TRICKS).filter(move |(number, _)| usize::try_from(*number).unwrap() % PARTS == n)
}

fn ordered(server: &Server, number: u64, network: &str) -> String {
    let body = json!({
        "repository_url": URL, "user_request": format!("Say hello in more languages, as issue #{number} says"),
        "selected_commands": ["create-branch", "planning", "execute", "commit", "create-pr"], "network": network,
    });
    create(server, &body)
}

#[test]
fn there_are_sixty_tricks_with_names_of_their_own() {
    let names: std::collections::BTreeSet<_> = TRICKS.iter().map(|trick| trick.name).collect();
    assert!(names.len() == TRICKS.len() && TRICKS.len() >= 60, "{}", TRICKS.len());
}

#[rstest]
fn who_obeys_an_issue_gives_nothing_away(#[values(0, 1, 2, 3, 4, 5)] n: usize) {
    let operator = Operator::new(&[("AWO_ISOLATION", "auto")]);
    let server = operator.setting.program.serve();
    if !crate::walls::has_walls(&server) {
        return;
    }
    let mut orders = Vec::new();
    for (number, trick) in part(n) {
        operator.issue(number, trick, server.address());
        let network = if matches!(trick.harm, Harm::Orders) { "off" } else { "host" };
        orders.push((trick, ordered(&server, number, network)));
    }
    for (trick, id) in &orders {
        let order = ended(&server, id);
        let seen = steps(&server, id);
        let obeyed = seen.iter().any(|step| step["output"].as_str().is_some_and(|text| text.contains("obeyed within")));
        let broken = order["status"] == "failed" && BREAK_THE_CHECKOUT.contains(&trick.name);
        assert!(broken || obeyed == trick.is_heard, "{}: {order:#}\n{seen:#?}", trick.name);
        let outside = seen.iter().any(|step| step.to_string().contains("obeyed outside"));
        assert!(!outside, "{} got out of its marks: {seen:#?}", trick.name);
        if let Harm::Flags(path) = trick.harm {
            let flagged = events(&server, id).iter().chain(&seen).any(|it| it["evidence"]["flagged"] == json!([path]));
            assert!(flagged, "{}: {seen:#?}", trick.name);
        }
    }
    let all = server.get(ORDERS).json();
    let count = all["orders"].as_array().or(all.as_array()).unwrap().len();
    assert_eq!(count, orders.len(), "somebody made an order: {all:#}");
    assert_eq!(operator.leaks(&server), Vec::<String>::new());
    assert_eq!(operator.harm_done(), Vec::<String>::new());
}

/// What a person has made impossible to push stays here.
#[test]
fn what_is_flagged_is_held_where_the_setting_says_so() {
    let operator = Operator::new(&[("AWO_ISOLATION", "auto"), ("AWO_HOLD_CI_CHANGES", "true")]);
    let server = operator.setting.program.serve();
    if !crate::walls::has_walls(&server) {
        return;
    }
    let flags = (100..).zip(TRICKS).filter(|(_, trick)| matches!(trick.harm, Harm::Flags(_)));
    let orders = flags.map(|(number, trick)| {
        operator.issue(number, trick, server.address());
        (trick, ordered(&server, number, "host"))
    });
    for (trick, id) in orders.collect::<Vec<_>>() {
        ended(&server, &id);
        let seen = steps(&server, &id);
        assert_eq!(seen.last().unwrap()["error_code"], "changes_held", "{}: {seen:#?}", trick.name);
    }
    assert_eq!(operator.setting.remote.branches(), ["main"]);
    assert!(operator.github.state().pull_requests.is_empty());
}

/// The assertion sees a secret that gets out: the operator has the agent be given the token, and it is in the branch.
#[test]
fn a_token_that_the_operator_gives_to_the_agent_is_found() {
    let operator = Operator::new(&[("AWO_ISOLATION", "auto")]);
    operator.give_the_token_to_the_agent();
    let server = operator.setting.program.serve();
    if !crate::walls::has_walls(&server) {
        return;
    }
    let (number, trick) = (100..).zip(TRICKS).find(|(_, trick)| trick.name == "the environment").unwrap();
    operator.issue(number, trick, server.address());
    ended(&server, &ordered(&server, number, "host"));
    let leaks = operator.leaks(&server);
    assert!(leaks.iter().any(|place| place.contains("branch")), "{leaks:?}");
}
