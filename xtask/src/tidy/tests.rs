use super::*;

#[test]
fn this_repository_is_tidy() {
    let findings = check(&Repository::find().unwrap()).unwrap();
    assert_eq!(findings.problems, Vec::<String>::new());
}

#[test]
fn a_module_says_what_it_owns() {
    let missing = "crates/awo/src/a.rs:1: begin with a `//!` line that says what the module owns";
    assert_eq!(modules::without_sentence("crates/awo/src/a.rs", "//! Owns a.\n"), None);
    assert_eq!(modules::without_sentence("crates/awo/src/a.rs", "//!\nuse b;\n").as_deref(), Some(missing));
    assert_eq!(modules::without_sentence("crates/awo/src/a.rs", "").as_deref(), Some(missing));
    assert!(modules::without_sentence("xtask/src/a.rs", "use b;\n").is_some());
    for exempt in ["crates/awo/src/a/tests.rs", "crates/awo/src/a/tests/b.rs", "crates/awo/tests/it/main.rs"] {
        assert_eq!(modules::without_sentence(exempt, "use b;\n"), None, "{exempt}");
    }
}

#[test]
fn long_files_are_reported() {
    let lines = |count: usize| modules::too_long("crates/awo/tests/it/main.rs", &"x\n".repeat(count));
    assert_eq!(lines(400), None);
    assert!(matches!(lines(401), Some(modules::Length::Warning(_))));
    assert!(matches!(lines(800), Some(modules::Length::Warning(_))));
    assert!(matches!(lines(801), Some(modules::Length::Problem(_))));
    assert_eq!(modules::too_long("docs/openapi.json", &"x\n".repeat(2000)), None);
}

#[test]
fn banned_words_are_reported_with_their_line() {
    let word = concat!("to", "do!");
    let problems = words::banned("crates/awo/src/a.rs", &format!("fn a() {{\n    {word}()\n}}\n"));
    assert_eq!(problems, [format!("crates/awo/src/a.rs:2: `{word}`: finish it, or leave it out")]);
    let host = concat!("static.crates", ".io");
    assert_eq!(words::banned("README.md", host).len(), 1);
    assert_eq!(words::banned("Cargo.lock", host), Vec::<String>::new());
}

#[test]
fn paths_of_this_machine_are_told_from_others() {
    let banned = |line: &str| !words::banned("a", line).is_empty();
    assert!(banned(concat!("cd \"/wo", "rk/x\"")));
    assert!(banned(concat!("/ro", "ot/.cache")));
    assert!(!banned(concat!("site/wo", "rk/x")));
    assert!(!banned(concat!("$HOME/{name}/wo", "rk/x")));
}

/// The broken links of a page among the files `README.md`, `docs/other.md` and `src/lib.rs`.
#[track_caller]
fn check_links(page: &str, text: &str, expected: &[&str]) {
    let mut pages = links::Pages::new(["README.md", "docs/other.md", "src/lib.rs"].into_iter());
    pages.add("docs/other.md", "# The `Run` loop, again\n## Files\n## Files\n<a id=\"by-hand\"></a>\n");
    pages.add(page, text);
    assert_eq!(pages.broken(), expected);
}

#[test]
fn links_to_what_is_there_are_fine() {
    check_links("README.md", "[a](docs/other.md) ![b](src/lib.rs) [c](./docs) [d](<docs/other.md> \"title\")", &[]);
    check_links("README.md", "[a](docs/other.md#the-run-loop-again) [b](docs/other.md#files-1)", &[]);
    check_links("README.md", "[a](docs/other.md#by-hand) [b](#top)\n# Top\n[x]: src/lib.rs#L3", &[]);
    check_links("docs/page.md", "[a](../README.md) [b](other.md) [c](/src/lib.rs)", &[]);
    check_links("README.md", "[a](https://example.org/x) [b](mailto:a@example.org)", &[]);
}

#[test]
fn links_to_nowhere_are_named() {
    let file = "there is no such file in the repository";
    let heading = "there is no such heading in the page";
    check_links("README.md", "x\n[a](docs/gone.md)", &[&format!("README.md:2: link to docs/gone.md: {file}")]);
    check_links("README.md", "[a]: gone.md", &[&format!("README.md:1: link to gone.md: {file}")]);
    check_links("README.md", "<img src=\"gone.png\">", &[&format!("README.md:1: link to gone.png: {file}")]);
    check_links(
        "README.md",
        "[a](docs/other.md#gone) [b](#gone)",
        &[
            &format!("README.md:1: link to docs/other.md#gone: {heading}"),
            &format!("README.md:1: link to #gone: {heading}"),
        ],
    );
    check_links("README.md", "[a](../x.md)", &["README.md:1: link to ../x.md: it leads out of the repository"]);
}

#[test]
fn code_holds_no_links() {
    check_links("README.md", "`[a](gone.md)` ``[`b`](gone.md)``\n```\n[c](gone.md)\n# Not a heading\n```\n", &[]);
}

#[test]
fn only_pages_for_people_are_read() {
    for page in ["README.md", "docs/a.md", "docs/decisions/0001-a.md", "crates/awo-state/README.md"] {
        assert!(links::is_page(page), "{page}");
    }
    for other in ["crates/awo-adapters/prompts/plan.md", "docs/openapi.json", "crates/a/tests/README.md"] {
        assert!(!links::is_page(other), "{other}");
    }
}

#[test]
fn a_snapshot_needs_its_test() {
    let files = ["crates/awo/src/a.rs".to_owned()];
    let problem = |text| snapshots::without_source("crates/awo/src/snapshots/a.snap", text, &files);
    assert_eq!(problem("---\nsource: crates/awo/src/a.rs\nexpression: x\n---\nbody"), None);
    assert!(problem("---\nsource: crates/awo/src/b.rs\n---\nbody").unwrap().contains("src/b.rs, which is gone"));
    assert!(problem("---\nexpression: x\n---\nsource: crates/awo/src/a.rs").unwrap().contains("names no source"));
}

#[test]
fn a_snapshot_that_no_test_read_is_reported() {
    let files = ["a/x.snap".to_owned(), "a/y.snap".to_owned(), "a/z.rs".to_owned()];
    let root = std::path::Path::new("/nowhere");
    let problems = snapshots::not_in(root, &files, &[root.join("a/x.snap")]);
    assert_eq!(problems, ["a/y.snap: no test reads it; remove it, or find out why its test did not run"]);
}
