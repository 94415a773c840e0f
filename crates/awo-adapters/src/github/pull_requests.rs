//! Finds the pull request of a branch, or opens it: never two, whatever is cut between asking and hearing.
//!
//! Whether there is one is looked up before each try to open it, also before a try that follows one whose answer was
//! lost. Two calls at the same moment are told apart by GitHub: it refuses a second open one for the same branches.

use std::sync::Arc;

use awo_engine::ports::PullRequestDraft;
use awo_models::{Failure, PullRequestEvidence};
use reqwest::Method;
use serde_json::{Value, json};

use super::api::{Api, CallError, Repeat};
use super::calls::{LOOKS, Repository, unusable};

/// A pull request as GitHub has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PullRequest {
    pub(super) number: u64,
    pub(super) url: Arc<str>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Closed,
    Merged,
}

impl PullRequest {
    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    fn read(api: &Api, value: &Value) -> Option<Self> {
        let url = value["html_url"].as_str().filter(|url| api.is_page(url))?;
        let state = match (value["state"].as_str()?, value["merged_at"].is_string()) {
            (_, true) => State::Merged,
            ("open", false) => State::Open,
            _ => State::Closed,
        };
        Some(Self { number: value["number"].as_u64()?, url: url.into(), state })
    }
}

impl From<PullRequest> for PullRequestEvidence {
    fn from(found: PullRequest) -> Self {
        match found.state {
            State::Open => Self::Opened { url: found.url },
            State::Closed | State::Merged => Self::Closed { url: found.url, merged: found.state == State::Merged },
        }
    }
}

/// The pull request of the branch, in whatever state; opened if there is none.
pub(super) async fn find_or_open(
    api: &Api,
    repository: &Repository,
    draft: &PullRequestDraft,
    as_draft: bool,
) -> Result<PullRequest, Failure> {
    let mut as_draft = as_draft;
    for look in 1.. {
        if let Some(found) = find(api, repository, &draft.head_branch).await? {
            return Ok(found);
        }
        let body = json!({
            "title": draft.title,
            "head": &*draft.head_branch,
            "base": draft.base_branch,
            "body": draft.body,
            "draft": as_draft,
            "maintainer_can_modify": true,
        });
        match api.call(Method::POST, &repository.path(&["pulls"]), &[], Some(&body), Repeat::AfterALook).await {
            Ok(opened) => return PullRequest::read(api, &opened).ok_or_else(|| unusable("the pull request")),
            // Somebody was faster, or an earlier try was late.
            Err(CallError::Refused(422, failure)) if look < LOOKS && failure.message.contains("already exists") => {}
            // Not every plan has drafts.
            Err(CallError::Refused(422, failure)) if as_draft && names_drafts(&failure) => as_draft = false,
            Err(CallError::Unknown(_)) if look < LOOKS => {}
            Err(error) => return Err(error.into()),
        }
    }
    unreachable!("the last look returns")
}

fn names_drafts(failure: &Failure) -> bool {
    failure.message.to_ascii_lowercase().contains("draft")
}

async fn find(api: &Api, repository: &Repository, branch: &str) -> Result<Option<PullRequest>, Failure> {
    let head = format!("{}:{branch}", repository.owner);
    let query = [("state", "all"), ("head", head.as_str()), ("per_page", "100")];
    let answer = api.call(Method::GET, &repository.path(&["pulls"]), &query, None, Repeat::Safely).await?;
    let listed = answer.as_array().ok_or_else(|| unusable("pull requests"))?;
    // A server that does not know the filter lists all; those of forks may have a branch of the same name.
    let ours = listed.iter().filter(|pull| {
        let owner = pull["head"]["repo"]["owner"]["login"].as_str();
        pull["head"]["ref"] == branch && owner.is_some_and(|owner| owner.eq_ignore_ascii_case(&repository.owner))
    });
    let read: Option<Vec<_>> = ours.map(|pull| PullRequest::read(api, pull)).collect();
    let mut found = read.ok_or_else(|| unusable("pull requests"))?;
    // An open one counts first, then the newest.
    found.sort_by_key(|pull| (pull.is_open(), pull.number));
    Ok(found.pop())
}
