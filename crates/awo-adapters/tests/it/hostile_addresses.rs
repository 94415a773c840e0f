//! Addresses that mean harm: each is refused as text, and nothing is started for it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use awo_adapters::{AddressPolicy, Author, GitSandboxes, Hosts, Processes, WorkspaceSettings};
use awo_engine::ports::{SandboxProvider as _, SandboxRequest};
use awo_models::{Isolation, OrderId, SandboxType};

/// Where an address begins.
const BEGINNINGS: [&str; 9] = [
    "https://github.com/",
    "https://github.com/owner/",
    "ssh://git@github.com/",
    "ssh://git@github.com/owner/",
    "git@github.com:",
    "git@github.com:owner/",
    "HTTPS://GITHUB.COM/owner/",
    "https://github.com:443/owner/",
    "ssh://git@github.com:22/",
];

/// What no path may hold.
const PATHS: [&str; 29] = [
    "..",
    "../etc",
    "a/../b",
    ".",
    "a/./b",
    "a//b",
    "-a",
    "a/-b",
    "--upload-pack=id",
    "-u id",
    "a b",
    "a\tb",
    "a\nb",
    "a\r\nHost: x",
    "a\0b",
    "a\u{1b}[2J",
    "a?x=1",
    "a#x",
    "a\\b",
    "a;id",
    "a|id",
    "a&id",
    "a`id`",
    "$(id)",
    "a'b",
    "a\"b",
    "a<b",
    "a\u{202e}b",
    "\u{ff0f}etc",
];

/// Hosts that are outside, are no hosts, or are not allowed.
const HOSTS: [&str; 62] = [
    "",
    "-oProxyCommand=id",
    "-host",
    "host-",
    ".host",
    "host.",
    "a..b",
    "github.com.",
    "github.com..",
    "git hub.com",
    "github.com%00",
    "github.com%2eevil.example",
    "github.com\0.evil.example",
    "github.com\n",
    "\u{67}ithub\u{2024}com",
    "g\u{456}thub.com",
    "github.com.evil.example",
    "evil.example",
    "evilgithub.com",
    "xn--github.com",
    "localhost",
    "LOCALHOST",
    "a.localhost",
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0",
    "0.0.0.0",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "2130706433",
    "017700000001",
    "127.0.0.1.",
    "10.0.0.1",
    "10.1",
    "192.168.1.1",
    "172.16.0.1",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "169.254.43518",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "256.1.1.1",
    "1.2.3",
    "1.2.3.4.5",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fd00:ec2::254]",
    "[fc00::1]",
    "[::1",
    "::1]",
    "[github.com]",
    "[v1.x]",
];

/// What comes before a host.
const USERS: [&str; 8] =
    ["user:s3cret@", "s3cret@", ":@", "@", "x-access-token:s3cret@", "a@b@", "git%40github.com:x@", "user:pa@ss@"];

/// Whole addresses.
const WHOLE: [&str; 50] = [
    "",
    " ",
    "-",
    "--",
    "-u",
    "--upload-pack=touch x",
    "--upload-pack=touch x host:a",
    "-oProxyCommand=touch x:a",
    "--config=core.sshCommand=id",
    "--template=/x",
    "ext::sh -c touch% x",
    "EXT::sh -c id",
    "ext::id",
    "fd::0",
    "fd::0,1/x",
    "FD::17",
    "file::/etc",
    "transport::address",
    "https::github.com/a/b",
    "::",
    "::x",
    "file:///etc",
    "file://localhost/etc",
    "FILE:///etc",
    "file:/etc",
    "/etc",
    "/etc/../root",
    "//host/share",
    "../x",
    "./x",
    "x",
    "owner/repo",
    "~/x",
    "~root/x",
    "C:\\x",
    "\\\\host\\share",
    "http://github.com/a/b",
    "git://github.com/a/b",
    "ftp://github.com/a",
    "ftps://github.com/a",
    "rsync://github.com/a",
    "javascript:alert(1)",
    "data:text/plain,x",
    "git+ssh://github.com/a/b",
    "ssh+git://github.com/a/b",
    "svn+ssh://github.com/a",
    "https:/github.com/a/b",
    "https:github.com:443/a",
    "https//github.com/a",
    "\u{feff}https://github.com/a/b",
];

fn hostile() -> BTreeSet<String> {
    let mut all: BTreeSet<String> = WHOLE.iter().map(|text| (*text).to_owned()).collect();
    for beginning in BEGINNINGS {
        all.extend(PATHS.iter().map(|path| format!("{beginning}{path}")));
    }
    for host in HOSTS {
        all.extend([
            format!("https://{host}/owner/repo"),
            format!("https://{host}:8443/owner/repo"),
            format!("ssh://git@{host}/owner/repo"),
            format!("git@{host}:owner/repo"),
        ]);
    }
    for user in USERS {
        all.extend([format!("https://{user}github.com/owner/repo"), format!("http://{user}github.com/owner/repo")]);
    }
    for port in ["0", "65536", "-1", "+22", "x", "22x", " 22", "22:22", "0x16", "٢٢"] {
        all.extend(["https", "ssh"].map(|scheme| format!("{scheme}://github.com:{port}/owner/repo")));
    }
    for control in (0..0x20).chain([0x7f, 0x80, 0x9b]).filter_map(char::from_u32) {
        all.insert(format!("https://github.com/owner/re{control}po"));
    }
    all.insert(format!("https://github.com/{}", "a/".repeat(4000)));
    all
}

#[tokio::test]
async fn none_is_accepted_and_nothing_is_started() {
    let place = tempfile::tempdir().unwrap();
    let marker = place.path().join("started");
    let git = place.path().join("git");
    fs::write(&git, format!("#!/bin/sh\necho \"$@\" >> '{}'\nexit 1\n", marker.display())).unwrap();
    fs::set_permissions(&git, fs::Permissions::from_mode(0o755)).unwrap();
    let author = Author { name: "awo".into(), email: "awo@example.org".into() };
    let processes = Arc::new(Processes::of(place.path(), None));
    let mut settings =
        WorkspaceSettings::new(place.path().join("work"), place.path().join("mirrors"), processes, author);
    settings.policy = AddressPolicy { hosts: Hosts::new(["github.com"]).unwrap(), ..AddressPolicy::default() };
    settings.git = git;
    let provider = GitSandboxes::new(settings.clone());
    let request = |address: &str| SandboxRequest {
        order: OrderId::new(1_700_000_000_000, [7; 10]),
        repository_url: address.into(),
        sandbox_type: SandboxType::GitBranch,
        base_branch: None,
        isolation: Isolation::None,
        network: awo_models::Network::Host,
        progress: awo_engine::ports::Progress::default(),
    };

    let all = hostile();
    assert!(all.len() >= 500, "{}", all.len());
    let accepted: Vec<_> = all.iter().filter(|address| provider.check_address(address).is_ok()).collect();
    assert!(accepted.is_empty(), "{accepted:#?}");
    for address in &all {
        let told = provider.check_address(address).expect_err(address);
        assert!(!told.contains("s3cret") && !told.chars().any(char::is_control), "{told:?}");
        assert!(provider.prepare(&request(address)).await.is_err(), "{address}");
    }
    assert!(!marker.exists(), "{:?}", fs::read_to_string(&marker));

    assert!(!place.path().join("work").exists(), "a refused address leaves nothing");

    // That nothing was started says something only if this git tells when it is.
    let last = SandboxRequest { repository_url: place.path().to_str().unwrap().into(), ..request("") };
    settings.policy.allow_local = true;
    assert!(GitSandboxes::new(settings).prepare(&last).await.is_err() && marker.exists());
}
