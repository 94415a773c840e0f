//! Finds the issue that a request speaks of.

/// Number of the issue that a request names: `#42`, `issue 42`, `issue #42`, or the full address of an issue of this
/// repository. The first one counts.
///
/// Not an issue: a colour (`#123456`, `#fff`), a word that ends in one (`tissue 7`), a number that goes on (`#42nd`),
/// an issue of another repository.
pub(crate) fn issue_reference(request: &str, repository_url: &str) -> Option<String> {
    let mut words =
        request.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | ';' | '"' | '\'')).peekable();
    while let Some(word) = words.next() {
        if let Some(number) = from_address(word, repository_url).or_else(|| word.strip_prefix('#').and_then(number)) {
            return Some(number);
        }
        let word = word.to_ascii_lowercase();
        if word == "issue" || word == "issue:" {
            if let Some(number) = words.peek().and_then(|next| number(next.strip_prefix('#').unwrap_or(next))) {
                return Some(number);
            }
        } else if let Some(number) =
            word.strip_prefix("issue#").or_else(|| word.strip_prefix("issue-#")).and_then(number)
        {
            return Some(number);
        }
    }
    None
}

/// Up to five digits, then nothing but the end of a sentence. Six digits are a colour.
fn number(text: &str) -> Option<String> {
    let digits = text.trim_end_matches(['.', '!', '?', ':', ']', '}']);
    let fits =
        (1..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    fits.then(|| digits.to_owned())
}

fn from_address(word: &str, repository_url: &str) -> Option<String> {
    let base = repository_url.trim_end_matches('/').trim_end_matches(".git");
    number(word.strip_prefix(base)?.strip_prefix("/issues/")?)
}

#[cfg(test)]
mod tests {
    use super::*;

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
