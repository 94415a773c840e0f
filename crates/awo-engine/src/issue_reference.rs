//! Finds the issue that a request speaks of.

/// Digits of a number that stands alone. Six digits are a colour.
const SHORT: usize = 5;
/// Digits of a number in an address.
const LONG: usize = 12;

/// Number of the issue that a request names: `#42`, `issue 42`, `issue #42`, or the full address of an issue of this
/// repository. The first one counts.
///
/// Not an issue: a colour (`#123456`, `#fff`), a word that ends in one (`tissue 7`), a number that goes on (`#42nd`),
/// an issue of another repository.
pub(crate) fn issue_reference(request: &str, repository_url: &str) -> Option<String> {
    let mut words =
        request.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | ';' | '"' | '\'')).peekable();
    while let Some(word) = words.next() {
        if let Some(number) = from_address(word, repository_url).or_else(|| word.strip_prefix('#').and_then(short)) {
            return Some(number);
        }
        let word = word.to_ascii_lowercase();
        if word == "issue" || word == "issue:" {
            if let Some(number) = words.peek().and_then(|next| short(next.strip_prefix('#').unwrap_or(next))) {
                return Some(number);
            }
        } else if let Some(number) =
            word.strip_prefix("issue#").or_else(|| word.strip_prefix("issue-#")).and_then(short)
        {
            return Some(number);
        }
    }
    None
}

fn short(text: &str) -> Option<String> {
    number(text, SHORT)
}

/// So many digits at most, then nothing but the end of a sentence.
fn number(text: &str, most: usize) -> Option<String> {
    let digits = text.trim_end_matches(['.', '!', '?', ':', ']', '}']);
    let fits =
        (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    fits.then(|| digits.to_owned())
}

fn from_address(word: &str, repository_url: &str) -> Option<String> {
    let (repository, number_and_more) = word.strip_prefix("https://")?.split_once("/issues/")?;
    let (host, path) = repository.split_once('/')?;
    let (own_host, own_path) = host_and_path(repository_url)?;
    let same = host.eq_ignore_ascii_case(own_host) && path.eq_ignore_ascii_case(own_path);
    let digits = number_and_more.split(['#', '?', '/']).next()?;
    number(digits, LONG).filter(|_| same)
}

/// Host and path of a repository's address, whether it is for https or for ssh.
fn host_and_path(repository_url: &str) -> Option<(&str, &str)> {
    let address = repository_url.trim_end_matches('/').trim_end_matches(".git");
    let (authority, path) = match address.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?,
        None => address.split_once(':')?,
    };
    Some((authority.rsplit('@').next()?, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_the_repository_is_known_however_git_reaches_it() {
        let request = "see https://github.com/Owner/repo/issues/123456#issuecomment-1.";
        for address in [
            "https://github.com/owner/repo",
            "https://github.com/owner/repo.git/",
            "git@github.com:owner/repo.git",
            "ssh://git@github.com/owner/repo",
        ] {
            assert_eq!(issue_reference(request, address).as_deref(), Some("123456"), "{address}");
        }
        for address in ["https://gitlab.com/owner/repo", "/srv/owner/repo", "https://github.com/owner/repo-2"] {
            assert_eq!(issue_reference(request, address), None, "{address}");
        }
    }

    #[test]
    fn found_and_not_found() {
        let check = |text: &str| issue_reference(text, "https://github.com/owner/my.repo.git");
        for (text, number) in [
            ("fix issue #42", "42"),
            ("Fix #42.", "42"),
            ("see (#7) and #8", "7"),
            ("ISSUE 5: crash", "5"),
            ("issue: 12", "12"),
            ("issue#9 please", "9"),
            ("do https://github.com/owner/my.repo/issues/31 now", "31"),
        ] {
            assert_eq!(check(text).as_deref(), Some(number), "{text}");
        }
        for text in [
            "make it #123456",
            "colour #fff",
            "tissue 7",
            "the 42nd",
            "#42nd street",
            "issue",
            "#",
            "issues/5",
            "https://github.com/other/repo/issues/31",
            "#0",
            "",
        ] {
            assert_eq!(check(text), None, "{text}");
        }
    }
}
