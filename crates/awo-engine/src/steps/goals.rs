//! What each goal asks of the agent, what the engine does for it, and what proves it.

use std::sync::Arc;

use awo_models::{
    BranchPush, ChangeSummary, Failure, FailureCode, PullRequestEvidence, StepGoal, Try, WorkspaceSnapshot,
};
use awo_state::ArtifactContent;

use super::artifact_name;
use super::asking::{Asked, ask, first_session, next_question};
use super::context::Context;
use super::follow_up;
use super::report::AttemptReport;
use crate::answers;
use crate::branch_name::branch_name;
use crate::follow_ups::before_follow_ups;
use crate::path_policy::flagged;
use crate::ports::{FileKind, PullRequestDraft};
use crate::pull_request::{pull_request_body, pull_request_title};

/// Times an agent may answer in one attempt: the second time it is told what was wrong with the first.
const ANSWERS: usize = 2;

/// Paths of a change that stay in the history.
const PATHS_KEPT: usize = 100;

/// Pursues the goal of a step. The answer is the step's output.
pub(super) async fn pursue(context: &Context<'_>, report: &mut AttemptReport) -> Result<String, Failure> {
    let before = match report.evidence.before.clone() {
        Some(before) => before,
        None => context.live.unless_stopped(context.sandbox.snapshot()).await?,
    };
    report.evidence.before = Some(before.clone());
    let worked = work(context, &before, report).await;
    // What the workspace is like now is evidence of a failure, too.
    let looked = context.live.unless_stopped(look(context, &before, report)).await;
    let output = worked?;
    looked?;
    prove(context, report)?;
    Ok(output)
}

/// The agent's part, and what the engine does with its words.
async fn work(
    context: &Context<'_>,
    before: &WorkspaceSnapshot,
    report: &mut AttemptReport,
) -> Result<String, Failure> {
    let prompt = context.live.unless_stopped(prompt(context, before)).await?;
    let first = first_session(context);
    loop {
        let begun = context.engine.clock.monotonic();
        let question = next_question(&prompt, report, &first);
        let goes_on = report.tries.last().is_some_and(|tried| tried.error_code.suspends());
        let answer = match ask(context, question, report).await? {
            Asked::Answer(answer) => answer,
            Asked::SessionLost => {
                if goes_on {
                    // The step begins anew, with the files that it began with.
                    context.live.unless_stopped(context.sandbox.restore(before)).await?;
                }
                continue;
            }
        };
        // Nothing of it happens once the order is stopped: no commit, no push, no pull request.
        let used = context.live.unless_stopped(use_answer(context, &answer, before, report));
        let reason = match used.await? {
            Ok(output) => return Ok(output),
            Err(reason) => reason,
        };
        if report.refused_answers() + 1 >= ANSWERS {
            return Err(Failure::new(FailureCode::OutputInvalid, format!("the agent was asked twice: {reason}")));
        }
        let took = context.engine.clock.monotonic().saturating_sub(begun);
        report.tries.push(Try::new(FailureCode::OutputInvalid, reason, took));
    }
}

async fn prompt(context: &Context<'_>, before: &WorkspaceSnapshot) -> Result<String, Failure> {
    let inputs = context.inputs(before).await?;
    let class = context.issue_class().unwrap_or_else(|| "feature".into());
    let name = context.definition.prompt.replace("{issue_class}", &class);
    let rendered = context.engine.prompts.render(&name, &inputs);
    rendered.map_err(|broken| Failure::new(FailureCode::Internal, broken.to_string()))
}

/// Understands the answer and does the engine's part. The inner error is a reason to ask again.
async fn use_answer(
    context: &Context<'_>,
    answer: &str,
    before: &WorkspaceSnapshot,
    report: &mut AttemptReport,
) -> Result<Result<String, String>, Failure> {
    let evidence = &mut report.evidence;
    Ok(match context.definition.goal {
        StepGoal::IssueClass => answers::issue_class(answer).map(|class| {
            evidence.issue_class = Some(class.into());
            format!("/{class}")
        }),
        StepGoal::PlanFile => match written_plan(context, answer, before).await? {
            Ok(path) => {
                evidence.plan_file = Some(path.as_str().into());
                answers::report(answer)
            }
            Err(reason) => Err(reason),
        },
        StepGoal::PlanPath => match named_plan(context, answer).await? {
            Ok(path) => {
                evidence.plan_file = Some(path.as_str().into());
                Ok(path)
            }
            Err(reason) => Err(reason),
        },
        StepGoal::Branch => match answers::branch_words(answer) {
            Ok(words) => {
                let class = context.issue_class();
                let number = context.issue_number();
                let id = context.order.agent_work_order_id;
                let name = branch_name(class.as_deref(), number.as_deref(), id, &words);
                let made = context.sandbox.create_branch(&name).await?;
                evidence.branch = Some(Arc::clone(&made));
                Ok(made.to_string())
            }
            Err(reason) => Err(reason),
        },
        StepGoal::Changes | StepGoal::Report => answers::report(answer),
        StepGoal::Commit => match answers::commit_message(answer) {
            Ok(message) => {
                on_branch(context).await?;
                context.sandbox.commit(&message).await?;
                nothing_left(context).await?;
                Ok(message)
            }
            Err(reason) => Err(reason),
        },
        StepGoal::PullRequest => match answers::pull_request_text(answer) {
            Ok((title, body)) => Ok(open_pull_request(context, &title, &body, report).await?),
            Err(reason) => Err(reason),
        },
        StepGoal::FollowUp => match answers::follow_up(answer) {
            Ok(said) => Ok(follow_up::settle(context, said, before, report).await?),
            Err(reason) => Err(reason),
        },
        other => unreachable!("goal {other:?} is declared but not pursued"),
    })
}

/// The plan that was written in this step: a Markdown file that is new or changed. The one the answer names, else the
/// only one.
async fn written_plan(
    context: &Context<'_>,
    answer: &str,
    before: &WorkspaceSnapshot,
) -> Result<Result<String, String>, Failure> {
    let now = context.sandbox.snapshot().await?;
    let changed = context.sandbox.compare(before, &now).await?.files;
    let plans: Vec<&Arc<str>> = changed.iter().filter(|path| is_markdown(path)).collect();
    let named = answers::mentioned_paths(answer);
    let chosen = plans.iter().find(|path| named.iter().any(|n| n.as_str() == &****path)).or(match plans.as_slice() {
        [only] => Some(only),
        _ => None,
    });
    let Some(path) = chosen else {
        return Ok(Err("no new or changed Markdown file was found that you named; write the plan to specs/<name>.md \
                       and answer with its path"
            .into()));
    };
    Ok(is_plan(context, path).await?.map(|()| path.to_string()))
}

/// The plan that the answer names: the one that was written, or another Markdown file that this order has changed.
async fn named_plan(context: &Context<'_>, answer: &str) -> Result<Result<String, String>, Failure> {
    let named = answers::mentioned_paths(answer);
    let written = context.plan_file().filter(|plan| named.iter().any(|path| **path == **plan));
    let now = context.sandbox.snapshot().await?;
    let changed = context.total_changes(&now).await?.files;
    let mut reason = "the answer names no Markdown file; answer with the path of the plan only".to_owned();
    for path in written.iter().map(ToString::to_string).chain(named) {
        match is_plan(context, &path).await? {
            Ok(()) if changed.iter().any(|file| **file == *path) => return Ok(Ok(path)),
            Ok(()) => reason = format!("the file {path} is not a plan of this order: it is neither new nor changed"),
            Err(why) => reason = why,
        }
    }
    Ok(Err(reason))
}

async fn is_plan(context: &Context<'_>, path: &str) -> Result<Result<(), String>, Failure> {
    Ok(match context.sandbox.inspect(path).await? {
        FileKind::File(0) => Err(format!("the file {path} is empty")),
        FileKind::File(_) => Ok(()),
        FileKind::Missing => Err(format!("there is no file {path} in the workspace")),
        FileKind::Outside => Err(format!("the path {path} leads out of the workspace")),
        FileKind::Other => Err(format!("{path} is not a file")),
    })
}

fn is_markdown(path: &str) -> bool {
    std::path::Path::new(path).extension().is_some_and(|e| e.eq_ignore_ascii_case("md"))
}

/// The workspace must be on the order's own branch before anything is committed or pushed.
pub(super) async fn on_branch(context: &Context<'_>) -> Result<WorkspaceSnapshot, Failure> {
    let now = context.sandbox.snapshot().await?;
    if let Some(expected) = &context.order.state.git_branch_name
        && now.branch.as_ref() != Some(expected)
    {
        let found = now.branch.as_deref().unwrap_or("no branch");
        let message = format!("the workspace is on {found}, not on the order's branch {expected}");
        return Err(Failure::new(FailureCode::EvidenceMissing, message));
    }
    Ok(now)
}

/// After a commit the tree is clean: what is committed is what is there.
pub(super) async fn nothing_left(context: &Context<'_>) -> Result<(), Failure> {
    let now = context.sandbox.snapshot().await?;
    let committed = WorkspaceSnapshot { tree: Arc::clone(&now.head), ..now.clone() };
    let left = context.sandbox.compare(&committed, &now).await?.files;
    match left.first() {
        None => Ok(()),
        Some(path) => {
            let message = format!("{} changed files are not in the commit, {path} among them", left.len());
            Err(Failure::new(FailureCode::EvidenceMissing, message))
        }
    }
}

/// Pushes the branch, unless its changes of flagged files are held back; the remote then has what the workspace has.
pub(super) async fn push(
    context: &Context<'_>,
    branch: &str,
    now: &WorkspaceSnapshot,
    flagged: &[Arc<str>],
) -> Result<BranchPush, Failure> {
    if context.engine.settings.hold_ci_changes && !flagged.is_empty() {
        return Err(held(branch, flagged));
    }
    let push = context.sandbox.push(branch).await?;
    if push.commit != now.head {
        let message = format!("the remote has {branch} at {}, the workspace at {}", push.commit, now.head);
        return Err(Failure::new(FailureCode::ForgeFailed, message));
    }
    Ok(push)
}

async fn open_pull_request(
    context: &Context<'_>,
    title: &str,
    body: &str,
    report: &mut AttemptReport,
) -> Result<String, Failure> {
    let now = on_branch(context).await?;
    let order = context.order;
    let branch =
        order.state.git_branch_name.clone().ok_or_else(|| {
            Failure::new(FailureCode::EvidenceMissing, "the order has no branch that could be pushed")
        })?;
    let changes = context.total_changes(&now).await?;
    let flagged = flagged(&changes.files);
    let body = pull_request_body(order, context.history, body, &changes, &flagged);
    // Only an issue that the forge knows: a number that could not be fetched may be anything.
    let issue = order.state.issue.as_ref().map(|issue| issue.number.to_string());
    let draft = PullRequestDraft {
        repository_url: Arc::clone(&order.spec.repository_url),
        head_branch: Arc::clone(&branch),
        base_branch: context.sandbox.base_branch().to_owned(),
        title: pull_request_title(context.issue_class().as_deref(), issue.as_deref(), title),
        body,
        order: order.agent_work_order_id,
        issue,
    };
    let patch = context.sandbox.patch(&context.base(), &now).await?;
    keep(context, "pull-request.md", format!("# {}\n\n{}", draft.title, draft.body).into_bytes(), report).await;
    keep(context, "changes.patch", patch, report).await;

    report.evidence.push = Some(push(context, &branch, &now, &flagged).await?);
    let opened = context.engine.forge.open_pull_request(&draft).await?;
    let output = match &opened {
        PullRequestEvidence::Opened { url } => url.to_string(),
        PullRequestEvidence::Closed { url, merged } => {
            let how = if *merged { "merged" } else { "closed" };
            format!("{url} is {how} already; branch {branch} is pushed, and no other pull request was opened")
        }
        PullRequestEvidence::NoForge => {
            format!(
                "branch {branch} is pushed; no forge is connected, so text and patch of the pull request are artifacts"
            )
        }
    };
    report.evidence.pull_request = Some(opened);
    Ok(output)
}

/// The change is not pushed because of these files.
fn held(branch: &str, files: &[Arc<str>]) -> Failure {
    const NAMED: usize = 10;
    let names: Vec<String> = files.iter().take(NAMED).map(|path| format!("{path:?}")).collect();
    let more = if files.len() > NAMED { ", …" } else { "" };
    let message = format!(
        "branch {branch} is not pushed, as it changes files that tell machines what to run: {}{more}",
        names.join(", ")
    );
    Failure::new(FailureCode::ChangesHeld, message)
}

pub(super) async fn keep(context: &Context<'_>, kind: &str, bytes: Vec<u8>, report: &mut AttemptReport) {
    let id = context.order.agent_work_order_id;
    let Some(name) = artifact_name(context.history.len(), &context.definition.step, context.attempt, kind) else {
        return;
    };
    if context.engine.keep(id, &name, ArtifactContent::Bytes(bytes)).await {
        report.artifacts.push(name);
    }
}

/// Looks at the workspace after the step.
async fn look(context: &Context<'_>, before: &WorkspaceSnapshot, report: &mut AttemptReport) -> Result<(), Failure> {
    let after = context.sandbox.snapshot().await?;
    let changes = context.sandbox.compare(before, &after).await?;
    let total = context.total_changes(&after).await?;
    report.evidence.changes = Some(ChangeSummary::of(&changes, PATHS_KEPT));
    report.evidence.total = Some(ChangeSummary::of(&total, 0));
    report.evidence.flagged = flagged(&total.files).into_iter().take(PATHS_KEPT).collect();
    report.evidence.after = Some(after);
    Ok(())
}

/// Whether what was seen proves the goal.
fn prove(context: &Context<'_>, report: &AttemptReport) -> Result<(), Failure> {
    let evidence = &report.evidence;
    let missing =
        |what: &str| Err(Failure::new(FailureCode::EvidenceMissing, format!("the agent reported success, but {what}")));
    let (Some(before), Some(after)) = (&evidence.before, &evidence.after) else {
        return missing("the workspace could not be looked at");
    };
    let since = before_follow_ups(context.order, context.history);
    let since = since.as_ref().unwrap_or(before);
    match context.definition.goal {
        StepGoal::Changes if since.tree == after.tree && since.head == after.head => missing("no file changed"),
        StepGoal::Branch if after.branch != evidence.branch => missing("its branch is not checked out"),
        StepGoal::Commit => match &evidence.total {
            Some(total) if total.commits > 0 => Ok(()),
            _ => missing("there is nothing to commit"),
        },
        _ => Ok(()),
    }
}
