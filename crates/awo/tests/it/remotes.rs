//! Orders of a remote that is dialled: https with a token, which changes, and a server that goes and comes.

use std::path::PathBuf;

use awo_testkit::{FakeGithub, GitFault, GitServer, Server};
use serde_json::{Value, json};

use crate::setting::{ORDERS, Setting, completed, create, ended, events, steps, told};

const TOKEN: &str = "ghp_canary0123456789";
const NEXT: &str = "ghp_canary9876543210";

/// A forge that wants a token for its interface and for git.
struct Forge {
    setting: Setting,
    github: FakeGithub,
    git: GitServer,
    file: PathBuf,
}

impl Forge {
    fn new() -> Self {
        let mut setting = Setting::new();
        let github = FakeGithub::new(TOKEN).with_repository(&setting.remote.path());
        let git = GitServer::new(&setting.remote.path());
        git.wants(TOKEN);
        let file = setting.program.place().join("token");
        std::fs::write(&file, TOKEN).unwrap();
        setting.program = setting
            .program
            .with_variable("AWO_GITHUB_HOST", git.host())
            .with_variable("AWO_GITHUB_API_URL", github.address())
            .with_variable("AWO_GITHUB_TOKEN_FILE", &file)
            .with_variable("GIT_SSL_CAINFO", GitServer::certificate());
        Self { setting, github, git, file }
    }

    fn create(&self, server: &Server) -> String {
        create(server, &json!({"repository_url": self.git.url(), "user_request": "Say hello in more languages"}))
    }

    /// Takes another token from now on.
    fn rotate(&self) {
        self.git.wants(NEXT);
        self.github.state().token = NEXT.into();
    }

    /// The order has its pull request, and nobody the token.
    fn delivered(&self, server: &Server, id: &str) {
        let order = completed(server, id);
        assert!(
            order["github_pull_request_url"].is_string() && order["error_message"].is_null(),
            "{order:#}\n{:#?}",
            (steps(server, id).last(), events(server, id))
        );
        assert_eq!(self.github.state().pull_requests.len(), 1);
        assert!(self.setting.remote.branches().len() == 2 && !server.log().contains("canary"), "{}", server.log());
    }
}

fn retried(server: &Server, id: &str) {
    let answer = server.post(&format!("{ORDERS}/{id}/retry"), &json!({}));
    assert_eq!(answer.status, 202, "{}", answer.text);
}

#[test]
fn a_token_may_change_while_an_order_runs() {
    let forge = Forge::new();
    forge.setting.agent.hold("implementor");
    let server = forge.setting.program.serve();
    let id = forge.create(&server);
    forge.setting.at_work("implementor", 1);
    forge.rotate();
    std::fs::write(&forge.file, NEXT).unwrap();
    forge.setting.agent.release("implementor");
    forge.delivered(&server, &id);
}

#[test]
fn with_a_new_token_an_order_goes_on_that_was_not_let_in() {
    let forge = Forge::new();
    forge.setting.agent.hold("pr_creator");
    let server = forge.setting.program.serve();
    let id = forge.create(&server);
    forge.setting.at_work("pr_creator", 1);
    forge.rotate();
    forge.setting.agent.release("pr_creator");
    let order = ended(&server, &id);
    let message = order["error_message"].as_str().unwrap_or_default();
    assert!(message.contains("did not let awo in") && !message.contains("canary"), "{order:#}");
    assert_eq!(told(&steps(&server, &id)).last().unwrap(), "create_pr 1 forge_failed");
    std::fs::write(&forge.file, NEXT).unwrap();
    retried(&server, &id);
    forge.delivered(&server, &id);
}

#[test]
fn an_order_whose_server_went_is_done_when_it_is_back() {
    let forge = Forge::new();
    forge.git.fails("git-upload-pack", GitFault::CutAnswer(300));
    let server = forge.setting.program.serve();
    let id = forge.create(&server);
    let order = ended(&server, &id);
    assert!(forge.git.is_down(), "{order:#}");
    assert_eq!((&order["status"], &order["error_code"]), (&"failed".into(), &"workspace_failed".into()), "{order:#}");
    assert_eq!(forge.setting.workspaces(), Vec::<String>::new());
    forge.git.set_down(false);
    forge.git.fails("git-receive-pack", GitFault::CutAnswer(0));
    retried(&server, &id);
    // The branch arrives, and nobody is told.
    let order = completed(&server, &id);
    assert!(forge.git.is_down() && order["github_pull_request_url"] == Value::Null, "{order:#}");
    assert_eq!(forge.setting.remote.branches().len(), 2);
    forge.git.set_down(false);
    retried(&server, &id);
    forge.delivered(&server, &id);
}
