//! Over https with the token of a forge.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use awo_adapters::{ForgeTokens, Hosts, TokenSource};
use awo_engine::ports::SandboxProvider as _;
use awo_models::FailureCode;
use awo_testkit::repository::FixtureRepository;
use awo_testkit::{GitFault, GitServer};
use rstest::rstest;

use super::{half_made, request, trust_certificate, worked};
use crate::workspace::Setting;

const TOKEN: &str = "ghp_canary0123456789";
const NEXT: &str = "ghp_canary9876543210";

/// A remote behind a server that wants a token, and a file that holds the token.
struct Forge {
    setting: Setting,
    server: GitServer,
    place: tempfile::TempDir,
}

impl Forge {
    fn new() -> Self {
        let remote = FixtureRepository::new();
        let server = GitServer::new(&remote.path());
        server.wants(TOKEN);
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("token");
        fs::write(&file, TOKEN).unwrap();
        let setting = Setting::with(remote, |settings| {
            trust_certificate(settings);
            settings.policy.trusted_hosts = Hosts::new(["localhost"]).unwrap();
            settings.tokens = Some(Arc::new(ForgeTokens::new(&server.host(), vec![TokenSource::File(file)])));
        });
        Self { setting, server, place }
    }

    fn has(&self, token: &str) {
        fs::write(self.place.path().join("token"), token).unwrap();
    }

    fn mirrors(&self) -> PathBuf {
        self.setting.mirror(1).parent().unwrap().to_owned()
    }

    /// Mirrors that are declared whole.
    fn whole_mirrors(&self) -> usize {
        let entries = fs::read_dir(self.mirrors().join("shared")).into_iter().flatten().flatten();
        entries.filter(|entry| entry.path().join("awo-mirror.json").exists()).count()
    }
}

#[tokio::test]
async fn work_gets_to_and_from_a_server_that_wants_a_token() {
    let forge = Forge::new();
    let sandbox = forge.setting.provider.prepare(&request(&forge.setting, 1, &forge.server.url())).await.unwrap();
    worked(&*sandbox, "feat-x").await;
    let pushed = sandbox.push("feat-x").await.unwrap();
    assert_eq!(forge.setting.remote.head("feat-x"), &*pushed.commit);
    let login = Some(format!("x-access-token:{TOKEN}"));
    for asked in forge.server.requests() {
        assert_eq!((&asked.login, asked.status), (&login, Some(200)), "{asked:?}");
    }
    assert!(forge.server.requests().iter().any(|asked| asked.path == "/git-receive-pack"));
}

#[tokio::test]
async fn a_token_that_is_refused_is_told_with_the_cure_and_a_better_one_is_taken_up() {
    let forge = Forge::new();
    forge.has("ghp_canary_wrong");
    let request = request(&forge.setting, 1, &forge.server.url());
    let failure = forge.setting.provider.prepare(&request).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::WorkspaceFailed);
    for part in [&*forge.server.url(), "did not let awo in", "github.token_file"] {
        assert!(failure.message.contains(part), "{part}: {failure}");
    }
    assert!(!failure.message.contains("canary"), "{failure}");
    assert!(!forge.setting.directory(1).exists() && !forge.setting.mirror(1).exists());
    assert_eq!((forge.whole_mirrors(), half_made(&forge.mirrors())), (0, Vec::new()));
    forge.has(TOKEN);
    forge.setting.provider.prepare(&request).await.unwrap();
}

#[tokio::test]
async fn a_token_may_change_between_fetch_and_push() {
    let forge = Forge::new();
    let sandbox = forge.setting.provider.prepare(&request(&forge.setting, 1, &forge.server.url())).await.unwrap();
    worked(&*sandbox, "feat-x").await;
    forge.server.wants(NEXT);
    let failure = sandbox.push("feat-x").await.unwrap_err();
    assert_eq!(failure.code, FailureCode::ForgeFailed);
    assert!(failure.message.contains("did not let awo in") && failure.message.contains("are kept in"), "{failure}");
    assert!(!failure.message.contains("canary"), "{failure}");
    assert_eq!(forge.setting.remote.branches(), ["main"]);
    forge.has(NEXT);
    let pushed = sandbox.push("feat-x").await.unwrap();
    assert_eq!(forge.setting.remote.head("feat-x"), &*pushed.commit);
}

#[rstest]
#[case(GitFault::CutRequest(0))]
#[case(GitFault::CutRequest(20))]
#[case(GitFault::CutAnswer(0))]
#[case(GitFault::CutAnswer(300))]
#[case(GitFault::CutAnswer(usize::MAX))]
#[tokio::test]
async fn a_server_that_goes_in_the_middle_of_a_fetch_leaves_nothing_that_is_half_made(#[case] fault: GitFault) {
    let forge = Forge::new();
    let request = request(&forge.setting, 1, &forge.server.url());
    forge.server.fails("git-upload-pack", fault);
    let failure = forge.setting.provider.prepare(&request).await.unwrap_err();
    assert!(forge.server.is_down(), "it failed before: {failure}");
    assert_eq!(failure.code, FailureCode::WorkspaceFailed);
    assert!(failure.message.contains(&forge.server.url()), "{failure}");
    assert!(!forge.setting.directory(1).exists() && !forge.setting.mirror(1).exists());
    // Down all the time, too.
    forge.setting.provider.prepare(&request).await.unwrap_err();
    assert_eq!(forge.setting.provider.orders().await.unwrap(), []);

    forge.server.set_down(false);
    let sandbox = forge.setting.provider.prepare(&request).await.unwrap();
    assert_eq!(sandbox.base_commit(), forge.setting.remote.head("main"));
    assert_eq!((forge.whole_mirrors(), half_made(&forge.mirrors())), (1, Vec::new()));
}

#[rstest]
#[case(GitFault::CutAnswer(0))]
#[case(GitFault::CutAnswer(300))]
#[tokio::test]
async fn a_mirror_that_is_there_outlives_a_fetch_that_is_cut(#[case] fault: GitFault) {
    let forge = Forge::new();
    let of = |n| request(&forge.setting, n, &forge.server.url());
    let first = forge.setting.provider.prepare(&of(1)).await.unwrap();
    let later = forge.setting.remote.commit("main", "later", &[("later", &"more\n".repeat(1000))]);
    forge.server.fails("git-upload-pack", fault);
    forge.setting.provider.prepare(&of(2)).await.unwrap_err();
    assert!(forge.server.is_down());
    assert_eq!(forge.whole_mirrors(), 1);
    // What stands on it is not disturbed, as long as it needs no remote.
    first.checkpoint(&first.snapshot().await.unwrap()).await.unwrap();
    forge.server.set_down(false);
    worked(&*first, "feat-x").await;
    first.push("feat-x").await.unwrap();
    assert_eq!(forge.setting.provider.prepare(&of(2)).await.unwrap().base_commit(), later);
    assert_eq!(half_made(&forge.mirrors()), Vec::<String>::new());
}

#[rstest]
#[case(GitFault::CutRequest(0), false)]
#[case(GitFault::CutRequest(100), false)]
#[case(GitFault::CutAnswer(0), true)]
#[case(GitFault::CutAnswer(usize::MAX), true)]
#[tokio::test]
async fn a_server_that_goes_in_the_middle_of_a_push_gets_the_branch_by_another_try(
    #[case] fault: GitFault,
    #[case] arrived: bool,
) {
    let forge = Forge::new();
    let sandbox = forge.setting.provider.prepare(&request(&forge.setting, 1, &forge.server.url())).await.unwrap();
    worked(&*sandbox, "feat-x").await;
    forge.server.fails("git-receive-pack", fault);
    let failure = sandbox.push("feat-x").await.unwrap_err();
    assert!(forge.server.is_down(), "it failed before: {failure}");
    assert_eq!(failure.code, FailureCode::ForgeFailed);
    assert!(failure.message.contains("are kept in") && !failure.message.contains("canary"), "{failure}");
    assert_eq!(forge.setting.remote.branches().len(), 1 + usize::from(arrived));

    forge.server.set_down(false);
    let pushed = sandbox.push("feat-x").await.unwrap();
    assert_eq!(forge.setting.remote.head("feat-x"), &*pushed.commit);
    let again = sandbox.push("feat-x").await.unwrap();
    assert_eq!(again, pushed);
}
