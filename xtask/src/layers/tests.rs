use super::rules::{Edge, Kind, broken_by_manifests, broken_by_tree};
use super::source::outside_names;
use super::*;

const MEMBERS: &[&str] = &["awo", "awo-adapters", "awo-engine", "awo-http", "awo-models", "awo-state", "awo-testkit"];

fn edge(from: &str, to: &str, kind: Kind, features: &[&str]) -> Edge {
    let features = features.iter().map(ToString::to_string).collect();
    Edge { from: from.to_owned(), to: to.to_owned(), kind, features }
}

/// The only message about one normal dependency, or nothing.
#[track_caller]
fn check_normal(from: &str, to: &str, expected: &str) {
    check(&edge(from, to, Kind::Normal, &[]), expected);
}

#[track_caller]
fn check(edge: &Edge, expected: &str) {
    assert_eq!(broken_by_manifests(MEMBERS, std::slice::from_ref(edge)).join("\n"), expected);
}

#[test]
fn this_repository_keeps_its_layers() {
    let repository = Repository::find().unwrap();
    let mut problems = in_manifests(&repository.metadata().unwrap());
    problems.extend(in_engine_source(&repository).unwrap());
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn an_edge_of_the_table_is_allowed() {
    check_normal("awo-engine", "awo-state", "");
    check_normal("awo", "anyhow", "");
    check_normal("awo-adapters", "tokio", "");
    check(&edge("awo-http", "awo-testkit", Kind::Development, &[]), "");
}

#[test]
fn an_inner_crate_may_not_use_an_outer_one() {
    check_normal("awo-models", "awo-state", "awo-models → awo-state: awo-models may not use awo-state");
    check_normal("awo-http", "awo-adapters", "awo-http → awo-adapters: awo-http may not use awo-adapters");
    check_normal("awo-state", "awo-engine", "awo-state → awo-engine: banned");
}

#[test]
fn a_test_edge_is_not_a_normal_edge() {
    check(&edge("awo-http", "awo-state", Kind::Development, &["memory"]), "");
    check_normal("awo-http", "awo-state", "awo-http → awo-state: awo-http may not use awo-state");
    let message = "awo-models → awo-testkit: awo-models may not use awo-testkit in its tests: \
                   the test kit is for tests only";
    check(&edge("awo-models", "awo-testkit", Kind::Development, &[]), message);
}

#[test]
fn the_test_kit_is_never_a_normal_dependency() {
    for from in MEMBERS.iter().filter(|from| **from != "awo-testkit") {
        let problems = broken_by_manifests(MEMBERS, &[edge(from, "awo-testkit", Kind::Normal, &[])]);
        assert_eq!(problems.len(), 1, "{from}");
        assert!(problems[0].contains("tests only"), "{problems:?}");
    }
}

#[test]
fn the_engine_uses_the_state_without_features() {
    let message = "awo-engine → awo-state: without features, so that it can name no backend; found memory";
    check(&edge("awo-engine", "awo-state", Kind::Normal, &["memory"]), message);
    check(&edge("awo-engine", "awo-state", Kind::Development, &["memory"]), "");
}

#[test]
fn banned_crates_are_named() {
    check_normal("awo-models", "tokio", "awo-models → tokio: banned");
    check_normal("awo-engine", "axum", "awo-engine → axum: banned");
    check_normal("awo-adapters", "anyhow", "awo-adapters → anyhow: errors have types outside of awo and xtask");
    let problems = broken_by_tree("awo-engine", &["awo-engine", "serde", "reqwest"]);
    assert_eq!(problems, ["awo-engine reaches reqwest: see `cargo tree -p awo-engine -i reqwest`"]);
}

#[test]
fn a_crate_without_a_row_is_reported() {
    let problems = broken_by_manifests(&["awo-extra"], &[]);
    assert_eq!(problems, ["awo-extra is not in the table of layers; add a row that says what it may use"]);
}

#[test]
fn names_of_the_outside_are_found_where_they_stand() {
    let text = "use std::fs;\nfn f() { ::std::process::exit(1) }\n\nuse tokio :: process::Command;\n";
    assert_eq!(outside_names(text), [(1, "std::fs"), (2, "std::process"), (4, "tokio::process")]);
}

#[test]
fn grouped_imports_are_unfolded() {
    let text = "use std::{\n    collections::{BTreeMap, HashMap},\n    env,\n    fs::{self, File},\n};\n";
    assert_eq!(outside_names(text), [(1, "std::env"), (1, "std::fs")]);
    assert_eq!(outside_names("use std::{collections::{fs, env}, sync::Arc};"), []);
}

#[test]
fn comments_and_literals_do_not_count() {
    let text = r##"
        // std::fs
        /* std::env /* std::env */ std::env */
        /// See std::process.
        const A: &str = "std::fs \" std::fs"; const B: &str = r#"std::fs " std::fs"#;
        const C: char = '"'; const D: char = '\''; fn f<'a>(x: &'a str) {}
        use mystd::fs; use std::fs_extra; use std::sync::Arc;
    "##;
    assert_eq!(outside_names(text), []);
    let after = "const C: char = '\"'; use std::fs;";
    assert_eq!(outside_names(after), [(1, "std::fs")]);
}
