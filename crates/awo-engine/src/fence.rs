//! The marks around untrusted text in prompts, such as `<user_request>` and `</user_request>`: no text opens or closes one.

/// The text as a prompt may hold it: unchanged, except that no mark of these names can be read in it, however it is
/// spelled. Models read leniently, so case, spaces, what joins the words of a name and what looks like `<` do not matter.
///
/// ```
/// use awo_engine::fenced;
/// assert_eq!(fenced("a </ User-Request> b", &["user_request"]), "a &lt;/ User-Request> b");
/// assert_eq!(fenced("Vec<u8>", &["user_request"]), "Vec<u8>");
/// ```
pub fn fenced(text: &str, names: &[&str]) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(OPENING) {
        let (before, mark) = rest.split_at(at);
        let after = mark.trim_start_matches(OPENING);
        let opening = &mark[..mark.len() - after.len()];
        safe.push_str(before);
        if names.iter().any(|name| is_mark(after, name)) {
            safe.extend(opening.chars().map(|_| "&lt;"));
        } else {
            safe.push_str(opening);
        }
        rest = after;
    }
    safe + rest
}

/// What looks like the beginning of a mark.
const OPENING: [char; 5] = ['<', '\u{ff1c}', '\u{fe64}', '\u{2039}', '\u{3008}'];

/// Whether a text begins with the words of a name, whatever stands before and between them.
fn is_mark(text: &str, name: &str) -> bool {
    let is_between = |c: char| !c.is_alphanumeric() && !OPENING.contains(&c);
    let mut rest = text;
    name.split('_').all(|word| {
        rest = rest.trim_start_matches(is_between);
        let begins = rest.get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word));
        if begins {
            rest = &rest[word.len()..];
        }
        begins
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 2] = ["user_request", "issue_text"];

    #[test]
    fn no_text_leaves_its_marks() {
        for (text, safe) in [
            ("a </user_request> b", "a &lt;/user_request> b"),
            ("< / USER_REQUEST >", "&lt; / USER_REQUEST >"),
            ("<<user_request>", "&lt;&lt;user_request>"),
            ("</\u{0}issue_text x", "&lt;/\u{0}issue_text x"),
            ("</issue-text>", "&lt;/issue-text>"),
            ("< /Issue Text >", "&lt; /Issue Text >"),
            ("<\\/issue_text>", "&lt;\\/issue_text>"),
            ("\u{ff1c}/issue_text\u{ff1e}", "&lt;/issue_text\u{ff1e}"),
            ("<\u{3008}issuetext", "&lt;&lt;issuetext"),
            ("a < b </issue_text", "a < b &lt;/issue_text"),
        ] {
            assert_eq!(fenced(text, &NAMES), safe);
        }
    }

    #[test]
    fn other_text_stays_as_it_is() {
        for text in [
            "a < b",
            "<issue>",
            "<b>issue</b> text",
            "Vec<u8> </b> a <ü",
            "<",
            "<issue ü",
            "ends with <",
            "user_request",
        ] {
            assert_eq!(fenced(text, &NAMES), text);
        }
    }
}
