//! GitHub's interface, against a server that plays it.

mod kills;

use std::sync::Arc;
use std::time::Duration;

use awo_adapters::{ForgeToken, ForgeTokens, GithubForge, GithubSettings, TokenSource};
use awo_engine::ports::{Forge as _, PullRequestDraft, Unverified};
use awo_models::{FailureCode, PullRequestEvidence};
use awo_testkit::{FakeGithub, FakeIssue, Turn};
use serde_json::json;

const TOKEN: &str = "ghp_canary0123456789";
const URL: &str = "https://github.com/owner/repo.git";

fn tokens(host: &str, token: Option<&str>) -> Arc<ForgeTokens> {
    let token = token.and_then(ForgeToken::new);
    let source = token.map(|token| TokenSource::Variable { name: "GITHUB_TOKEN", token });
    Arc::new(ForgeTokens::new(host, source.into_iter().collect()))
}

fn settings(github: &FakeGithub) -> GithubSettings {
    let settings = GithubSettings::new(github.address(), tokens("github.com", Some(TOKEN)));
    GithubSettings { max_wait: Duration::from_secs(5), ..settings }
}

fn forge(github: &FakeGithub) -> GithubForge {
    GithubForge::new(settings(github)).unwrap()
}

fn draft() -> PullRequestDraft {
    PullRequestDraft {
        repository_url: URL.into(),
        head_branch: "feat-wo-00000001-greet".into(),
        base_branch: "main".into(),
        title: "feat: #42 - Greet".into(),
        body: "It greets.".into(),
        order: "wo-00000000000000000000000000000001".parse().unwrap(),
        issue: Some("42".into()),
    }
}

fn opened(number: u64) -> PullRequestEvidence {
    PullRequestEvidence::Opened { url: format!("https://github.com/owner/repo/pull/{number}").into() }
}

fn posts(github: &FakeGithub) -> usize {
    github.state().requests.iter().filter(|call| *call == "POST /pulls").count()
}

#[tokio::test]
async fn a_pull_request_is_opened_once_and_found_again() {
    let github = FakeGithub::new(TOKEN);
    assert_eq!(forge(&github).open_pull_request(&draft()).await, Ok(opened(1)));
    assert_eq!(forge(&github).open_pull_request(&draft()).await, Ok(opened(1)));
    assert_eq!(github.state().requests, ["GET /pulls", "POST /pulls", "GET /pulls"]);
    let pull = github.state().pull_requests[0].clone();
    assert_eq!((pull.head.as_str(), pull.base.as_str()), ("feat-wo-00000001-greet", "main"));
    assert_eq!((pull.title.as_str(), pull.body.as_str(), pull.draft), ("feat: #42 - Greet", "It greets.", false));
}

#[tokio::test]
async fn one_that_a_person_has_ended_is_found_and_not_opened_again() {
    for merged in [false, true] {
        let github = FakeGithub::new(TOKEN);
        forge(&github).open_pull_request(&draft()).await.unwrap();
        {
            let mut state = github.state();
            state.pull_requests[0].state = "closed";
            state.pull_requests[0].merged = merged;
        }
        let settings = GithubSettings { labels: vec!["agent".into()], ..settings(&github) };
        let found = GithubForge::new(settings).unwrap().open_pull_request(&draft()).await;
        let url = "https://github.com/owner/repo/pull/1".into();
        assert_eq!(found, Ok(PullRequestEvidence::Closed { url, merged }));
        assert_eq!(posts(&github), 1);
        assert!(github.state().pull_requests[0].labels.is_empty(), "it is left alone");
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_is_looked_for_and_not_asked_for_again() {
    for (turn, posts_expected) in [(Turn::CutAfter, 1), (Turn::CutBefore, 2), (Turn::Overtaken, 1)] {
        let github = FakeGithub::new(TOKEN);
        github.on("POST /pulls", turn.clone());
        assert_eq!(forge(&github).open_pull_request(&draft()).await, Ok(opened(1)), "{turn:?}");
        assert_eq!((posts(&github), github.state().pull_requests.len()), (posts_expected, 1), "{turn:?}");
    }
}

#[tokio::test]
async fn a_server_with_trouble_is_looked_at_before_each_try() {
    let github = FakeGithub::new(TOKEN);
    github.on("GET /pulls", Turn::Answer(502, vec![], json!({"message": "Server Error"})));
    github.on("POST /pulls", Turn::Answer(500, vec![], json!({})));
    assert_eq!(forge(&github).open_pull_request(&draft()).await, Ok(opened(1)));
    assert_eq!(github.state().requests, ["GET /pulls", "GET /pulls", "POST /pulls", "GET /pulls", "POST /pulls"]);
}

#[tokio::test]
async fn trouble_that_stays_is_a_failure() {
    let github = FakeGithub::new(TOKEN);
    for _ in 0..3 {
        github.on("POST /pulls", Turn::Answer(500, vec![], json!({"message": "boom"})));
    }
    let failure = forge(&github).open_pull_request(&draft()).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::ForgeFailed);
    assert_eq!(&*failure.message, "POST /repos/owner/repo/pulls of 127.0.0.1 was answered with 500 (boom)");
}

#[tokio::test]
async fn short_limits_are_waited_out_and_long_ones_told_with_their_reset() {
    let github = FakeGithub::new(TOKEN);
    let secondary = vec![("retry-after", "1".to_owned())];
    github.on(
        "POST /pulls",
        Turn::Answer(403, secondary, json!({"message": "You have exceeded a secondary rate limit"})),
    );
    let primary = vec![("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", "1767225601".to_owned())];
    github.on("GET /pulls", Turn::Answer(429, primary, json!({"message": "API rate limit exceeded"})));
    assert_eq!(forge(&github).open_pull_request(&draft()).await, Ok(opened(1)));

    let github = FakeGithub::new(TOKEN);
    let primary = vec![("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", "1767229200".to_owned())];
    github.on("GET /pulls", Turn::Answer(403, primary, json!({"message": "API rate limit exceeded"})));
    let failure = forge(&github).open_pull_request(&draft()).await.unwrap_err();
    assert_eq!(
        &*failure.message,
        "GET /repos/owner/repo/pulls of 127.0.0.1 was refused because of a rate limit, which resets at \
         2026-01-01T01:00:00Z; retry the order then"
    );
    assert_eq!(failure.until, Some("2026-01-01T01:00:00Z".parse().unwrap()));
    assert_eq!(github.state().requests.len(), 1, "it does not knock on");
}

#[tokio::test]
async fn a_token_that_is_refused_is_named_by_its_place_and_not_shown() {
    let github = FakeGithub::new("another");
    let echo = json!({"message": format!("no: {TOKEN}")});
    github.on("GET /pulls", Turn::Answer(401, vec![], echo));
    let failure = forge(&github).open_pull_request(&draft()).await.unwrap_err();
    assert_eq!(
        &*failure.message,
        "GET /repos/owner/repo/pulls of 127.0.0.1 was refused with 401 (no: [forge_token]); the token of variable \
         GITHUB_TOKEN is not accepted: make a new one"
    );
    assert!(!format!("{:?}", forge(&github)).contains("canary"));
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed() {
    let (github, other) = (FakeGithub::new(TOKEN), FakeGithub::new(TOKEN));
    let to = format!("{}/repos/owner/repo", other.address());
    github.on("GET ", Turn::Answer(301, vec![("location", to)], json!({})));
    assert!(forge(&github).verify(URL).await.is_err());
    assert!(other.state().requests.is_empty());
    let here = format!("{}/repos/owner/repo", github.address());
    github.on("GET ", Turn::Answer(301, vec![("location", here)], json!({})));
    assert_eq!(forge(&github).verify(URL).await.unwrap().default_branch, "main", "a renamed repository is found");
}

#[tokio::test]
async fn drafts_are_opened_where_there_are_drafts() {
    for no_drafts in [false, true] {
        let github = FakeGithub::new(TOKEN);
        github.state().no_drafts = no_drafts;
        let settings = GithubSettings { draft: true, ..settings(&github) };
        GithubForge::new(settings).unwrap().open_pull_request(&draft()).await.unwrap();
        assert_eq!(github.state().pull_requests[0].draft, !no_drafts);
    }
}

#[tokio::test]
async fn labels_reviewers_and_the_comment_are_there_once_whatever_is_cut() {
    let github = FakeGithub::new(TOKEN);
    github.on("POST /issues/42/comments", Turn::CutAfter);
    github.on("POST /issues/1/labels", Turn::CutAfter);
    let settings = GithubSettings {
        labels: vec!["agent".into()],
        reviewers: vec!["ada".into()],
        comment: true,
        ..settings(&github)
    };
    let forge = GithubForge::new(settings).unwrap();
    for _ in 0..2 {
        assert_eq!(forge.open_pull_request(&draft()).await, Ok(opened(1)));
    }
    let state = github.state();
    assert_eq!(
        (&state.pull_requests[0].labels[..], &state.pull_requests[0].reviewers[..]),
        (&["agent".into()][..], &["ada".into()][..])
    );
    let [(42, comment)] = &state.comments[..] else { panic!("{:?}", state.comments) };
    assert!(comment.starts_with("https://github.com/owner/repo/pull/1 is the pull request of agent work order `wo-"));
}

#[tokio::test]
async fn what_comes_after_the_pull_request_fails_nothing() {
    let github = FakeGithub::new(TOKEN);
    github.on("POST /issues/1/labels", Turn::Answer(403, vec![], json!({"message": "Resource not accessible"})));
    let settings = GithubSettings { labels: vec!["agent".into()], ..settings(&github) };
    assert_eq!(GithubForge::new(settings).unwrap().open_pull_request(&draft()).await, Ok(opened(1)));
}

#[tokio::test]
async fn issues_are_read() {
    let github = FakeGithub::new(TOKEN);
    let issue = FakeIssue { title: "Crash".into(), body: String::new(), state: "closed" };
    github.state().issues.insert(42, issue);
    let read = forge(&github).issue("git@github.com:owner/repo.git", "#42").await.unwrap();
    assert_eq!((&*read.number, &*read.title, &*read.body, read.closed), ("42", "Crash", "", true));
    let failure = forge(&github).issue(URL, "43").await.unwrap_err();
    assert!(failure.message.contains("404 (Not Found); there is no such thing, or"), "{failure}");
    let failure = forge(&github).issue(URL, "../../user").await.unwrap_err();
    assert_eq!(&*failure.message, "\"../../user\" is not the number of an issue");
    assert_eq!(github.state().requests.len(), 2, "it is not asked for what is no number");
}

#[tokio::test]
async fn repositories_are_verified() {
    let github = FakeGithub::new(TOKEN);
    let found = forge(&github).verify(URL).await.unwrap();
    assert_eq!((found.owner.as_str(), found.name.as_str(), found.default_branch.as_str()), ("owner", "repo", "main"));
    let missing = forge(&github).verify("https://github.com/owner/other").await.unwrap_err();
    assert!(matches!(&missing, Unverified::Missing(why) if why.contains("404")), "{missing:?}");
    let elsewhere = forge(&github).verify("/srv/repo.git").await;
    assert_eq!(elsewhere, Err(Unverified::Missing("the address is on no forge that awo is connected to".into())));
    for status in [401, 503] {
        let settings = GithubSettings { max_wait: Duration::ZERO, ..settings(&github) };
        github.on("GET ", Turn::Answer(status, Vec::new(), json!({})));
        let unknown = GithubForge::new(settings).unwrap().verify(URL).await.unwrap_err();
        assert!(matches!(unknown, Unverified::Unknown(_)), "{status} says nothing of the repository: {unknown:?}");
    }
}

#[tokio::test]
async fn without_a_token_and_elsewhere_it_is_a_plain_remote() {
    let github = FakeGithub::new(TOKEN);
    let without = GithubForge::new(GithubSettings::new(github.address(), tokens("github.com", None))).unwrap();
    assert_eq!(without.open_pull_request(&draft()).await, Ok(PullRequestEvidence::NoForge));
    assert_eq!(
        without.caution(URL).await.as_deref(),
        Some(
            "no pull request will be opened and no issue read: there is no token for github.com; set GITHUB_TOKEN, \
             GH_TOKEN, github.token_file or `gh auth login`"
        )
    );
    assert!(without.issue(URL, "42").await.unwrap_err().message.contains("there is no token for github.com"));
    for elsewhere in ["https://gitlab.com/owner/repo", "/srv/owner/repo", "git@example.org:owner/repo.git"] {
        let draft = PullRequestDraft { repository_url: elsewhere.into(), ..draft() };
        for forge in [&without, &forge(&github)] {
            assert_eq!(forge.open_pull_request(&draft).await, Ok(PullRequestEvidence::NoForge), "{elsewhere}");
            assert_eq!(forge.caution(elsewhere).await, None, "{elsewhere}");
        }
    }
    assert_eq!(forge(&github).caution(URL).await, None);
    assert!(github.state().requests.is_empty());
}
