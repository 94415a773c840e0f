//! Each schema of the document has a type that takes all of it, and gives it back.

use std::collections::BTreeSet;

use awo_client as wire;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::document::{Filled, document, sample, schemas};

/// Schemas without a type of their own, and why.
const WITHOUT: [(&str, &str); 1] = [("EventData", "its form depends on the kind of the event; it is JSON")];

/// Reads a full and a bare value as a type, and compares what that has taken of the full one.
fn check<T: DeserializeOwned + Serialize>(document: &Value, name: &str) {
    let schema = &schemas(document)[name];
    let full = sample(document, schema, Filled::Full);
    let read = |value: &Value| {
        serde_json::from_value::<T>(value.clone()).unwrap_or_else(|error| panic!("{name}: {error}: {value:#}"))
    };
    assert_eq!(serde_json::to_value(read(&full)).unwrap(), full, "{name} leaves something out");
    read(&sample(document, schema, Filled::Bare));
}

macro_rules! check_all {
    ($document:ident: $($name:ident)*) => {{
        $(check::<wire::$name>($document, stringify!($name));)*
        [$(stringify!($name),)*]
    }};
}

#[test]
fn every_schema_is_a_type() {
    let document = &document();
    let checked = check_all!(document:
        Activity ActivityNews AgentDetail AgentWorkOrder Artifact ArtifactList BranchPush ChangeSummary ConfiguredRepository CreateOrder
        CreatedAgentWorkOrder CurrentStep DayFigures End Event Evidence GitPhase GitProgressSnapshot Health InputError IsolationHealth
        IsolationState Limits Live LogEntry LogPage LoginLink NetworkState NewRepository OrderChange OrderFigures OrderLimits OrderLinks OrderState
        Problem PromptRequest PullRequestEvidence Ready RecentAttempt RepositoryChanges RepositoryFigures RepositoryVerification Reset RetryRequest ServiceInformation StepExecutionResult StepFigures StepHistory
        StepStats StepStatsGroup StepTry StepUsage Tokens UsualDuration VerifiedRepositoryView VerifyRepository Worker WorkerList WorkersDetail WorkspaceSnapshot WorkspacesDetail
    );
    let known: BTreeSet<_> = checked.into_iter().chain(WITHOUT.map(|(name, _)| name)).collect();
    let described: BTreeSet<_> = schemas(document).keys().map(String::as_str).collect();
    assert_eq!(known, described);
}
