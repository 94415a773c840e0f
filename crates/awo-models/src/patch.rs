//! A change of an order's state, field by field.

use serde::{Deserialize, Deserializer, Serialize};

use crate::{FollowUp, OrderState, Round};

/// Tells "absent" (leave the field) from "null" (clear it).
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

macro_rules! patch {
    ($($(#[$doc:meta])* $field:ident: $type:ty,)*) => {
        /// Fields to overwrite; `None` leaves a field as it is.
        ///
        /// Build it from the default: `OrderPatch { status: Some(..), ..Default::default() }`.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct OrderPatch {
            $($(#[$doc])* #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
            pub $field: Option<$type>,)*
            /// A round to add.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub round: Option<Round>,
            /// A prompt to add.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub prompt: Option<FollowUp>,
        }

        impl OrderPatch {
            /// Lays a later patch over this one, so that one patch stands for both.
            ///
            /// A patch holds one round and one prompt at most; they come by writes of their own and are never folded.
            #[must_use]
            pub fn then(self, later: &Self) -> Self {
                Self {
                    $($field: later.$field.clone().or(self.$field),)*
                    round: later.round.clone().or(self.round),
                    prompt: later.prompt.clone().or(self.prompt),
                }
            }

            /// Applies it.
            pub fn apply(&self, state: &mut OrderState) {
                $(if let Some(value) = &self.$field { state.$field.clone_from(value); })*
                if let Some(round) = &self.round {
                    state.rounds.push(round.clone());
                }
                state.prompts.extend(self.prompt.clone());
            }
        }
    };
}

patch! {
    /// See [`OrderState::status`].
    status: crate::AgentWorkOrderStatus,
    /// See [`OrderState::held`].
    held: bool,
    /// See [`OrderState::current_step`].
    current_step: Option<crate::CurrentStep>,
    /// See [`OrderState::steps_completed`].
    steps_completed: usize,
    /// See [`OrderState::prompts_placed`].
    prompts_placed: Vec<usize>,
    /// See [`OrderState::cancel_requested`].
    cancel_requested: bool,
    /// See [`OrderState::git_branch_name`].
    git_branch_name: Option<std::sync::Arc<str>>,
    /// See [`OrderState::base_commit`].
    base_commit: Option<std::sync::Arc<str>>,
    /// See [`OrderState::git_commit_count`].
    git_commit_count: u64,
    /// See [`OrderState::git_files_changed`].
    git_files_changed: u64,
    /// See [`OrderState::git_lines_added`].
    git_lines_added: u64,
    /// See [`OrderState::git_lines_removed`].
    git_lines_removed: u64,
    /// See [`OrderState::agent_session_id`].
    agent_session_id: Option<std::sync::Arc<str>>,
    /// See [`OrderState::github_pull_request_url`].
    github_pull_request_url: Option<std::sync::Arc<str>>,
    /// See [`OrderState::issue`].
    issue: Option<std::sync::Arc<crate::Issue>>,
    /// See [`OrderState::isolation_effective`].
    isolation_effective: Option<crate::Isolation>,
    /// See [`OrderState::isolation_reason`].
    isolation_reason: Option<std::sync::Arc<str>>,
    /// See [`OrderState::network_effective`].
    network_effective: Option<crate::Network>,
    /// See [`OrderState::network_reason`].
    network_reason: Option<std::sync::Arc<str>>,
    /// See [`OrderState::error_code`].
    error_code: Option<crate::FailureCode>,
    /// See [`OrderState::error_message`].
    error_message: Option<std::sync::Arc<str>>,
    /// See [`OrderState::waiting_for`].
    waiting_for: Option<std::sync::Arc<str>>,
    /// See [`OrderState::waiting_until`].
    waiting_until: Option<crate::Timestamp>,
    /// See [`OrderState::suspended`].
    suspended: Option<std::sync::Arc<crate::SuspendedAttempt>>,
    /// See [`OrderState::slow`].
    slow: Option<crate::SlowAttempt>,
    /// See [`OrderState::interruptions`].
    interruptions: u32,
    /// See [`OrderState::usage`].
    usage: crate::Usage,
    /// See [`OrderState::started_at`].
    started_at: Option<crate::Timestamp>,
    /// See [`OrderState::completed_at`].
    completed_at: Option<crate::Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_clears_and_absence_leaves() {
        let clear = OrderPatch { error_message: Some(None), ..OrderPatch::default() };
        let text = serde_json::to_string(&clear).unwrap();
        assert_eq!(text, r#"{"error_message":null}"#);
        assert_eq!(serde_json::from_str::<OrderPatch>(&text).unwrap(), clear);
        assert_eq!(serde_json::from_str::<OrderPatch>("{}").unwrap(), OrderPatch::default());
    }

    #[test]
    fn folding_equals_applying_in_turn() {
        let at = crate::Timestamp::UNIX_EPOCH;
        let first =
            OrderPatch { steps_completed: Some(1), error_message: Some(Some("x".into())), ..Default::default() };
        let second = OrderPatch { steps_completed: Some(2), error_message: Some(None), ..Default::default() };
        let (mut turns, mut folded) = (OrderState::created(at), OrderState::created(at));
        first.apply(&mut turns);
        second.apply(&mut turns);
        first.then(&second).apply(&mut folded);
        assert_eq!(turns, folded);
    }
}
