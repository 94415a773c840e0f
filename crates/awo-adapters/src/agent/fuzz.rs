//! Every driver is read anything: lines of its own in any order and cut anywhere, lines of others, and no lines at all.

use std::sync::LazyLock;

use awo_testkit::programs::recordings;
use proptest::prelude::*;

use super::driver::{AgentDriver, Earlier, ProgramEnd};
use super::recordings::Case;
use crate::process::Exit;
use crate::{Claude, Codex, CommandDescription, CommandDriver, Gemini, LinesFormat, OpenCode};

/// A driver, and what must be in a line that gives an answer.
fn drivers() -> Vec<(Box<dyn AgentDriver>, &'static str)> {
    let described = CommandDescription {
        name: "described".into(),
        prompt_on_stdin: true,
        lines: Some(LinesFormat {
            kind: "type".into(),
            result_kind: "result".into(),
            text_kinds: vec!["message".into(), "text".into()],
            text: Some("content".into()),
            session: Some("session_id".into()),
            ..LinesFormat::default()
        }),
        ..CommandDescription::default()
    };
    vec![
        (Box::new(Claude), "result"),
        (Box::new(Codex), "turn.completed"),
        (Box::new(Gemini), "result"),
        (Box::new(OpenCode), "step_finish"),
        (Box::new(CommandDriver::new(described).expect("a good description")), "result"),
    ]
}

/// All lines of all recordings.
static LINES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let programs = ["claude", "codex", "gemini", "opencode"];
    let all = programs.into_iter().flat_map(recordings);
    all.flat_map(|recording| recording.output.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
});

fn line() -> impl Strategy<Value = String> {
    let recorded = || any::<prop::sample::Index>().prop_map(|index| index.get(&LINES).clone());
    prop_oneof![
        6 => recorded(),
        3 => (recorded(), any::<prop::sample::Index>()).prop_map(|(line, at)| {
            line[..line.floor_char_boundary(at.index(line.len() + 1))].to_owned()
        }),
        1 => "\\PC{0,80}",
        1 => r#"\{"type":"[a-z_.]{0,12}","(subtype|item|part|message|error|stats|usage)":(null|0|"x"|\[\]|\{\})\}"#,
    ]
}

fn exit() -> impl Strategy<Value = Exit> {
    prop_oneof![Just(Exit::Exited(0)), (0..256).prop_map(Exit::Exited), (1..32).prop_map(Exit::Signalled)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn nothing_makes_a_parser_panic_or_answer_without_a_result(
        lines in prop::collection::vec(line(), 0..25),
        exit in exit(),
        lingered: bool,
        may_use_tools: bool,
    ) {
        let end = ProgramEnd { exit, lingered, stderr_tail: "complaint".to_owned() };
        let mut case = Case::new();
        case.skip_permissions = may_use_tools;
        for (driver, sign) in drivers() {
            let outcome = case.outcome(&*driver, Earlier::Unknown, &lines.join("\n"), &end);
            if outcome.answer.is_ok() {
                prop_assert!(end.is_clean());
                prop_assert!(lines.iter().any(|line| line.contains(sign)), "{}: {lines:?}", driver.facts().name);
            }
        }
    }

    #[test]
    fn a_recording_that_is_cut_before_its_result_is_no_success(at: prop::sample::Index) {
        let end = ProgramEnd { exit: Exit::Exited(0), lingered: false, stderr_tail: String::new() };
        for ((driver, sign), program) in drivers().into_iter().zip(["claude", "codex", "gemini", "opencode"]) {
            for recording in recordings(program) {
                let output = &recording.output;
                let cut = &output[..output.floor_char_boundary(at.index(output.len() + 1))];
                let outcome = Case::new().outcome(&*driver, Earlier::Nothing, cut, &end);
                prop_assert!(
                    outcome.answer.is_err() || cut.lines().any(|line| line.contains(sign)),
                    "{program} {}: {cut}",
                    recording.name
                );
            }
        }
    }
}
