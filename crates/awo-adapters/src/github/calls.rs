//! The calls that are made, apart from those about pull requests: what each sends, and what of the answer counts.

use awo_engine::ports::{Unverified, VerifiedRepository};
use awo_models::{Failure, FailureCode, Issue, OrderId};
use reqwest::Method;
use serde_json::{Value, json};

use super::api::{Api, CallError, Repeat};

/// Comments that are asked for at once, and pages of them that are looked through.
const PAGE: usize = 100;
const PAGES: usize = 20;
/// Times that something is looked for and, when it is not there, made.
pub(super) const LOOKS: u32 = 3;

/// A repository by its names, which are parts of paths and never hold a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Repository {
    pub(super) owner: String,
    pub(super) name: String,
}

impl Repository {
    /// The path of something in it.
    pub(super) fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        [&["repos", &self.owner, &self.name], rest].concat()
    }
}

/// An answer that lacks what it should have.
pub(super) fn unusable(what: &str) -> Failure {
    Failure::new(FailureCode::ForgeFailed, format!("GitHub's answer about {what} has another form than expected"))
}

pub(super) async fn verify(api: &Api, repository: &Repository) -> Result<VerifiedRepository, Unverified> {
    let called = api.call(Method::GET, &repository.path(&[]), &[], None, Repeat::Safely).await;
    let answer = called.map_err(|error| match error {
        // A token that is not accepted says nothing of the repository.
        CallError::Refused(status, failure) if status != 401 => Unverified::Missing(failure.message),
        error => Unverified::Unknown(error.into()),
    })?;
    let unusable = || Unverified::Unknown(unusable("the repository"));
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(unusable);
    Ok(VerifiedRepository {
        owner: text(&answer["owner"]["login"])?,
        name: text(&answer["name"])?,
        default_branch: text(&answer["default_branch"])?,
    })
}

pub(super) async fn issue(api: &Api, repository: &Repository, number: &str) -> Result<Issue, Failure> {
    let digits = number.trim_start_matches('#');
    if !(1..=12).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        let shown: String = number.chars().take(20).collect();
        return Err(Failure::new(FailureCode::ForgeFailed, format!("{shown:?} is not the number of an issue")));
    }
    let answer = api.call(Method::GET, &repository.path(&["issues", digits]), &[], None, Repeat::Safely).await?;
    let title = answer["title"].as_str().ok_or_else(|| unusable("the issue"))?;
    Ok(Issue {
        number: digits.into(),
        title: title.into(),
        body: answer["body"].as_str().unwrap_or_default().into(),
        closed: answer["state"] == "closed",
    })
}

pub(super) async fn add_labels(api: &Api, at: &Repository, number: u64, labels: &[String]) -> Result<(), Failure> {
    let (number, body) = (number.to_string(), json!({"labels": labels}));
    let path = at.path(&["issues", &number, "labels"]);
    Ok(api.call(Method::POST, &path, &[], Some(&body), Repeat::Safely).await.map(|_| ())?)
}

pub(super) async fn ask_reviewers(api: &Api, at: &Repository, number: u64, people: &[String]) -> Result<(), Failure> {
    let (number, body) = (number.to_string(), json!({"reviewers": people}));
    let path = at.path(&["pulls", &number, "requested_reviewers"]);
    Ok(api.call(Method::POST, &path, &[], Some(&body), Repeat::Safely).await.map(|_| ())?)
}

/// Comments on an issue, unless the order did so before: a mark that is not shown tells.
pub(super) async fn comment_once(
    api: &Api,
    repository: &Repository,
    issue: &str,
    order: OrderId,
    text: &str,
) -> Result<(), Failure> {
    let mark = format!("<!-- awo {order} -->");
    let path = repository.path(&["issues", issue, "comments"]);
    let body = json!({"body": format!("{text}\n\n{mark}")});
    for look in 1.. {
        if is_marked(api, &path, &mark).await? {
            return Ok(());
        }
        match api.call(Method::POST, &path, &[], Some(&body), Repeat::AfterALook).await {
            Ok(_) => return Ok(()),
            Err(CallError::Unknown(_)) if look < LOOKS => {}
            Err(error) => return Err(error.into()),
        }
    }
    unreachable!("the last look returns")
}

async fn is_marked(api: &Api, path: &[&str], mark: &str) -> Result<bool, Failure> {
    let size = PAGE.to_string();
    for page in 1..=PAGES {
        let query = [("per_page", size.as_str()), ("page", &page.to_string())];
        let answer = api.call(Method::GET, path, &query, None, Repeat::Safely).await?;
        let comments = answer.as_array().ok_or_else(|| unusable("the comments"))?;
        if comments.iter().any(|comment| comment["body"].as_str().is_some_and(|body| body.contains(mark))) {
            return Ok(true);
        }
        if comments.len() < PAGE {
            return Ok(false);
        }
    }
    Ok(false)
}
