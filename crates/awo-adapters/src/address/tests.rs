use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn with_local() -> AddressPolicy {
    AddressPolicy { allow_local: true, trusted_hosts: Hosts::all(), ..AddressPolicy::default() }
}

fn parsed(text: &str) -> Result<RepositoryAddress, String> {
    RepositoryAddress::parse(text, &with_local()).map_err(|error| error.to_string())
}

#[rstest]
#[case("https://github.com/owner/repo", "https://github.com/owner/repo")]
#[case("HTTPS://GitHub.com/Owner/Repo.git/", "https://github.com/Owner/Repo.git")]
#[case("https://host:8443/a/b%20c", "https://host:8443/a/b%20c")]
#[case("https://[::1]/a", "https://[::1]/a")]
#[case("ssh://git@github.com/owner/repo", "ssh://git@github.com/owner/repo")]
#[case("ssh://git@host:2222/~me/repo", "ssh://git@host:2222/~me/repo")]
#[case("git@github.com:owner/my.repo.git", "git@github.com:owner/my.repo.git")]
#[case("host:repo", "host:repo")]
#[case("git@[::1]:repo", "git@[::1]:repo")]
#[case("/srv/git/a repo", "/srv/git/a repo")]
#[case("/srv/-git", "/srv/-git")]
#[case("file:///srv/git/repo", "/srv/git/repo")]
fn is_used(#[case] text: &str, #[case] given_to_git: &str) {
    assert_eq!(parsed(text).map(|address| address.to_string()), Ok(given_to_git.to_owned()));
}

#[test]
fn what_is_refused_and_in_which_words() {
    let long = format!("https://host/{}", "a".repeat(MAX_LENGTH));
    let texts = [
        "",
        " https://host/a",
        "https://host/a b",
        "https://host/a\nb",
        "https://host/a%0ab",
        "https://host/%2d-upload-pack/x",
        "https://host/a%2",
        "https://user:s3cret@host/a",
        "https://s3cret@host/a",
        "https://user:s3c?ret@host/a",
        "https://user:s3cret",
        "https://user:s3cret/a",
        "https://host/a?token=s3cret",
        "https://host/a#s3cret",
        "https://host",
        "https://-host/a",
        "https://host/../a",
        "https://host//a",
        "https://h\u{f6}st/a",
        "https://host:0/a",
        "https://host\\@evil/a",
        "https://2130706433/a",
        "https://host./a",
        "git@0x7f.1:a",
        "http://host/a",
        "ftp://host/a",
        "git://host/a",
        "ext::sh -c id",
        "fd::17",
        "ssh://user:s3cret@host/a",
        "ssh://-oProxyCommand=id/a",
        "ssh://-user@host/a",
        "ssh://host/-a",
        "ssh://host/a%20b",
        "-oProxyCommand=id:a",
        "git@-host:a",
        "git@host:-a",
        "git@host:",
        "user:s3cret@host:a",
        "--upload-pack=id",
        "owner/repo",
        "./repo",
        "/srv/../etc",
        "file://host/srv",
        "file:///srv%20",
        "C:\\repo",
        &long,
    ];
    let told: Vec<String> = texts.map(|text| parsed(text).unwrap_err()).into();
    assert!(!told.iter().any(|words| words.contains("s3c")), "{told:#?}");
    insta::assert_snapshot!(told.join("\n"));
}

#[rstest]
#[case("https://localhost/a", "is not on the public internet")]
#[case("git@127.0.0.1:a", "is not on the public internet")]
#[case("https://[::ffff:169.254.169.254]/a", "is not on the public internet")]
#[case("https://10.0.0.1/a", "add it to git.trusted_hosts")]
#[case("https://evil.example/a", "is not one of git.allowed_hosts")]
#[case("ssh://git@github.com.evil.example/a", "is not one of git.allowed_hosts")]
fn hosts_are_used_as_the_operator_lists_them(#[case] text: &str, #[case] words: &str) {
    let hosts =
        if words.contains("allowed") { Hosts::new(["github.com", "*.corp.example"]) } else { Hosts::new([""; 0]) };
    let policy = AddressPolicy { hosts: hosts.unwrap(), ..AddressPolicy::default() };
    let error = RepositoryAddress::parse(text, &policy).unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
    let trusted = Hosts::new(["localhost", "127.0.0.1", "::ffff:169.254.169.254", "10.0.0.1"]).unwrap();
    let policy = AddressPolicy { trusted_hosts: trusted, ..AddressPolicy::default() };
    assert!(RepositoryAddress::parse(text, &policy).is_ok());
}

#[rstest]
#[case("/srv/repo")]
#[case("file:///srv/repo")]
#[case("relative/repo")]
fn nothing_local_is_used_unless_allowed(#[case] text: &str) {
    assert!(RepositoryAddress::parse(text, &AddressPolicy::default()).is_err());
}

#[rstest]
#[case("https://github.com/owner/my.repo", Some(("owner", "my.repo")))]
#[case("https://github.com/owner/repo.git", Some(("owner", "repo")))]
#[case("https://github.com/owner/repo.git.git", Some(("owner", "repo.git")))]
#[case("ssh://git@github.com/owner/repo", Some(("owner", "repo")))]
#[case("git@github.com:owner/repo.git", Some(("owner", "repo")))]
#[case("https://github.com/owner", None)]
#[case("https://github.com/owner/repo/tree/main", None)]
#[case("https://github.com/owner/.git", None)]
#[case("https://github.com:8443/owner/repo", None)]
#[case("https://github.com.evil.example/owner/repo", None)]
#[case("https://evil.example/github.com/owner/repo", None)]
#[case("git@evil.example:github.com/owner", None)]
#[case("/github.com/owner/repo", None)]
fn github_is_anchored(#[case] text: &str, #[case] expected: Option<(&str, &str)>) {
    assert_eq!(parsed(text).unwrap().github(), expected);
}

#[rstest]
#[case("https://github.com/owner/repo", "/mirror/owner/repo")]
#[case("https://github.com/owner/special", "git@inside:special")]
#[case("https://github.com/owner/special.git", "git@inside:special.git")]
#[case("https://github.com/owner/specially", "/mirror/owner/specially")]
#[case("https://elsewhere/owner/repo", "https://elsewhere/owner/repo")]
fn the_longest_redirect_counts(#[case] text: &str, #[case] expected: &str) {
    let redirect = |from: &str, to: &str| Redirect { from: from.into(), to: to.into() };
    let redirects = Redirects::new(vec![
        redirect("https://github.com/owner/special", "git@inside:special"),
        redirect("https://github.com/", "/mirror/"),
    ]);
    let address = RepositoryAddress::parse(text, &AddressPolicy::default()).unwrap();
    assert_eq!(redirects.apply(&address).unwrap().to_string(), expected);
}

#[test]
fn a_redirect_cannot_name_a_helper() {
    let redirects = Redirects::new(vec![Redirect { from: "https://host/".into(), to: "ext::sh -c ".into() }]);
    let address = parsed("https://host/id").unwrap();
    assert!(redirects.apply(&address).is_err());
}

fn address_like() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "(https://|ssh://|file://|ext::|git@|-|/)?[-a-z@:/.%?#\\[\\] 0-9\n\0]{0,40}",]
}

proptest! {
    #[test]
    fn an_accepted_address_is_harmless(text in address_like()) {
        if let Ok(address) = RepositoryAddress::parse(&text, &with_local()) {
            let given = address.to_string();
            prop_assert!(!given.starts_with('-'));
            prop_assert!(!given.chars().any(char::is_control));
            prop_assert!(!given.contains("::") || given.starts_with('/') || given.contains('['));
            // What was accepted once is accepted again as the same address.
            prop_assert_eq!(RepositoryAddress::parse(&given, &with_local()), Ok(address));
        }
    }

    #[test]
    fn an_accepted_address_is_on_a_listed_host(text in address_like(), host in "[a-c.@:/-]{1,12}") {
        let policy = AddressPolicy { hosts: Hosts::new(["a", "*.b"]).unwrap(), ..AddressPolicy::default() };
        for text in [text, format!("https://{host}/x"), format!("git@{host}:x")] {
            if let Ok(address) = RepositoryAddress::parse(&text, &policy) {
                let (host, _) = address.host().unwrap();
                prop_assert!(host == "a" || host.strip_suffix(".b").is_some(), "{}", text);
            }
        }
    }

    #[test]
    fn a_password_is_never_echoed(scheme in "(https://|ssh://|http://|ftp://|)", secret in "[A-Z0-9:/?#%&]{8,30}", rest in "[a-z:/]{0,20}") {
        if let Err(error) = RepositoryAddress::parse(&format!("{scheme}user:{secret}@{rest}"), &with_local()) {
            prop_assert!(!error.to_string().contains(&secret), "{}", error);
        }
    }
}
