//! A forge that answers what it is told to.

use std::sync::Mutex;

use async_trait::async_trait;
use awo_engine::ports::{Forge, PullRequestDraft};
use awo_models::{Failure, FailureCode, Issue, PullRequestEvidence};

use crate::Timeline;

/// Opens every pull request, knows no issue; both can be changed.
#[derive(Debug)]
pub struct FakeForge {
    timeline: Timeline,
    /// The issue it knows.
    pub issue: Mutex<Option<Issue>>,
    /// Why it opens no pull request.
    pub refuses: Mutex<Option<Failure>>,
    /// Pull requests it has opened.
    pub opened: Mutex<Vec<PullRequestDraft>>,
}

impl FakeForge {
    pub(crate) fn new(timeline: Timeline) -> Self {
        Self { timeline, issue: Mutex::default(), refuses: Mutex::default(), opened: Mutex::default() }
    }
}

#[async_trait]
impl Forge for FakeForge {
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
        self.opened.lock().expect("no panics here").push(draft.clone());
        Ok(PullRequestEvidence::Opened { url: "https://forge.example/pull/1".into() })
    }
}
