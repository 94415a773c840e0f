//! A forge that answers what it is told to.

use std::sync::Mutex;

use async_trait::async_trait;
use awo_engine::ports::{Forge, PullRequestDraft, Unverified, VerifiedRepository};
use awo_models::{Failure, FailureCode, Issue, PullRequestEvidence};

use crate::Timeline;

/// Opens every pull request, knows no issue; both can be changed.
#[derive(Debug)]
pub struct FakeForge {
    timeline: Timeline,
    /// Why it can be asked for no repository.
    pub unreachable: Mutex<Option<Failure>>,
    /// The issue it knows.
    pub issue: Mutex<Option<Issue>>,
    /// What it warns of.
    pub cautions: Mutex<Option<String>>,
    /// The pull request that it finds instead of opening one.
    pub found: Mutex<Option<PullRequestEvidence>>,
    /// Why it opens no pull request.
    pub refuses: Mutex<Option<Failure>>,
    /// Pull requests it has opened.
    pub opened: Mutex<Vec<PullRequestDraft>>,
}

impl FakeForge {
    pub(crate) fn new(timeline: Timeline) -> Self {
        Self {
            timeline,
            unreachable: Mutex::default(),
            issue: Mutex::default(),
            cautions: Mutex::default(),
            found: Mutex::default(),
            refuses: Mutex::default(),
            opened: Mutex::default(),
        }
    }
}

#[async_trait]
impl Forge for FakeForge {
    async fn caution(&self, _repository_url: &str) -> Option<String> {
        self.cautions.lock().expect("no panics here").clone()
    }

    async fn verify(&self, repository_url: &str) -> Result<VerifiedRepository, Unverified> {
        if let Some(failure) = self.unreachable.lock().expect("no panics here").clone() {
            return Err(Unverified::Unknown(failure));
        }
        match repository_url.strip_prefix("https://example.org/").and_then(|path| path.split_once('/')) {
            Some((owner, name)) => Ok(VerifiedRepository {
                owner: owner.into(),
                name: name.trim_end_matches(".git").into(),
                default_branch: "main".into(),
            }),
            None => Err(Unverified::Missing(format!("{repository_url} was not found").into())),
        }
    }

    async fn issue(&self, _repository_url: &str, number: &str) -> Result<Issue, Failure> {
        self.timeline.note(format!("forge: issue {number}"));
        let issue = self.issue.lock().expect("no panics here").clone();
        issue.ok_or_else(|| Failure::new(FailureCode::ForgeFailed, format!("issue {number} was not found")))
    }

    async fn open_pull_request(&self, draft: &PullRequestDraft) -> Result<PullRequestEvidence, Failure> {
        self.timeline.note(format!("forge: open {} → {}", draft.head_branch, draft.base_branch));
        if let Some(failure) = self.refuses.lock().expect("no panics here").clone() {
            return Err(failure);
        }
        if let Some(found) = self.found.lock().expect("no panics here").clone() {
            return Ok(found);
        }
        self.opened.lock().expect("no panics here").push(draft.clone());
        Ok(PullRequestEvidence::Opened { url: "https://forge.example/pull/1".into() })
    }
}
