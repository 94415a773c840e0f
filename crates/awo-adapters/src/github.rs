//! GitHub behind the engine's `Forge`: issues, pull requests and comments, over its REST interface.
//!
//! An address on the configured host uses it; any other, and any without a token, is treated as a plain remote.
//! Waiting out a short rate limit and asking again after a cut answer happens here, within one call: whether GitHub did
//! what it was asked can only be found out by asking GitHub.

mod api;
mod calls;
mod limits;
mod pull_requests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use awo_engine::ports::{Forge, PullRequestDraft, Unverified, VerifiedRepository};
use awo_models::{Failure, FailureCode, Issue, PullRequestEvidence};
use tracing::warn;

use crate::{AddressPolicy, ForgeTokens, Hosts, LocalForge, RepositoryAddress};
use api::Api;
pub use api::ApiAddressError;
use calls::Repository;

/// How GitHub is used.
#[derive(Debug, Clone)]
pub struct GithubSettings {
    /// Where its REST interface is: `https://api.github.com`, or `https://<host>/api/v3` of an Enterprise server.
    pub api_url: String,
    /// The host of its repositories, and the token for it.
    pub tokens: Arc<ForgeTokens>,
    /// Whether pull requests are opened as drafts.
    pub draft: bool,
    /// Labels for pull requests that awo opens.
    pub labels: Vec<String>,
    /// People who are asked to review them.
    pub reviewers: Vec<String>,
    /// Whether the issue is told of its pull request.
    pub comment: bool,
    /// Longest time that one call waits, all its waits together, for limits and for troubles of the server to pass.
    pub max_wait: Duration,
}

impl GithubSettings {
    /// Pull requests that are ready for review, without labels, reviewers and comments.
    pub fn new(api_url: &str, tokens: Arc<ForgeTokens>) -> Self {
        Self {
            api_url: api_url.to_owned(),
            tokens,
            draft: false,
            labels: Vec::new(),
            reviewers: Vec::new(),
            comment: false,
            max_wait: Duration::from_mins(1),
        }
    }
}

/// GitHub for the addresses of its host; [`LocalForge`] for all others.
#[derive(Debug)]
pub struct GithubForge {
    settings: GithubSettings,
    api: Api,
}

impl GithubForge {
    /// A forge with the given settings. Nothing is asked yet.
    pub fn new(settings: GithubSettings) -> Result<Self, ApiAddressError> {
        let api = Api::new(&settings.api_url, Arc::clone(&settings.tokens), settings.max_wait)?;
        Ok(Self { settings, api })
    }

    /// The repository, if the address is one of the host.
    fn repository(&self, address: &str) -> Option<Repository> {
        // Whether it may be used was asked before. It is compared with one host, which may be an operator's own.
        let policy = AddressPolicy { allow_local: true, trusted_hosts: Hosts::all(), ..AddressPolicy::default() };
        let address = RepositoryAddress::parse(address, &policy).ok()?;
        let (owner, name) = self.settings.tokens.repository(&address)?;
        Some(Repository { owner: owner.to_owned(), name: name.to_owned() })
    }

    /// The same, if there is a token for it, too.
    async fn connected(&self, address: &str) -> Option<Repository> {
        let repository = self.repository(address)?;
        self.settings.tokens.find().await.map(|_| repository)
    }

    fn no_token(&self) -> String {
        format!("there is no token for {}; set {}", self.settings.tokens.host(), ForgeTokens::PLACES)
    }
}

#[async_trait]
impl Forge for GithubForge {
    async fn caution(&self, repository_url: &str) -> Option<String> {
        self.repository(repository_url)?;
        if self.settings.tokens.find().await.is_some() {
            return None;
        }
        Some(format!("no pull request will be opened and no issue read: {}", self.no_token()))
    }

    async fn verify(&self, repository_url: &str) -> Result<VerifiedRepository, Unverified> {
        let Some(repository) = self.repository(repository_url) else {
            return LocalForge.verify(repository_url).await;
        };
        calls::verify(&self.api, &repository).await
    }

    async fn issue(&self, repository_url: &str, number: &str) -> Result<Issue, Failure> {
        match (self.connected(repository_url).await, self.repository(repository_url)) {
            (Some(repository), _) => calls::issue(&self.api, &repository, number).await,
            (None, Some(_)) => Err(Failure::new(FailureCode::ForgeFailed, self.no_token())),
            (None, None) => LocalForge.issue(repository_url, number).await,
        }
    }

    async fn open_pull_request(&self, draft: &PullRequestDraft) -> Result<PullRequestEvidence, Failure> {
        let Some(repository) = self.connected(&draft.repository_url).await else {
            return LocalForge.open_pull_request(draft).await;
        };
        let found = pull_requests::find_or_open(&self.api, &repository, draft, self.settings.draft).await?;
        if found.is_open() {
            // The pull request is there whatever becomes of these: they are told of, and fail nothing.
            for (what, done) in self.dress(&repository, draft, found.number, &found.url).await {
                if let Err(failure) = done {
                    warn!(agent_work_order_id = %draft.order, url = %found.url, reason = %failure, "{what}_not_set");
                }
            }
        }
        Ok(found.into())
    }
}

impl GithubForge {
    /// Labels, reviewers and the comment on the issue, as set. Each can be repeated without being there twice.
    async fn dress(
        &self,
        repository: &Repository,
        draft: &PullRequestDraft,
        number: u64,
        url: &str,
    ) -> Vec<(&'static str, Result<(), Failure>)> {
        let mut done = Vec::new();
        if !self.settings.labels.is_empty() {
            done.push(("labels", calls::add_labels(&self.api, repository, number, &self.settings.labels).await));
        }
        if !self.settings.reviewers.is_empty() {
            let asked = calls::ask_reviewers(&self.api, repository, number, &self.settings.reviewers).await;
            done.push(("reviewers", asked));
        }
        if let (true, Some(issue)) = (self.settings.comment, &draft.issue) {
            let text = format!("{url} is the pull request of agent work order `{}` for this issue.", draft.order);
            done.push(("comment", calls::comment_once(&self.api, repository, issue, draft.order, &text).await));
        }
        done
    }
}
