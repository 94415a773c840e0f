//! The built-in workflows, as data.

use awo_models::{
    AgentName, PromptInput, RetryPolicy, StepDefinition, StepGoal, StepName, WorkflowType, agents, check_workflow,
    commands, steps,
};

/// Steps that may be added to `agent_workflow_plan`, between implement and commit.
pub const OPTIONAL_STEPS: [&str; 2] = [steps::REVIEW, steps::TEST];

/// Steps of the built-in workflow with all that may be added, in their order.
const STEPS: [&str; 9] = [
    steps::CLASSIFY,
    steps::PLAN,
    steps::FIND_PLAN,
    steps::GENERATE_BRANCH,
    steps::IMPLEMENT,
    steps::REVIEW,
    steps::TEST,
    steps::COMMIT,
    steps::CREATE_PR,
];

/// Commands that may be selected, in the order in which they make sense.
pub const COMMANDS: [&str; 6] = [
    commands::CREATE_BRANCH,
    commands::PLANNING,
    commands::EXECUTE,
    commands::PRP_REVIEW,
    commands::COMMIT,
    commands::CREATE_PR,
];

/// The names of all steps and commands. `commit` is both, and named once.
pub fn known_steps() -> impl Iterator<Item = &'static str> {
    STEPS.into_iter().chain(COMMANDS.into_iter().filter(|command| !STEPS.contains(command)))
}

/// The steps of a built-in workflow, with the optional ones that were asked for.
pub(crate) fn built_in(workflow: WorkflowType, optional: &[StepName]) -> Vec<StepDefinition> {
    match workflow {
        WorkflowType::AgentWorkflowPlan => plan_workflow(optional),
        other => unreachable!("workflow {other:?} is declared but has no steps"),
    }
}

/// The steps of selected commands, or what is wrong with the selection.
pub(crate) fn selected(names: &[StepName]) -> Result<Vec<StepDefinition>, String> {
    let unknown = |name| format!("{name} is not a command; there are {}", COMMANDS.join(", "));
    let steps: Vec<_> =
        names.iter().map(|name| command(name).ok_or_else(|| unknown(name))).collect::<Result<_, _>>()?;
    check_workflow(&steps).map_err(|error| error.to_string())?;
    Ok(steps)
}

fn plan_workflow(optional: &[StepName]) -> Vec<StepDefinition> {
    use PromptInput::{
        AgentWorkOrderId, BranchName, ChangedFiles, IssueClass, IssueNumber, PlanFile, PlanOutput, UserRequest,
    };
    let mut workflow = vec![
        step(steps::CLASSIFY, agents::CLASSIFIER, "classifier", StepGoal::IssueClass, &[UserRequest]),
        step(
            steps::PLAN,
            agents::PLANNER,
            "planner_{issue_class}",
            StepGoal::PlanFile,
            &[UserRequest, IssueNumber, AgentWorkOrderId],
        ),
        step(steps::FIND_PLAN, agents::PLAN_FINDER, "plan_finder", StepGoal::PlanPath, &[PlanOutput, AgentWorkOrderId]),
        step(
            steps::GENERATE_BRANCH,
            agents::BRANCH_GENERATOR,
            "branch_generator",
            StepGoal::Branch,
            &[UserRequest, IssueClass, IssueNumber, AgentWorkOrderId],
        ),
        step(steps::IMPLEMENT, agents::IMPLEMENTOR, "implementor", StepGoal::Changes, &[PlanFile, UserRequest]),
    ];
    let wanted = |name: &str| optional.iter().any(|step| *step == name);
    if wanted(steps::REVIEW) {
        workflow.push(step(
            steps::REVIEW,
            agents::CODE_REVIEWER,
            "code_reviewer",
            StepGoal::Report,
            &[PlanFile, ChangedFiles],
        ));
    }
    if wanted(steps::TEST) {
        workflow.push(step(steps::TEST, agents::TESTER, "tester", StepGoal::Report, &[PlanFile]));
    }
    workflow.push(step(steps::COMMIT, agents::COMMITTER, "committer", StepGoal::Commit, &[UserRequest, ChangedFiles]));
    let create_pr = step(
        steps::CREATE_PR,
        agents::PR_CREATOR,
        "pr_creator",
        StepGoal::PullRequest,
        &[UserRequest, BranchName, PlanFile, ChangedFiles],
    );
    workflow.push(StepDefinition { required: false, ..create_pr });
    workflow
}

/// The step of a selectable command; `None` for a word that is not a command.
fn command(name: &StepName) -> Option<StepDefinition> {
    use PromptInput::{AgentWorkOrderId, BranchName, ChangedFiles, IssueNumber, PlanFile, UserRequest};
    let definition = match name.as_str() {
        commands::CREATE_BRANCH => step(
            commands::CREATE_BRANCH,
            agents::BRANCH_GENERATOR,
            commands::CREATE_BRANCH,
            StepGoal::Branch,
            &[UserRequest, IssueNumber, AgentWorkOrderId],
        ),
        commands::PLANNING => step(
            commands::PLANNING,
            agents::PLANNER,
            commands::PLANNING,
            StepGoal::PlanFile,
            &[UserRequest, IssueNumber, AgentWorkOrderId],
        ),
        commands::EXECUTE => {
            step(commands::EXECUTE, agents::IMPLEMENTOR, commands::EXECUTE, StepGoal::Changes, &[PlanFile, UserRequest])
        }
        commands::PRP_REVIEW => step(
            commands::PRP_REVIEW,
            agents::CODE_REVIEWER,
            commands::PRP_REVIEW,
            StepGoal::Report,
            &[PlanFile, ChangedFiles],
        ),
        commands::COMMIT => {
            step(commands::COMMIT, agents::COMMITTER, commands::COMMIT, StepGoal::Commit, &[UserRequest, ChangedFiles])
        }
        commands::CREATE_PR => StepDefinition {
            required: false,
            ..step(
                commands::CREATE_PR,
                agents::PR_CREATOR,
                commands::CREATE_PR,
                StepGoal::PullRequest,
                &[UserRequest, BranchName, ChangedFiles],
            )
        },
        _ => return None,
    };
    Some(definition)
}

fn step(
    name: &'static str,
    agent: &'static str,
    prompt: &str,
    goal: StepGoal,
    inputs: &[PromptInput],
) -> StepDefinition {
    StepDefinition {
        step: StepName::known(name),
        agent_name: AgentName::known(agent),
        prompt: prompt.to_owned(),
        inputs: inputs.to_vec(),
        agent: None,
        goal,
        required: true,
        timeout: None,
        retry: RetryPolicy::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(workflow: &[StepDefinition]) -> Vec<&str> {
        workflow.iter().map(|d| d.step.as_str()).collect()
    }

    #[test]
    fn seven_steps_and_two_optional_ones() {
        let plain = built_in(WorkflowType::AgentWorkflowPlan, &[]);
        assert_eq!(
            names(&plain),
            ["classify", "plan", "find_plan", "generate_branch", "implement", "commit", "create_pr"]
        );
        let both = built_in(WorkflowType::AgentWorkflowPlan, &OPTIONAL_STEPS.map(StepName::known));
        assert_eq!(names(&both), STEPS);
        assert_eq!(check_workflow(&plain), Ok(()));
        assert_eq!(check_workflow(&both), Ok(()));
    }

    #[test]
    fn all_commands_in_their_order_are_a_workflow() {
        let all: Vec<_> = COMMANDS.iter().map(|c| command(&StepName::known(c)).unwrap()).collect();
        assert_eq!(check_workflow(&all), Ok(()));
        assert!(command(&StepName::known("deploy")).is_none());
    }

    #[test]
    fn prerequisites_are_named() {
        let check = |names: &[&'static str]| {
            let steps: Vec<_> = names.iter().map(|c| command(&StepName::known(c)).unwrap()).collect();
            check_workflow(&steps).map_err(|e| e.to_string())
        };
        assert_eq!(check(&["execute"]), Err("step `execute` needs a step before it that writes a plan".into()));
        assert_eq!(check(&["planning", "planning"]), Err("step `planning` is in the workflow twice".into()));
        assert_eq!(check(&[]), Err("a workflow needs at least one step".into()));
        assert_eq!(
            check(&["planning", "commit", "create-pr"]),
            Err("step `create-pr` needs a step before it that creates the branch".into())
        );
        assert_eq!(check(&["planning"]), Ok(()));
    }
}
