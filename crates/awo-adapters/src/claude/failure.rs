//! Owns the translation of `claude`'s errors into failure codes.

use awo_models::{Failure, FailureCode, Timestamp};

use crate::agent::{clip, code_of_status};

/// What the program says about a failed call of the model's service.
#[derive(Debug)]
pub(super) struct ApiError<'a> {
    /// HTTP status, if there was an answer.
    pub(super) status: Option<u64>,
    /// The program's own class of it.
    pub(super) kind: Option<&'a str>,
    /// When a limit resets.
    pub(super) resets_at: Option<Timestamp>,
}

/// The failure that a result line with an error tells of.
pub(super) fn failure_of(subtype: &str, error: &ApiError<'_>, said: &str) -> Failure {
    let code = code_of(subtype, error, said);
    let mut failure = Failure::new(code, format!("claude failed: {}", clip(said)));
    if code == FailureCode::AgentRateLimited {
        failure.until = error.resets_at;
    }
    failure
}

fn code_of(subtype: &str, error: &ApiError<'_>, said: &str) -> FailureCode {
    match subtype {
        "error_max_turns" => return FailureCode::AgentTurnLimit,
        "error_max_budget_usd" => return FailureCode::AgentBudget,
        // Only this one is used for failed calls; others, such as `error_during_execution`, are the program's own.
        "success" => {}
        _ => return FailureCode::AgentCrashed,
    }
    match (error.status.map(code_of_status), error.kind) {
        (Some(code), _) if code != FailureCode::AgentCrashed => code,
        (_, Some("authentication_failed" | "billing_error")) => FailureCode::AgentAuth,
        (_, Some("rate_limit")) => FailureCode::AgentRateLimited,
        (None, Some("server_error")) => FailureCode::AgentOverloaded,
        _ if said.starts_with("Not logged in") => FailureCode::AgentAuth,
        _ => FailureCode::AgentCrashed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_waited_for_until_it_resets() {
        let mut error =
            ApiError { status: Some(429), kind: None, resets_at: Timestamp::from_second(1_700_000_000).ok() };
        let failure = failure_of("success", &error, "limit");
        assert_eq!((failure.code, failure.until), (FailureCode::AgentRateLimited, error.resets_at));
        error.status = Some(500);
        let failure = failure_of("success", &error, "broken");
        assert_eq!((failure.code, failure.until), (FailureCode::AgentOverloaded, None));
    }

    #[test]
    fn refused_keys_are_a_matter_of_login() {
        for (status, kind) in [(Some(401), None), (Some(403), None), (None, Some("authentication_failed"))] {
            let error = ApiError { status, kind, resets_at: None };
            assert_eq!(failure_of("success", &error, "no").code, FailureCode::AgentAuth);
        }
    }
}
