//! The templates of command lines, and how described output is read.

use std::ffi::OsString;

use awo_engine::ports::AgentSession;
use awo_models::FailureCode;

use super::*;
use crate::agent::ProgramEnd;
use crate::agent::recordings::Case;
use crate::process::Exit;

fn described(args: &[&str], lines: Option<LinesFormat>) -> Result<CommandDriver, TemplateError> {
    CommandDriver::new(CommandDescription {
        name: "mine".into(),
        args: args.iter().map(ToString::to_string).collect(),
        prompt_on_stdin: !args.iter().any(|argument| argument.contains("prompt_file")),
        lines,
        ..CommandDescription::default()
    })
}

fn filled(args: &[&str], change: impl FnOnce(&mut Case)) -> Vec<OsString> {
    let mut case = Case::new();
    case.request.session = AgentSession::New(None);
    change(&mut case);
    described(args, None).unwrap().invocation(&case.call()).unwrap().args
}

#[test]
fn places_are_filled_within_their_argument_and_read_by_no_shell() {
    let args = ["--file={prompt_file}", "-m", "{model}", "--turns", "{max_turns}", "plain; $(x)"];
    let all = filled(&args, |case| {
        case.request.model = Some("a model; rm -rf {session}".into());
        case.request.max_turns = Some(3);
    });
    assert_eq!(
        all,
        ["--file=/home/prompt.md", "-m", "a model; rm -rf {session}", "--turns", "3", "plain; $(x)"]
            .map(OsString::from)
    );
}

#[test]
fn what_there_is_nothing_for_is_left_out_with_its_option() {
    let args = ["run", "-m", "{model}", "--turns={max_turns}", "--quiet", "--session", "{session}"];
    assert_eq!(filled(&args, |_| {}), ["run", "--quiet"].map(OsString::from));
}

#[test]
fn a_value_is_no_option() {
    let mut case = Case::new();
    case.request.model = Some("--upload-pack=x".into());
    let refused = described(&["{model}"], None).unwrap().invocation(&case.call()).unwrap_err();
    assert!(refused.message.contains("begins with a dash"), "{refused}");
    let within = described(&["--model={model}"], None).unwrap().invocation(&case.call()).unwrap();
    assert_eq!(within.args, ["--model=--upload-pack=x"].map(OsString::from));
}

#[test]
fn templates_that_cannot_be_used_are_named() {
    for (args, words) in [
        (&["{prompt}"][..], "{prompt} in the arguments means nothing"),
        (&["{"], "without its partner"),
        (&["}x{"], "without its partner"),
    ] {
        assert!(described(args, None).unwrap_err().to_string().contains(words), "{args:?}");
    }
    let nowhere = CommandDescription { name: "mine".into(), ..CommandDescription::default() };
    assert_eq!(CommandDriver::new(nowhere).unwrap_err(), TemplateError::NoPrompt);
}

#[test]
fn a_session_goes_on_where_that_is_described() {
    let description = CommandDescription {
        name: "mine".into(),
        args: vec!["--json".into()],
        resume_args: vec!["resume".into(), "{session}".into()],
        prompt_on_stdin: true,
        ..CommandDescription::default()
    };
    let driver = CommandDriver::new(description).unwrap();
    assert!(driver.facts().capabilities.resumes && !driver.facts().capabilities.chooses_session);
    let mut case = Case::new();
    assert_eq!(driver.invocation(&case.call()).unwrap().args, ["--json"].map(OsString::from));
    case.request.session = AgentSession::Resumed("s-1".into());
    assert_eq!(driver.invocation(&case.call()).unwrap().args, ["resume", "s-1", "--json"].map(OsString::from));
}

fn format() -> LinesFormat {
    let field = |name: &str| Some(name.to_owned());
    LinesFormat {
        kind: "event".into(),
        result_kind: "done".into(),
        answer: None,
        text_kinds: vec!["say".into()],
        text: field("words"),
        tool_kinds: vec!["tool".into()],
        tool: field("name"),
        error_kinds: vec!["broken".into()],
        error: field("error"),
        session: field("meta.session"),
        input_tokens: field("used.in"),
        output_tokens: field("used.out"),
        turns: field("used.turns"),
        cost_usd: field("used.usd"),
    }
}

fn read(lines: Option<LinesFormat>, output: &str, exit: i32) -> crate::agent::AgentOutcome {
    let end = ProgramEnd { exit: Exit::Exited(exit), lingered: false, stderr_tail: String::new() };
    Case::new().outcome(&described(&[], lines).unwrap(), Earlier::Nothing, output, &end)
}

#[test]
fn plain_output_is_the_answer_if_it_ends_well() {
    let code = |output, exit| read(None, output, exit).answer.map_err(|failure| failure.code);
    assert_eq!(code("\nfirst\n\nlast\n", 0), Ok("first\n\nlast".into()));
    assert_eq!(code("words", 1), Err(FailureCode::AgentCrashed));
    assert_eq!(code(" \n", 0), Err(FailureCode::AgentNoResult));
    assert_eq!(code(&"x".repeat(5 << 20), 0), Err(FailureCode::OutputInvalid));
}

#[test]
fn lines_are_read_as_they_are_described() {
    let output = r#"{"event":"begin","meta":{"session":"s-1"}}
        {"event":"say","words":"working"}
        {"event":"tool","name":"shell","command":"ls"}
        {"event":"say","words":"all done"}
        {"event":"done","used":{"in":10,"out":5,"turns":2,"usd":0.25}}"#;
    let outcome = read(Some(format()), output, 0);
    assert_eq!(outcome.answer.unwrap(), "all done".into());
    assert_eq!(outcome.session_id.as_deref(), Some("s-1"));
    let usage = outcome.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.turns, usage.cost_nanousd), (Some(10), Some(2), Some(250_000_000)));
}

#[test]
fn without_its_result_there_is_no_answer_and_an_error_is_a_failure() {
    let code = |output, exit| read(Some(format()), output, exit).answer.map_err(|failure| failure.code);
    assert_eq!(code(r#"{"event":"say","words":"all done"}"#, 0), Err(FailureCode::AgentNoResult));
    assert_eq!(code(r#"{"event":"done"}"#, 0), Err(FailureCode::AgentNoResult), "it said nothing");
    assert_eq!(code("{\"event\":\"say\",\"words\":\"x\"}\n{\"event\":\"done\"}", 3), Err(FailureCode::AgentCrashed));
    assert_eq!(code(r#"{"event":"broken","error":"status 429"}"#, 0), Err(FailureCode::AgentRateLimited));
    let failed = "{\"event\":\"say\",\"words\":\"x\"}\n{\"event\":\"done\",\"error\":true}";
    assert_eq!(code(failed, 0), Err(FailureCode::AgentCrashed));
    let fine = failed.replace("true", "false");
    assert_eq!(code(&fine, 0), Ok("x".into()));
}
