//! The engine dies at every moment of its talk with GitHub, and at every two moments: there is one pull request in the
//! end, the order has it, and nothing was asked for twice that could have been there twice.

use std::sync::Arc;
use std::time::Duration;

use awo_adapters::{GithubForge, GithubSettings};
use awo_engine::{NewOrder, Orchestrator, OrchestratorBuilder, RunEnd};
use awo_models::{AgentWorkOrderStatus, OrderId};
use awo_testkit::{FakeGithub, FakeIssue, PlainPrompts, Turn, World};

use super::{TOKEN, tokens};

/// Requests of an order that nothing cuts: the issue, looking, opening, labels, reviewers, comments, commenting.
const REQUESTS: usize = 7;

struct Setting {
    world: World,
    github: FakeGithub,
}

impl Setting {
    fn new() -> Self {
        let github = FakeGithub::new(TOKEN);
        let issue = FakeIssue { title: "Greet".into(), body: "Please.".into(), state: "open" };
        github.state().issues.insert(42, issue);
        Self { world: World::new(), github }
    }

    /// A process that starts.
    fn process(&self) -> Orchestrator {
        let settings = GithubSettings {
            labels: vec!["agent".into()],
            reviewers: vec!["ada".into()],
            comment: true,
            max_wait: Duration::from_secs(5),
            ..GithubSettings::new(self.github.address(), tokens("example.org", Some(TOKEN)))
        };
        let forge = Arc::new(GithubForge::new(settings).unwrap());
        let World { repository, artifacts, sandboxes, agent, .. } = &self.world;
        let (repository, artifacts) = (Arc::clone(repository), Arc::new(artifacts.clone()));
        OrchestratorBuilder::new(repository, artifacts, Arc::clone(sandboxes) as _, forge, Arc::new(PlainPrompts))
            .with_agent("fake", Arc::clone(agent) as _)
            .build()
    }

    async fn create(&self) -> OrderId {
        let request = NewOrder::new("https://example.org/owner/repo.git", "Greet, as issue #42 says");
        let created = self.process().work_orders().create(request).await.unwrap();
        created.view.order.agent_work_order_id
    }

    /// A process that is killed when the n-th request from now is at GitHub.
    async fn die_at(&self, id: OrderId, request: usize, turn: Turn) {
        let number = self.github.state().requests.len() + request;
        self.github.on_request(number, turn);
        let process = self.process();
        let running = tokio::spawn(async move { process.run_order(id).await });
        let github = self.github.clone();
        tokio::task::spawn_blocking(move || github.wait_until_held()).await.unwrap();
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        let github = self.github.clone();
        tokio::task::spawn_blocking(move || github.release()).await.unwrap();
    }

    async fn one_in_the_end(&self, id: OrderId, story: &str) {
        let end = self.process().run_order(id).await.unwrap();
        assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Completed), "{story}");
        let order = self.world.stored(id).await.order;
        let url = order.state.github_pull_request_url.as_deref();
        assert_eq!(url, Some("https://github.com/owner/repo/pull/43"), "{story}: {:?}", order.state.error_message);
        let state = self.github.state();
        assert_eq!(state.pull_requests.len(), 1, "{story}: {:?}", state.requests);
        assert_eq!(state.doubles_refused, 0, "{story}: one was asked for while there was one");
        let pull = &state.pull_requests[0];
        assert_eq!((pull.title.as_str(), pull.labels.len(), pull.reviewers.len()), ("feat: #42 - Add greeting", 1, 1));
        assert_eq!(state.comments.len(), 1, "{story}: {:?}", state.requests);
    }
}

fn turns() -> [(&'static str, Turn); 2] {
    [("before", Turn::HoldBefore), ("after", Turn::HoldAfter)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_nothing_cuts_makes_these_requests() {
    let setting = Setting::new();
    let id = setting.create().await;
    setting.one_in_the_end(id, "nothing is cut").await;
    assert_eq!(
        setting.github.state().requests,
        [
            "GET /issues/42",
            "GET /pulls",
            "POST /pulls",
            "POST /issues/43/labels",
            "POST /pulls/43/requested_reviewers",
            "GET /issues/42/comments",
            "POST /issues/42/comments",
        ]
    );
    assert_eq!(setting.github.state().requests.len(), REQUESTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_request_there_is_one_pull_request() {
    for request in 0..REQUESTS {
        for (when, turn) in turns() {
            let setting = Setting::new();
            let id = setting.create().await;
            setting.die_at(id, request, turn).await;
            setting.one_in_the_end(id, &format!("killed {when} request {request}")).await;
        }
    }
}

/// The second life begins where the first one was cut: at the issue, or at looking for the pull request. Its requests
/// are counted from there; where it has fewer of them, it is not killed again but ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_twice_at_any_two_requests_there_is_one_pull_request() {
    let mut lives = 0;
    for first in 0..REQUESTS {
        for (when, turn) in turns() {
            // Cut at the issue, the second life asks for all; else it looks, and opens only if that was not done.
            let opened = first > 2 || (first == 2 && when == "after");
            let commented = first == REQUESTS - 1 && when == "after";
            let left = match (first, opened, commented) {
                (0, ..) => REQUESTS,
                (_, false, _) => REQUESTS - 1,
                (_, true, false) => REQUESTS - 2,
                (_, true, true) => REQUESTS - 3,
            };
            for second in 0..left {
                for (then, turn_2) in turns() {
                    let setting = Setting::new();
                    let id = setting.create().await;
                    setting.die_at(id, first, turn.clone()).await;
                    setting.die_at(id, second, turn_2).await;
                    let story = format!("killed {when} request {first}, then {then} request {second}");
                    setting.one_in_the_end(id, &story).await;
                    lives += 1;
                }
            }
        }
    }
    assert_eq!(lives, 152, "as many pairs of moments as there are");
}
