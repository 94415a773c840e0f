//! Each operation of the document has a method that asks for it with all of its parameters, and there are no others.

use std::collections::BTreeSet;

use awo_client::{
    Client, CreateOrder, ListOrders, LogQuery, NewRepository, Operation, PromptRequest, RepositoryChanges,
    RetryRequest, StatsQuery, StepsQuery, VerifyRepository,
};
use http::{Request, StatusCode, header};

use crate::document::{document, operations};
use crate::scripted::{Scripted, Turn};

/// Operations without a method, and why.
const WITHOUT: [(&str, &str); 4] = [
    ("converse_about_order", "the same messages come by `follow_order`, which goes on where it broke off"),
    ("get_docs", "a page for people"),
    ("get_docs_file", "a part of that page"),
    ("get_page_file", "a part of the page of the orders"),
];

/// Calls every method of an operation, with all that can be said.
async fn call(client: &Client, operation: Operation) {
    let id = "wo-1";
    let text = || Some("a text".to_owned());
    let all = ListOrders {
        status: vec!["running".to_owned(), "failed".to_owned()],
        repository_url: text(),
        text: text(),
        limit: Some(1),
        cursor: text(),
    };
    let lines = LogQuery { level: vec!["error".to_owned()], step: text(), since: text(), text: text() };
    // They come to nothing: the server finds nothing.
    match operation {
        Operation::ListOrders => drop(client.list_orders(&all).await),
        Operation::CreateOrder => drop(client.create_order(&CreateOrder::default(), Some("key")).await),
        Operation::GetOrder => drop(client.get_order(id).unless("\"tag\"").await),
        Operation::DeleteOrder => drop(client.delete_order(id).await),
        Operation::StartOrder => drop(client.start_order(id).await),
        Operation::CancelOrder => drop(client.cancel_order(id).await),
        Operation::RetryOrder => drop(client.retry_order(id, &RetryRequest::default()).await),
        Operation::PromptOrder => drop(client.prompt_order(id, &PromptRequest::default(), Some("key")).await),
        Operation::ListSteps => {
            let when = StepsQuery { after: Some(1), wait: Some(1.5) };
            drop(client.list_steps(id, when).unless("\"tag\"").await);
        }
        Operation::GetStepOutput => drop(client.get_step_output(id, 1).await),
        Operation::GetStepTranscript => drop(client.get_step_transcript(id, 1).await),
        Operation::ListArtifacts => drop(client.list_artifacts(id).await),
        Operation::GetArtifact => drop(client.get_artifact(id, "a/b c").await),
        Operation::GetGitProgress => drop(client.get_git_progress(id).await),
        Operation::GetDiff => drop(client.get_diff(id).await),
        Operation::GetStepDiff => drop(client.get_step_diff(id, 1).await),
        Operation::ListEvents => {
            drop(client.list_events(id, Some(1), Some(1)).await);
            drop(client.follow_order(id, Some(1), &["state", "ended"]).next().await);
        }
        Operation::FollowOrders => drop(client.follow_orders(Some("1-2")).next().await),
        Operation::ListLogs => drop(client.list_logs(id, &lines, Some(1), Some(1)).await),
        Operation::FollowLogs => drop(client.follow_logs(id, &lines, Some(1)).next().await),
        Operation::GetStepStats => {
            let which = StatsQuery {
                days: Some(7),
                since: text(),
                until: text(),
                repository_url: text(),
                agent: text(),
                model: text(),
                step: text(),
                workflow_type: text(),
                group_by: vec!["step".to_owned(), "model".to_owned()],
                recent: Some(50),
                slowest: Some(3),
            };
            drop(client.get_step_stats(&which).await);
            drop(client.get_step_stats_table(&which).await);
        }
        Operation::ListRepositories => drop(client.list_repositories().await),
        Operation::CreateRepository => drop(client.create_repository(&NewRepository::default()).await),
        Operation::GetRepository => drop(client.get_repository(id).await),
        Operation::UpdateRepository => drop(client.update_repository(id, &RepositoryChanges::default()).await),
        Operation::DeleteRepository => drop(client.delete_repository(id).await),
        Operation::VerifyConfiguredRepository => drop(client.verify_configured_repository(id).await),
        Operation::VerifyRepository => drop(client.verify_repository(&VerifyRepository::default()).await),
        Operation::ListWorkers => drop(client.list_workers().await),
        Operation::PauseQueue => drop(client.pause_queue().await),
        Operation::ResumeQueue => drop(client.resume_queue().await),
        Operation::GetHealth => drop(client.get_health().await),
        Operation::GetLiveness => drop(client.get_liveness().await),
        Operation::GetReadiness => drop(client.get_readiness().await),
        Operation::GetMetrics => drop(client.get_metrics().await),
        Operation::GetService => drop(client.get_service().await),
        Operation::GetOpenapi => drop(client.get_openapi().await),
        Operation::CreateLoginLink => drop(client.create_login_link().await),
        Operation::FollowLoginLink => drop(client.follow_login_link("link").await),
        Operation::DeleteSession => drop(client.delete_session().await),
    }
}

/// What a request says besides its path: place and name of each parameter.
fn parameters<T>(request: &Request<T>) -> BTreeSet<(&'static str, String)> {
    let query = request.uri().query().unwrap_or("").split('&').filter(|pair| !pair.is_empty());
    let query = query.map(|pair| ("query", pair.split('=').next().unwrap().to_owned()));
    let headers = request.headers().keys().filter(|name| **name != header::ACCEPT && **name != header::CONTENT_TYPE);
    query.chain(headers.map(|name| ("header", name.as_str().to_owned()))).collect()
}

/// Whether a path is one of a template: with the same segments, but for those in braces, which hold something.
fn fits(path: &str, template: &str) -> bool {
    let (segments, wanted): (Vec<_>, Vec<_>) = (path.split('/').collect(), template.split('/').collect());
    let fits = |(segment, wanted): (&&str, &&str)| segment == wanted || wanted.starts_with('{') && !segment.is_empty();
    segments.len() == wanted.len() && segments.iter().zip(&wanted).all(fits)
}

#[tokio::test]
async fn every_operation_has_a_method_with_all_its_parameters() {
    let document = document();
    let mut described = operations(&document);
    for (name, _) in WITHOUT {
        assert!(described.remove(name).is_some(), "{name} is not in docs/openapi.json any more");
    }
    let server = Scripted::default();
    for operation in Operation::ALL {
        let id = operation.id();
        let (method, path, described) =
            described.remove(id).unwrap_or_else(|| panic!("{id} is not in docs/openapi.json"));
        assert_eq!((operation.method().as_str(), operation.path()), (method.as_str(), path), "{id}");
        call(&server.client(), *operation).await;
        let asked = server.take();
        assert!(!asked.is_empty(), "{id} asks nothing");
        let mut said = BTreeSet::new();
        for request in &asked {
            assert!(*request.method() == *method && fits(request.uri().path(), path), "{id}: {request:?}");
            assert_eq!(!request.body().is_empty(), described.get("requestBody").is_some(), "{id}: {request:?}");
            said.extend(parameters(request));
        }
        let wanted = described["parameters"].as_array().into_iter().flatten();
        let mut wanted: BTreeSet<_> = wanted
            .map(|parameter| (parameter["in"].as_str().unwrap(), parameter["name"].as_str().unwrap().to_lowercase()))
            .filter(|(place, _)| *place != "path")
            .collect();
        if wanted.contains(&("header", "last-event-id".to_owned())) && !said.contains(&("query", "after".to_owned())) {
            wanted.remove(&("query", "after".to_owned())); // it says the same
        }
        assert_eq!(said, wanted, "{id}");
    }
    let rest: Vec<_> = described.keys().collect();
    assert!(rest.is_empty(), "without a line in operation.rs and a method: {rest:?}");
}

#[tokio::test]
async fn what_stands_in_a_path_or_a_query_stays_in_its_place() {
    let server = Scripted::default();
    let _ = server.client().get_artifact("wo-1/../x?y", "ä b#").await;
    let _ = server.client().list_orders(&ListOrders { text: Some("a&b=c %".into()), ..ListOrders::default() }).await;
    let asked: Vec<_> = server.take().iter().map(|request| request.uri().to_string()).collect();
    assert_eq!(
        asked,
        ["/agent-work-orders/wo-1%2F..%2Fx%3Fy/artifacts/%C3%A4%20b%23", "/agent-work-orders?q=a%26b%3Dc%20%25"]
    );
}

#[tokio::test]
async fn a_redirect_is_no_success() {
    let server = Scripted::new(vec![Turn::Answer(StatusCode::PERMANENT_REDIRECT, ""); 2]);
    let error = server.client().delete_order("wo-1").await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::PERMANENT_REDIRECT));
    assert!(server.client().get_diff("wo-1").await.is_err());
}
