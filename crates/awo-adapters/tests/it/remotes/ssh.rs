//! Over ssh, with the real `sshd` and a key.

use awo_adapters::Hosts;
use awo_engine::ports::SandboxProvider as _;
use awo_models::FailureCode;
use awo_testkit::SshServer;
use awo_testkit::repository::FixtureRepository;
use rstest::rstest;

use super::{half_made, request, worked};
use crate::workspace::Setting;

const HOST: &str = "127.0.0.1";

fn setting(command: String) -> Setting {
    Setting::with(FixtureRepository::new(), |settings| {
        settings.policy.trusted_hosts = Hosts::new([HOST]).unwrap();
        settings.host_environment.push(("GIT_SSH_COMMAND".into(), command.into()));
    })
}

#[tokio::test]
async fn work_gets_to_and_from_a_server_with_a_key() {
    let Some(server) = SshServer::new() else { return };
    let setting = setting(server.command("own", Some(HOST)));
    let url = server.url(HOST, &setting.remote.path());
    let sandbox = setting.provider.prepare(&request(&setting, 1, &url)).await.unwrap();
    assert_eq!(sandbox.base_commit(), setting.remote.head("main"));
    worked(&*sandbox, "feat-x").await;
    let pushed = sandbox.push("feat-x").await.unwrap();
    assert_eq!(setting.remote.head("feat-x"), &*pushed.commit);
    assert!(server.connections() > 3);
}

#[rstest]
#[case("own", None, "add its key to known_hosts")]
#[case("other", Some(HOST), "check which key")]
#[tokio::test]
async fn who_is_not_known_is_told_with_the_cure(#[case] key: &str, #[case] known_as: Option<&str>, #[case] cure: &str) {
    let Some(server) = SshServer::new() else { return };
    let setting = setting(server.command(key, known_as));
    let url = server.url(HOST, &setting.remote.path());
    let failure = setting.provider.prepare(&request(&setting, 1, &url)).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::WorkspaceFailed);
    assert!(failure.message.contains(cure) && failure.message.contains(HOST), "{failure}");
    assert!(!setting.directory(1).exists() && !setting.mirror(1).exists());
    assert_eq!(half_made(setting.mirror(1).parent().unwrap()), Vec::<String>::new());
    assert!(server.connections() > 0);
}

/// Its key was another one when it was written down: nobody talks to it, whatever it wants.
#[tokio::test]
async fn a_host_whose_key_has_changed_is_told_with_the_cure() {
    let (Some(server), Some(other)) = (SshServer::new(), SshServer::new()) else { return };
    let command = server.command("own", Some(HOST));
    let list = server.place().join("known-own-true");
    let key = std::fs::read_to_string(other.place().join("host.pub")).unwrap();
    let line = std::fs::read_to_string(&list).unwrap();
    let name = line.split(' ').next().unwrap();
    std::fs::write(&list, format!("{name} {key}")).unwrap();
    let setting = setting(command);
    let url = server.url(HOST, &setting.remote.path());
    let failure = setting.provider.prepare(&request(&setting, 1, &url)).await.unwrap_err();
    assert!(failure.message.contains("add its key to known_hosts"), "{failure}");
}
