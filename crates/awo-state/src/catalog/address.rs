//! Whether two addresses mean the same repository.

/// The address of a git repository in the form that is the same for all its spellings: without scheme, user, standard
/// port, last `/` and `.git`; the host in lower case, and on github.com, where case means nothing, the path too.
///
/// ```
/// use awo_state::normalized_address;
/// for same in ["https://github.com/Octo/repo.git", "git@github.com:octo/repo", "ssh://git@GitHub.com:22/octo/Repo/"] {
///     assert_eq!(normalized_address(same), "github.com/octo/repo");
/// }
/// assert_eq!(normalized_address("/srv/git/Repo.git/"), "/srv/git/Repo");
/// ```
pub fn normalized_address(address: &str) -> String {
    let address = address.trim();
    let (place, path) = match address.split_once("://") {
        Some((scheme, rest)) => {
            let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
            let port = match scheme.to_ascii_lowercase().as_str() {
                "https" => ":443",
                "http" => ":80",
                "ssh" | "git+ssh" => ":22",
                "git" => ":9418",
                _ => "",
            };
            (place.strip_suffix(port).unwrap_or(place), path)
        }
        // `user@host:path`, as scp has it; a `/` before the colon makes it a path.
        None => match address.split_once(':') {
            Some((place, path)) if !place.contains('/') => (place, path.trim_start_matches('/')),
            _ => return without_ending(address).to_owned(),
        },
    };
    let host = place.rsplit_once('@').map_or(place, |(_, host)| host).to_ascii_lowercase();
    let path = without_ending(path);
    let path = if host == "github.com" { path.to_ascii_lowercase() } else { path.to_owned() };
    if host.is_empty() { format!("/{path}") } else { format!("{host}/{path}") }
}

fn without_ending(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_repository_are_the_same() {
        for same in [
            "https://example.com/a/b",
            " https://user:secret@EXAMPLE.com:443/a/b.git ",
            "http://example.com:80/a/b/",
            "example.com:a/b.git",
            "git@example.com:/a/b",
            "ssh://git@example.com/a/b.git/",
        ] {
            assert_eq!(normalized_address(same), "example.com/a/b", "{same}");
        }
        assert_eq!(normalized_address("file:///srv/git/x.git"), normalized_address("/srv/git/x"));
    }

    #[test]
    fn others_are_not() {
        let all = [
            "https://example.com/a/b",
            "https://example.com/A/b",
            "https://example.com:8443/a/b",
            "https://example.org/a/b",
            "https://example.com/a/b/c",
            "/a/b",
            "../a/b",
            "",
        ];
        let different: std::collections::BTreeSet<_> = all.iter().map(|address| normalized_address(address)).collect();
        assert_eq!(different.len(), all.len(), "{different:?}");
    }
}
