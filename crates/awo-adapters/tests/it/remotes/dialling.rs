//! Who is really dialled: in a network of the test's own, where names lead to where the test says.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use awo_adapters::{Hosts, NameLookup, SystemNames};
use awo_engine::ports::SandboxProvider as _;
use awo_models::FailureCode;
use awo_testkit::repository::FixtureRepository;
use awo_testkit::{GitServer, OwnNetwork, SshServer};

use super::{request, trust_certificate};
use crate::workspace::Setting;

const NAME: &str = "git.example";
const INSIDE: &str = "127.0.0.1";

/// Names as the machine knows them, which lead inside as soon as they were asked for.
#[derive(Debug)]
struct Turncoat(PathBuf);

#[async_trait]
impl NameLookup for Turncoat {
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let told = SystemNames.addresses(host).await;
        std::fs::write(&self.0, format!("{INSIDE} {NAME}\n"))?;
        told
    }
}

/// How many connections a server had.
type Count = Box<dyn Fn() -> usize + Send + Sync>;

/// Servers of one repository: one on the public internet, one inside.
struct Servers {
    network: OwnNetwork,
    remote: FixtureRepository,
    url: String,
    command: String,
    counts: [Count; 2],
}

fn both(address: impl Fn(Ipv4Addr) -> SocketAddr) -> [SocketAddr; 2] {
    [OwnNetwork::PUBLIC, INSIDE].map(|ip| address(ip.parse().unwrap()))
}

impl Servers {
    fn of_https(network: OwnNetwork) -> Self {
        let remote = FixtureRepository::new();
        let counts = both(|ip| (ip, 8443).into()).map(|address| {
            let server = GitServer::at(address, &remote.path());
            Box::new(move || server.connections()) as Count
        });
        Self { network, remote, url: format!("https://{NAME}:8443/owner/repo.git"), command: String::new(), counts }
    }

    fn of_ssh(network: OwnNetwork) -> Option<Self> {
        let remote = FixtureRepository::new();
        let [public, inside] = both(|ip| (ip, 2222).into()).map(SshServer::at);
        let (public, inside) = (public?, inside?);
        let url = public.url(NAME, &remote.path());
        let command = public.command("own", Some(NAME));
        let counts: [Count; 2] = [Box::new(move || public.connections()), Box::new(move || inside.connections())];
        Some(Self { network, remote, url, command, counts })
    }

    /// Makes a checkout with names that turn inside once they were asked for, if `turns`; how it went, and how many
    /// connections there were outside and inside.
    async fn prepared(&self, trusted: bool, turns: bool) -> (Result<(), awo_models::Failure>, [bool; 2]) {
        let before = self.counts.each_ref().map(|count| count());
        let setting = Setting::with(FixtureRepository::new(), |settings| {
            trust_certificate(settings);
            if !self.command.is_empty() {
                settings.host_environment.push(("GIT_SSH_COMMAND".into(), self.command.clone().into()));
            }
            if trusted {
                settings.policy.trusted_hosts = Hosts::new([NAME]).unwrap();
            }
            if turns {
                settings.names = Arc::new(Turncoat(self.network.hosts()));
            }
        });
        let made = setting.provider.prepare(&request(&setting, 1, &self.url)).await;
        if let Ok(sandbox) = &made {
            assert_eq!(sandbox.base_commit(), self.remote.head("main"));
        }
        let now = self.counts.each_ref().map(|count| count());
        (made.map(drop), [now[0] > before[0], now[1] > before[1]])
    }

    async fn judged(&self) {
        // Nothing is refused that is public.
        self.network.name(NAME, OwnNetwork::PUBLIC);
        let (made, dialled) = self.prepared(false, false).await;
        assert_eq!((made, dialled), (Ok(()), [true, false]));

        self.network.name(NAME, INSIDE);
        let (made, dialled) = self.prepared(false, false).await;
        let failure = made.unwrap_err();
        assert_eq!((failure.code, dialled), (FailureCode::WorkspaceFailed, [false, false]), "{failure}");
        assert!(failure.message.contains("git.trusted_hosts") && failure.message.contains(INSIDE), "{failure}");
    }
}

#[tokio::test]
async fn https_dials_who_was_judged() {
    let Some(network) = OwnNetwork::of("remotes::dialling::https_dials_who_was_judged") else { return };
    let servers = Servers::of_https(network);
    servers.judged().await;
    let (made, dialled) = servers.prepared(true, false).await;
    assert_eq!((made, dialled), (Ok(()), [false, true]), "trusted, so it may be inside");

    // Each git asks for the name once more, after it has turned. The second command is refused, the first one dialled what
    // was judged.
    servers.network.name(NAME, OwnNetwork::PUBLIC);
    let (made, dialled) = servers.prepared(false, true).await;
    assert_eq!(dialled, [true, false], "{made:?}");
    assert!(made.unwrap_err().message.contains("git.trusted_hosts"));
}

#[tokio::test]
async fn ssh_dials_who_was_judged() {
    let Some(network) = OwnNetwork::of("remotes::dialling::ssh_dials_who_was_judged") else { return };
    let Some(servers) = Servers::of_ssh(network) else { return };
    servers.judged().await;
    // Trusted, so it is dialled inside; the key there is not that of the name.
    let (made, dialled) = servers.prepared(true, false).await;
    assert_eq!(dialled, [false, true]);
    assert!(made.unwrap_err().message.contains("add its key to known_hosts"));

    servers.network.name(NAME, OwnNetwork::PUBLIC);
    let (made, dialled) = servers.prepared(false, true).await;
    assert_eq!(dialled, [true, false], "{made:?}");
    assert!(made.unwrap_err().message.contains("git.trusted_hosts"));
}
