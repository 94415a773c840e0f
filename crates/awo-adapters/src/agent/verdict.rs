//! Owns the decision what an execution came to, from who ended the program and what it said.

use awo_models::{Failure, FailureCode, ProgramExit};

use super::driver::{AgentOutcome, AgentParser, ProgramEnd};
use super::watch::Stopped;
use crate::process::{EndCause, Exit, RunEnd, RunLimits};

/// The outcome. Who stopped the program outweighs what it said, but for one that only would not end after its answer.
pub(super) fn settle(
    name: &str,
    parser: Box<dyn AgentParser>,
    end: RunEnd,
    stopped: Option<Stopped>,
    limits: &RunLimits,
) -> AgentOutcome {
    let failure = failure_of_stop(name, end.cause, stopped, limits);
    let lingered = stopped == Some(Stopped::Lingered);
    let outcome = parser.finish(&ProgramEnd { exit: end.exit, lingered, stderr_tail: end.stderr_tail });
    let answer = match failure {
        Some(failure) => Err(failure),
        None => outcome.answer.map_err(|failure| with_exit(failure, end.exit)),
    };
    AgentOutcome { answer, ..outcome }
}

/// A crash with how the program ended. One that reports its trouble in words may end with code 0: that says nothing.
fn with_exit(failure: Failure, exit: Exit) -> Failure {
    let exit = match exit {
        _ if failure.code != FailureCode::AgentCrashed => None,
        Exit::Exited(0) => None,
        Exit::Exited(code) => Some(ProgramExit::Code(code)),
        Exit::Signalled(signal) => Some(ProgramExit::Signal(signal)),
    };
    Failure { exit, ..failure }
}

/// Why we stopped it, if that is a failure.
fn failure_of_stop(name: &str, cause: EndCause, stopped: Option<Stopped>, limits: &RunLimits) -> Option<Failure> {
    let (code, message) = match (stopped, cause) {
        (Some(Stopped::Lingered), _) | (None, EndCause::Own) => return None,
        (Some(Stopped::Over(cap)), _) => return Some(cap.failure(name)),
        (None, EndCause::Cancelled) => (FailureCode::Cancelled, "the agent was stopped as asked".to_owned()),
        (None, EndCause::WallTimeout) => {
            let time = limits.wall.as_secs_f64();
            (FailureCode::AgentTimeout, format!("{name} was stopped after {time} s of work"))
        }
        (None, EndCause::SilenceTimeout) => {
            let time = limits.silence.unwrap_or_default().as_secs_f64();
            (FailureCode::AgentSilent, format!("{name} was stopped after {time} s of silence"))
        }
        (None, EndCause::OutputLimit) => {
            let bytes = limits.max_output;
            (FailureCode::AgentBudget, format!("{name} was stopped after {bytes} bytes of output"))
        }
    };
    Some(Failure::new(code, message))
}

#[cfg(test)]
mod tests {
    use super::super::caps::Cap;
    use super::*;
    use crate::claude::ClaudeParser;

    const DONE: &str = r#"{"type":"result","subtype":"success","is_error":false,"result":"done"}"#;

    fn answer(said: &str, cause: EndCause, stopped: Option<Stopped>, exit: Exit) -> Result<String, Failure> {
        let mut parser = Box::new(ClaudeParser::default());
        parser.feed(said, &mut |_| {});
        let end = RunEnd { exit, cause, stderr_tail: String::new(), dropped_bytes: 0 };
        let outcome = settle("claude", parser, end, stopped, &RunLimits::default());
        outcome.answer.map(|answer| answer.to_string())
    }

    fn code(cause: EndCause, stopped: Option<Stopped>, exit: Exit) -> Result<String, FailureCode> {
        answer(DONE, cause, stopped, exit).map_err(|failure| failure.code)
    }

    #[test]
    fn a_crash_tells_how_the_program_ended_and_no_other_failure_does() {
        let exit = |said, cause, exit| answer(said, cause, None, exit).unwrap_err().exit;
        let unknown =
            r#"{"type":"result","subtype":"success","is_error":true,"api_error_status":404,"result":"no model"}"#;
        assert_eq!(exit(DONE, EndCause::Own, Exit::Exited(3)), Some(ProgramExit::Code(3)));
        assert_eq!(exit("", EndCause::Own, Exit::Signalled(11)), Some(ProgramExit::Signal(11)));
        assert_eq!(exit(unknown, EndCause::Own, Exit::Exited(1)), Some(ProgramExit::Code(1)));
        assert_eq!(exit(unknown, EndCause::Own, Exit::Exited(0)), None);
        assert_eq!(exit("", EndCause::Own, Exit::Exited(0)), None, "no result");
        assert_eq!(exit("", EndCause::WallTimeout, Exit::Signalled(9)), None, "we ended it");
    }

    #[test]
    fn who_stopped_the_program_outweighs_what_it_said() {
        let fine = Exit::Exited(0);
        assert_eq!(code(EndCause::Own, None, fine), Ok("done".into()));
        assert_eq!(code(EndCause::Cancelled, None, fine), Err(FailureCode::Cancelled));
        assert_eq!(code(EndCause::WallTimeout, None, fine), Err(FailureCode::AgentTimeout));
        assert_eq!(code(EndCause::SilenceTimeout, None, fine), Err(FailureCode::AgentSilent));
        assert_eq!(code(EndCause::OutputLimit, None, fine), Err(FailureCode::AgentBudget));
        let over = |cap| Some(Stopped::Over(cap));
        assert_eq!(code(EndCause::Cancelled, over(Cap::Turns(3)), fine), Err(FailureCode::AgentTurnLimit));
        assert_eq!(code(EndCause::Cancelled, over(Cap::Cost(3, 2)), fine), Err(FailureCode::AgentBudget));
    }

    #[test]
    fn a_program_that_only_would_not_end_keeps_its_answer() {
        for exit in [Exit::Exited(0), Exit::Exited(143), Exit::Signalled(9)] {
            assert_eq!(code(EndCause::Cancelled, Some(Stopped::Lingered), exit), Ok("done".into()));
        }
        assert_eq!(code(EndCause::Own, None, Exit::Signalled(9)), Err(FailureCode::AgentCrashed));
    }
}
