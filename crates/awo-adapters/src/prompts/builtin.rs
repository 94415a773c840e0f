//! Owns the list of built-in prompts, and which inputs each may use.

use awo_models::PromptInput::{
    self, AgentWorkOrderId, BranchName, ChangedFiles, FollowUpPrompt, IssueClass, IssueNumber, PlanFile, PlanOutput,
    UserRequest,
};

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../prompts/", $name, ".md")))),*]
    };
}

/// Name and text of each.
pub(super) const BUILT_IN: &[(&str, &str)] = built_in![
    "classifier",
    "planner_feature",
    "planner_bug",
    "planner_chore",
    "plan_finder",
    "branch_generator",
    "implementor",
    "code_reviewer",
    "tester",
    "committer",
    "pr_creator",
    "follow_up",
    "create-branch",
    "planning",
    "execute",
    "commit",
    "create-pr",
    "prp-review",
];

/// All inputs there are, for prompts of workflows that are not built in.
pub(super) const ALL: [PromptInput; 9] = [
    UserRequest,
    IssueNumber,
    IssueClass,
    AgentWorkOrderId,
    PlanFile,
    PlanOutput,
    BranchName,
    ChangedFiles,
    FollowUpPrompt,
];

/// What the step of a built-in prompt gives it, in order; `None` if there is no such prompt.
pub(super) fn inputs_of(name: &str) -> Option<&'static [PromptInput]> {
    let inputs: &[PromptInput] = match name {
        "classifier" => &[UserRequest],
        "planner_feature" | "planner_bug" | "planner_chore" | "planning" => {
            &[UserRequest, IssueNumber, AgentWorkOrderId]
        }
        "plan_finder" => &[PlanOutput, AgentWorkOrderId],
        "branch_generator" => &[UserRequest, IssueClass, IssueNumber, AgentWorkOrderId],
        "create-branch" => &[UserRequest, IssueNumber, AgentWorkOrderId],
        "implementor" | "execute" => &[PlanFile, UserRequest],
        "code_reviewer" | "prp-review" => &[PlanFile, ChangedFiles],
        "tester" => &[PlanFile],
        "committer" | "commit" => &[UserRequest, ChangedFiles],
        // The plan is given only where the workflow has one.
        "pr_creator" | "create-pr" => &[UserRequest, BranchName, PlanFile, ChangedFiles],
        "follow_up" => &[FollowUpPrompt, UserRequest, PlanFile, BranchName, ChangedFiles],
        _ => return None,
    };
    Some(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prompt_has_inputs_and_says_its_role_first() {
        for (name, text) in BUILT_IN {
            assert!(inputs_of(name).is_some(), "{name}");
            assert!(text.starts_with("Role: "), "{name}");
        }
    }
}
