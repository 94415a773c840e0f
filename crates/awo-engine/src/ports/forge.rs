//! The port to GitHub and its like.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use awo_models::{Failure, Issue, OrderId, PullRequestEvidence};

/// Issues and pull requests of a repository.
///
/// # Contract
/// - *Found or opened*: opening a pull request for a head branch that has one (in any state) answers with that one, also
///   when an earlier call was cut before it was answered.
/// - *Bounded*: every call has a deadline of its own.
/// - *Discreet*: no failure holds a token.
///
/// ```
/// use awo_engine::ports::{Forge, PullRequestDraft, Unverified, VerifiedRepository};
/// use awo_models::{Failure, FailureCode, Issue, PullRequestEvidence};
///
/// /// Branches are pushed, and that is all.
/// #[derive(Debug)]
/// struct NoForge;
///
/// #[async_trait::async_trait]
/// impl Forge for NoForge {
///     async fn caution(&self, _: &str) -> Option<String> {
///         None
///     }
///
///     async fn verify(&self, address: &str) -> Result<VerifiedRepository, Unverified> {
///         Err(Unverified::Missing(format!("there is no forge to look for {address:?} at").into()))
///     }
///
///     async fn issue(&self, _: &str, number: &str) -> Result<Issue, Failure> {
///         Err(Failure::new(FailureCode::ForgeFailed, format!("there is no forge to fetch issue {number:?} from")))
///     }
///
///     async fn open_pull_request(&self, _: &PullRequestDraft) -> Result<PullRequestEvidence, Failure> {
///         Ok(PullRequestEvidence::NoForge)
///     }
/// }
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Forge: Debug + Send + Sync {
    /// What people should know before an order of this repository begins. Asks nobody over the network.
    async fn caution(&self, repository_url: &str) -> Option<String>;

    /// Looks a repository up.
    async fn verify(&self, repository_url: &str) -> Result<VerifiedRepository, Unverified>;

    /// Fetches an issue.
    async fn issue(&self, repository_url: &str, number: &str) -> Result<Issue, Failure>;

    /// Finds or opens the pull request of a pushed branch; [`PullRequestEvidence::NoForge`] where none is connected.
    async fn open_pull_request(&self, draft: &PullRequestDraft) -> Result<PullRequestEvidence, Failure>;
}

/// A repository as the forge has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedRepository {
    /// Who owns it.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// Its default branch.
    pub default_branch: String,
}

/// A repository that was looked up and not seen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// It is not there, or not for awo: why, and the cure.
    #[error("{0}")]
    Missing(Arc<str>),
    /// Nobody knows: the forge could not be asked, or gave no answer.
    #[error("{}", .0.message)]
    Unknown(Failure),
}

/// A pull request to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequestDraft {
    /// Address of the repository.
    pub repository_url: Arc<str>,
    /// Branch with the work, already pushed.
    pub head_branch: Arc<str>,
    /// Branch it is for.
    pub base_branch: String,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// The order whose work it is.
    pub order: OrderId,
    /// Number of the issue that it resolves.
    pub issue: Option<String>,
}
