//! Open name types: steps and agents are data, so new ones need no new code here.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

/// The text cannot name a step or an agent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a name: expected 1 to 64 letters, digits, `_` or `-`, beginning with a letter or digit")]
pub struct InvalidName(String);

fn check(text: &str) -> Result<Arc<str>, InvalidName> {
    let fits = (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if fits { Ok(text.into()) } else { Err(InvalidName(text.chars().take(80).collect())) }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text and makes a name of it.
            pub fn new(text: &str) -> Result<Self, InvalidName> {
                check(text).map(Self)
            }

            /// A name known to be good when the program was written.
            ///
            /// # Panics
            /// If the text is not a name.
            pub fn known(text: &'static str) -> Self {
                Self(check(text).expect("a well-known name"))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

name! {
    /// Name of a step in a workflow. An open string type: workflows may bring names of their own.
    StepName
}
name! {
    /// Name of an agent's role (classifier, planner, …); not of the program that plays it.
    AgentName
}

/// Steps of the built-in workflow `agent_workflow_plan`, in the order they run.
pub mod steps {
    #![expect(missing_docs, reason = "each constant is the name it holds")]
    pub const CLASSIFY: &str = "classify";
    pub const PLAN: &str = "plan";
    pub const FIND_PLAN: &str = "find_plan";
    pub const GENERATE_BRANCH: &str = "generate_branch";
    pub const IMPLEMENT: &str = "implement";
    /// Optional, between implement and commit.
    pub const REVIEW: &str = "review";
    /// Optional, between implement and commit.
    pub const TEST: &str = "test";
    pub const COMMIT: &str = "commit";
    pub const CREATE_PR: &str = "create_pr";
}

/// Commands that a caller may select instead of a workflow.
pub mod commands {
    #![expect(missing_docs, reason = "each constant is the name it holds")]
    pub const CREATE_BRANCH: &str = "create-branch";
    pub const PLANNING: &str = "planning";
    pub const EXECUTE: &str = "execute";
    pub const COMMIT: &str = "commit";
    pub const CREATE_PR: &str = "create-pr";
    pub const PRP_REVIEW: &str = "prp-review";
}

/// Agent names of the built-in workflows.
pub mod agents {
    #![expect(missing_docs, reason = "each constant is the name it holds")]
    pub const CLASSIFIER: &str = "classifier";
    pub const PLANNER: &str = "planner";
    pub const PLAN_FINDER: &str = "plan_finder";
    pub const BRANCH_GENERATOR: &str = "branch_generator";
    pub const IMPLEMENTOR: &str = "implementor";
    pub const CODE_REVIEWER: &str = "code_reviewer";
    pub const TESTER: &str = "tester";
    pub const COMMITTER: &str = "committer";
    pub const PR_CREATOR: &str = "pr_creator";
    /// Does what a follow-up prompt asks for.
    pub const FOLLOW_UP: &str = "follow_up";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_plain_words() {
        assert!(StepName::new("create-pr").is_ok());
        for wrong in ["", "-x", "a b", "a/b", "ä", &"x".repeat(65)] {
            assert!(StepName::new(wrong).is_err(), "{wrong}");
        }
        assert!(serde_json::from_str::<StepName>(r#""../x""#).is_err());
    }
}
