//! The forge of remotes that have none, or none that awo is connected to.
//!
//! The work ends as a pushed branch, whatever the remote is, and who wants a pull request opens it there by hand.

use async_trait::async_trait;
use awo_engine::ports::{Forge, PullRequestDraft, Unverified, VerifiedRepository};
use awo_models::{Failure, FailureCode, Issue, PullRequestEvidence};

/// Answers that no forge is connected: a pushed branch is all there is.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalForge;

#[async_trait]
impl Forge for LocalForge {
    async fn caution(&self, _repository_url: &str) -> Option<String> {
        None
    }

    async fn verify(&self, _repository_url: &str) -> Result<VerifiedRepository, Unverified> {
        Err(Unverified::Missing("the address is on no forge that awo is connected to".into()))
    }

    async fn issue(&self, _repository_url: &str, number: &str) -> Result<Issue, Failure> {
        let number: String = number.chars().take(20).collect();
        Err(Failure::new(
            FailureCode::ForgeFailed,
            format!(
                "cannot fetch issue {number:?}: awo is connected to no forge that has it; put the issue's text in the request"
            ),
        ))
    }

    async fn open_pull_request(&self, _draft: &PullRequestDraft) -> Result<PullRequestEvidence, Failure> {
        Ok(PullRequestEvidence::NoForge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_issue_is_refused_with_the_cure_and_a_pull_request_is_no_lie() {
        let failure = LocalForge.issue("https://github.com/owner/repo", "42").await.unwrap_err();
        assert_eq!(
            failure.to_string(),
            "forge_failed: cannot fetch issue \"42\": awo is connected to no forge that has it; put the issue's text in the request"
        );
        let draft = PullRequestDraft {
            repository_url: "/srv/repo".into(),
            head_branch: "b".into(),
            base_branch: "main".into(),
            title: "t".into(),
            body: String::new(),
            order: "wo-00000000000000000000000000000001".parse().unwrap(),
            issue: None,
        };
        assert_eq!(LocalForge.open_pull_request(&draft).await, Ok(PullRequestEvidence::NoForge));
    }
}
