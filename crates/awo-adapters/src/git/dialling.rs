//! Which network address git dials for a remote: looked up and judged here, and then given to git, so that what was judged
//! is what is dialled.

use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use super::GitError;
use crate::address::{Hosts, is_public, literal, look_up};
use crate::{NameLookup, Redirects, RepositoryAddress};

/// Judges where remotes are dialled.
#[derive(Debug)]
pub(crate) struct Dialling {
    /// Hosts that may be anywhere. They are not looked up: git reaches them in its own way.
    pub(crate) trusted: Hosts,
    /// What these lead to is trusted, too.
    pub(crate) redirects: Redirects,
    pub(crate) names: Arc<dyn NameLookup>,
}

/// What makes git dial the addresses that were judged.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pinned {
    /// A setting, for https.
    pub(super) setting: Option<String>,
    /// A variable, for ssh.
    pub(super) variable: Option<(&'static str, OsString)>,
}

impl Dialling {
    /// Looks up where a remote is; an error if git may not dial it. `environment` is that of git.
    pub(super) async fn pin(
        &self,
        remote: &RepositoryAddress,
        environment: &[(OsString, OsString)],
    ) -> Result<Pinned, GitError> {
        let Some((host, port)) = remote.host() else { return Ok(Pinned::default()) };
        if self.trusted.contains(host) || self.redirects.lead_to(remote) {
            return Ok(Pinned::default());
        }
        if let Some(address) = literal(host) {
            return if is_public(address) { Ok(Pinned::default()) } else { Err(not_public(host, address)) };
        }
        let addresses = match look_up(&*self.names, host).await {
            Ok(addresses) => addresses,
            // Then the proxy is what git dials, and it knows more names than this machine.
            Err(_) if has_proxy(remote, environment) => return Ok(Pinned::default()),
            Err(source) => return Err(GitError::Unresolved { host: host.to_owned(), source }),
        };
        if let Some(address) = addresses.iter().copied().find(|address| !is_public(*address)) {
            return Err(not_public(host, address));
        }
        if let RepositoryAddress::Ssh { port, .. } = remote {
            return Ok(Pinned { variable: ssh_command(host, *port, addresses[0], environment), setting: None });
        }
        let addresses: Vec<_> = addresses.iter().map(in_brackets).collect();
        let setting = format!("http.curloptResolve={host}:{port}:{}", addresses.join(","));
        Ok(Pinned { setting: Some(setting), variable: None })
    }
}

fn not_public(host: &str, address: IpAddr) -> GitError {
    GitError::NotPublic { host: host.to_owned(), address }
}

fn in_brackets(address: &IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn has_proxy(remote: &RepositoryAddress, environment: &[(OsString, OsString)]) -> bool {
    let is_proxy = |(name, value): &(OsString, OsString)| name.eq_ignore_ascii_case("https_proxy") && !value.is_empty();
    matches!(remote, RepositoryAddress::Https { .. }) && environment.iter().any(is_proxy)
}

/// The command of ssh with the address to dial. The key that the host is known by stays that of its name. `None` if another
/// program is used, whose flags are not known.
fn ssh_command(
    host: &str,
    port: Option<u16>,
    address: IpAddr,
    environment: &[(OsString, OsString)],
) -> Option<(&'static str, OsString)> {
    const NAME: &str = "GIT_SSH_COMMAND";
    let (_, command) = environment.iter().rfind(|(name, _)| name == NAME)?;
    let program = command.to_str()?.split_whitespace().next()?;
    if Path::new(program).file_name() != Some(OsStr::new("ssh")) {
        return None;
    }
    let known_as = match port.filter(|port| *port != 22) {
        Some(port) => format!("[{host}]:{port}"),
        None => host.to_owned(),
    };
    // A shell reads it. A host is letters, digits and `-._`, an address digits, letters, `.` and `:`.
    let mut pinned = command.clone();
    pinned.push(format!(" -o HostName={address} -o 'HostKeyAlias={known_as}'"));
    Some((NAME, pinned))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io;
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::{AddressPolicy, Redirect};

    /// Tells what it is told to tell, one answer after the other.
    #[derive(Debug)]
    struct Told(Mutex<VecDeque<Vec<IpAddr>>>);

    #[async_trait]
    impl NameLookup for Told {
        async fn addresses(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            self.0.lock().unwrap().pop_front().ok_or_else(|| io::Error::other("asked too often"))
        }
    }

    fn dialling(answers: &[&[&str]]) -> Dialling {
        let answers = answers.iter().map(|answer| answer.iter().map(|text| text.parse().unwrap()).collect());
        Dialling {
            trusted: Hosts::new(["inside.example"]).unwrap(),
            redirects: Redirects::new(vec![Redirect {
                from: "https://github.com/".into(),
                to: "https://Mirror.example/git/".into(),
            }]),
            names: Arc::new(Told(Mutex::new(answers.collect()))),
        }
    }

    fn environment() -> Vec<(OsString, OsString)> {
        vec![("GIT_SSH_COMMAND".into(), "ssh -o BatchMode=yes".into())]
    }

    async fn pinned(dialling: &Dialling, address: &str) -> Result<Pinned, String> {
        let everywhere = AddressPolicy { trusted_hosts: Hosts::all(), ..AddressPolicy::default() };
        let remote = RepositoryAddress::parse(address, &everywhere).unwrap();
        dialling.pin(&remote, &environment()).await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn https_dials_what_was_looked_up() {
        let dialling = dialling(&[&["140.82.112.3", "2606:50c0:8000::153"]]);
        let setting = "http.curloptResolve=git.example:8443:140.82.112.3,[2606:50c0:8000::153]";
        let pinned = pinned(&dialling, "https://git.example:8443/a").await.unwrap();
        assert_eq!(pinned, Pinned { setting: Some(setting.into()), variable: None });
    }

    #[tokio::test]
    async fn ssh_dials_what_was_looked_up_and_knows_the_host_by_its_name() {
        let dialling = dialling(&[&["140.82.112.3"], &["140.82.112.4"]]);
        for (address, end) in [
            ("git@git.example:a", "HostName=140.82.112.3 -o 'HostKeyAlias=git.example'"),
            ("ssh://git@git.example:2222/a", "HostName=140.82.112.4 -o 'HostKeyAlias=[git.example]:2222'"),
        ] {
            let (name, command) = pinned(&dialling, address).await.unwrap().variable.unwrap();
            assert_eq!(
                (name, command.to_str().unwrap()),
                ("GIT_SSH_COMMAND", &*format!("ssh -o BatchMode=yes -o {end}"))
            );
        }
    }

    #[tokio::test]
    async fn a_host_that_moves_inside_is_refused_when_it_does() {
        let dialling = dialling(&[&["140.82.112.3"], &["140.82.112.3", "127.0.0.1"], &["fd00::1"]]);
        assert!(pinned(&dialling, "https://git.example/a").await.is_ok());
        for address in ["https://git.example/a", "git@git.example:a"] {
            let told = pinned(&dialling, address).await.unwrap_err();
            assert!(told.contains("git.trusted_hosts"), "{told}");
        }
    }

    #[tokio::test]
    async fn what_the_operator_trusts_is_not_looked_up() {
        let dialling = dialling(&[]);
        for address in
            ["https://inside.example/a", "git@inside.example:a", "https://mirror.example/git/a", "https://1.1.1.1/a"]
        {
            assert_eq!(pinned(&dialling, address).await, Ok(Pinned::default()), "{address}");
        }
        for address in ["https://mirror.example/other", "https://127.0.0.1/a", "https://[::ffff:10.0.0.1]/a"] {
            assert!(pinned(&dialling, address).await.is_err(), "{address}");
        }
    }

    #[tokio::test]
    async fn names_that_only_a_proxy_knows_are_left_to_it() {
        let remote = |text| RepositoryAddress::parse(text, &AddressPolicy::default()).unwrap();
        let with_proxy = [("https_proxy".into(), "http://proxy:3128".into())];
        let (https, ssh) = (remote("https://git.example/a"), remote("git@git.example:a"));
        assert_eq!(dialling(&[]).pin(&https, &with_proxy).await.unwrap(), Pinned::default());
        assert!(dialling(&[]).pin(&ssh, &with_proxy).await.is_err());
        assert!(dialling(&[&["10.0.0.1"]]).pin(&https, &with_proxy).await.is_err());
    }
}
