//! Tests with the real git, against a server that writes down what it is sent.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::AddressPolicy;
use crate::git::{Git, HOST_SETTINGS, host_environment};

fn token() -> ForgeToken {
    ForgeToken::new(" ghp_canary0123456789\n").unwrap()
}

/// Answers every request with a redirect to `to`, or, without one, with "not found"; tells the heads of the requests.
fn server(to: Option<String>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tell, heads) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let answer = to.as_ref().map_or_else(
                || "HTTP/1.1 404 Not Found\r\n".to_owned(),
                |to| {
                    let path = head[0].split(' ').nth(1).unwrap();
                    format!("HTTP/1.1 301 Moved Permanently\r\nlocation: {to}{path}\r\n")
                },
            );
            let _ = write!(stream, "{answer}content-length: 0\r\nconnection: close\r\n\r\n");
            if tell.send(head.join("\n")).is_err() {
                return;
            }
        }
    });
    (address, heads)
}

/// Asks a server with host git, given these variables.
async fn ask(address: &str, credential: &GitCredential) -> String {
    let place = tempfile::tempdir().unwrap();
    let mut environment = host_environment(OsStr::new("/usr/local/bin:/usr/bin:/bin"), Path::new("/nonexistent"), &[]);
    environment.push(("GIT_ALLOW_PROTOCOL".into(), "http".into()));
    let git = Git {
        program: find_program(Path::new("git"), Some(OsStr::new("/usr/local/bin:/usr/bin:/bin"))).unwrap(),
        environment,
        settings: HOST_SETTINGS,
        directory: place.path().to_owned(),
        deadline: Duration::from_mins(1),
        owner: None,
        tokens: None,
        walls: None,
        dialling: None,
    };
    let mut command = git.command("ls-remote");
    for (name, value) in &credential.variables {
        command = command.env(name, value);
    }
    command.args(["--", &format!("{address}/owner/repo.git")]).run().await.unwrap_err().to_string()
}

#[tokio::test]
async fn git_sends_the_token_to_its_host_and_to_no_other() {
    let (address, heads) = server(None);
    ask(&address, &GitCredential::new(&format!("{address}/"), &token())).await;
    let head = heads.recv().unwrap();
    let expected = base64(b"x-access-token:ghp_canary0123456789");
    assert!(head.contains(&format!("Authorization: Basic {expected}")), "{head}");

    ask(&address, &GitCredential::new("https://github.com/", &token())).await;
    let head = heads.recv().unwrap();
    assert!(!head.to_ascii_lowercase().contains("authorization"), "{head}");
}

#[tokio::test]
async fn git_follows_no_redirect_with_a_token() {
    let (other, heads_of_other) = server(None);
    let (address, heads) = server(Some(other));
    let told = ask(&address, &GitCredential::new(&format!("{address}/"), &token())).await;
    assert!(heads.recv().unwrap().contains("Authorization"));
    assert!(heads_of_other.try_recv().is_err(), "the other host was asked");
    assert!(!told.contains("canary"), "{told}");
}

#[tokio::test]
async fn only_https_addresses_of_the_host_get_it() {
    let tokens = |host: &str| ForgeTokens::new(host, vec![TokenSource::Variable { name: "T", token: token() }]);
    let gets = async |host: &str, address: &str| {
        let policy = AddressPolicy { allow_local: true, ..AddressPolicy::default() };
        let address = RepositoryAddress::parse(address, &policy).unwrap();
        tokens(host).for_git(&address).await.is_some()
    };
    assert!(gets("github.com", "https://github.com/owner/repo.git").await);
    assert!(gets("github.com", "https://GitHub.com:443/owner/repo.git").await);
    assert!(gets("Forge.example:8443", "https://forge.example:8443/owner/repo").await);
    for (host, address) in [
        ("github.com", "https://github.com:8443/owner/repo"),
        ("github.com", "https://github.com.evil.example/owner/repo"),
        ("github.com", "https://evil.example/github.com/repo"),
        ("github.com", "git@github.com:owner/repo.git"),
        ("github.com", "/srv/owner/repo"),
        ("forge.example:8443", "https://forge.example/owner/repo"),
    ] {
        assert!(!gets(host, address).await, "{host} {address}");
    }
}

#[tokio::test]
async fn the_first_place_that_has_one_counts() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("token");
    let gh = place.path().join("gh");
    let script =
        "#!/bin/sh\n[ \"$*\" = 'auth token --hostname github.com' ] && [ -z \"$GITHUB_TOKEN\" ] && echo gho_from_gh\n";
    std::fs::write(&gh, script).unwrap();
    std::fs::set_permissions(&gh, std::fs::Permissions::from_mode(0o755)).unwrap();
    let tokens = ForgeTokens::new(
        "github.com",
        vec![
            TokenSource::File(file.clone()),
            TokenSource::Gh { search_path: place.path().into(), environment: vec![("PATH".into(), "/bin".into())] },
        ],
    );
    let found = tokens.find().await.unwrap();
    assert_eq!((found.origin.as_str(), &*found.token.0), ("gh auth token", "gho_from_gh"));
    std::fs::write(&file, "ghp_from_file\n").unwrap();
    let found = tokens.find().await.unwrap();
    assert_eq!((found.origin, &*found.token.0), (format!("file {}", file.display()), "ghp_from_file"));
    assert_eq!(ForgeTokens::new("github.com", vec![]).find().await, None);
}

#[test]
fn a_token_is_not_shown() {
    let credential = GitCredential::new("https://github.com/", &token());
    assert!(!format!("{:?}", token()).contains("canary"));
    let header = &credential.variables[4].1;
    assert_eq!(credential.secrets.redact(&format!("remote: {header}")), "remote: Authorization: Basic [forge_token]");
    assert_eq!(ForgeToken::new("two words"), None);
    assert_eq!(ForgeToken::new("line\nbreak"), None);
    assert_eq!(ForgeToken::new(" "), None);
}
