//! What is done for each call, and its answer.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::wire::Request;
use super::{FakePullRequest, GithubState};

/// Does what a request asks; status and body of the answer.
pub(super) fn answer(state: &mut GithubState, request: &Request) -> (u16, Value) {
    match &request.token {
        Some(token) if *token != state.token => return (401, json!({"message": "Bad credentials", "status": "401"})),
        // The repository is private: for whoever may not see it, it is not there.
        None => return not_found(),
        Some(_) => {}
    }
    let prefix = format!("/repos/{}/{}", state.owner, state.name);
    let Some(rest) = request.path.strip_prefix(&prefix) else { return not_found() };
    let parts: Vec<&str> = rest.split('/').skip(1).collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", []) => (
            200,
            json!({"id": 1, "name": state.name, "full_name": format!("{}/{}", state.owner, state.name), "private": true,
                   "owner": {"login": state.owner, "type": "User"}, "default_branch": "main"}),
        ),
        ("GET", ["issues", number]) => issue(state, number),
        ("GET", ["issues", number, "comments"]) => comments(state, number, request),
        ("POST", ["issues", number, "comments"]) => {
            let Ok(number) = number.parse() else { return not_found() };
            state.comments.push((number, text(&request.body["body"])));
            (201, json!({"id": state.comments.len(), "body": request.body["body"]}))
        }
        ("POST", ["issues", number, "labels"]) => change(state, number, |pull| {
            let new: Vec<_> =
                list(&request.body["labels"]).into_iter().filter(|it| !pull.labels.contains(it)).collect();
            pull.labels.extend(new);
        }),
        ("POST", ["pulls", number, "requested_reviewers"]) => change(state, number, |pull| {
            let new = list(&request.body["reviewers"]);
            let new: Vec<_> = new.into_iter().filter(|it| !pull.reviewers.contains(it)).collect();
            pull.reviewers.extend(new);
        }),
        ("GET", ["pulls"]) => (200, listed(state, request)),
        ("POST", ["pulls"]) => open(state, &request.body),
        _ => not_found(),
    }
}

fn not_found() -> (u16, Value) {
    (404, json!({"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

fn issue(state: &GithubState, number: &str) -> (u16, Value) {
    match number.parse().ok().and_then(|number| Some((number, state.issues.get(&number)?))) {
        Some((number, issue)) => {
            let body = if issue.body.is_empty() { Value::Null } else { issue.body.as_str().into() };
            (200, json!({"number": number, "title": issue.title, "body": body, "state": issue.state}))
        }
        None => not_found(),
    }
}

fn comments(state: &GithubState, number: &str, request: &Request) -> (u16, Value) {
    let named = |name: &str, usual: usize| {
        let value = request.query.iter().find(|(known, _)| known == name);
        value.and_then(|(_, value)| value.parse().ok()).unwrap_or(usual)
    };
    let (size, page) = (named("per_page", 30), named("page", 1));
    let of_issue = state.comments.iter().filter(|(issue, _)| issue.to_string() == number);
    let shown: Vec<_> = of_issue.skip(size * (page - 1)).take(size).map(|(_, body)| json!({"body": body})).collect();
    (200, shown.into())
}

fn change(state: &mut GithubState, number: &str, change: impl FnOnce(&mut FakePullRequest)) -> (u16, Value) {
    match state.pull_requests.iter_mut().find(|pull| pull.number.to_string() == number) {
        Some(pull) => {
            change(pull);
            (201, json!([]))
        }
        None => not_found(),
    }
}

fn listed(state: &GithubState, request: &Request) -> Value {
    let named = |name: &str| request.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let wanted = named("state").unwrap_or("open");
    let head = named("head").and_then(|head| head.strip_prefix(&format!("{}:", state.owner)));
    let fits = |pull: &&FakePullRequest| {
        (wanted == "all" || wanted == pull.state) && head.is_none_or(|head| head == pull.head)
    };
    state.pull_requests.iter().rev().filter(fits).map(|pull| shown(state, pull)).collect()
}

fn shown(state: &GithubState, pull: &FakePullRequest) -> Value {
    let full_name = format!("{}/{}", state.owner, state.name);
    let repository = json!({"full_name": full_name, "owner": {"login": state.owner}});
    json!({
        "number": pull.number,
        "html_url": format!("https://github.com/{full_name}/pull/{}", pull.number),
        "state": pull.state,
        "draft": pull.draft,
        "merged_at": if pull.merged { json!("2026-01-01T00:00:00Z") } else { Value::Null },
        "title": pull.title,
        "body": pull.body,
        "head": {"label": format!("{}:{}", state.owner, pull.head), "ref": pull.head, "repo": repository},
        "base": {"label": format!("{}:{}", state.owner, pull.base), "ref": pull.base, "repo": repository},
    })
}

fn open(state: &mut GithubState, body: &Value) -> (u16, Value) {
    let (head, base) = (text(&body["head"]), text(&body["base"]));
    let invalid = |error: Value| (422, json!({"message": "Validation Failed", "errors": [error], "status": "422"}));
    if state.pull_requests.iter().any(|pull| pull.state == "open" && pull.head == head && pull.base == base) {
        state.doubles_refused += 1;
        let message = format!("A pull request already exists for {}:{head}.", state.owner);
        return invalid(json!({"resource": "PullRequest", "code": "custom", "message": message}));
    }
    if !has_branch(state, &head) {
        return invalid(json!({"resource": "PullRequest", "field": "head", "code": "invalid"}));
    }
    if state.no_drafts && body["draft"] == true {
        return (422, json!({"message": "Draft pull requests are not supported in this repository.", "status": "422"}));
    }
    let issues = state.issues.keys().max().copied().unwrap_or(0);
    let number = state.pull_requests.iter().map(|pull| pull.number).max().unwrap_or(issues) + 1;
    let pull = FakePullRequest {
        number,
        title: text(&body["title"]),
        body: text(&body["body"]),
        head,
        base,
        state: "open",
        merged: false,
        draft: body["draft"] == true,
        labels: Vec::new(),
        reviewers: Vec::new(),
    };
    let answer = shown(state, &pull);
    state.pull_requests.push(pull);
    (201, answer)
}

fn has_branch(state: &GithubState, branch: &str) -> bool {
    let Some(path) = &state.repository else { return true };
    let mut git = Command::new("git");
    git.arg("--git-dir").arg(path).args(["rev-parse", "--verify", "--quiet", &format!("refs/heads/{branch}")]);
    git.stdin(Stdio::null()).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}
