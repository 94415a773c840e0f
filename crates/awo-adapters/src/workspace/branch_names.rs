//! Which texts may name a branch, and which name is free.

/// Longest name, in bytes.
const MAX_LENGTH: usize = 200;
/// Suffixes that are tried.
const TRIES: u32 = 1000;

/// Checks a name. Stricter than git: nothing that a command could take for an option or a revision expression.
pub(super) fn check(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("it is empty");
    }
    if name.len() > MAX_LENGTH {
        return Err("it is longer than 200 bytes");
    }
    if name.starts_with('-') {
        return Err("it begins with a dash");
    }
    if name.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("it holds spaces or control characters");
    }
    if name.contains(['~', '^', ':', '?', '*', '[', '\\']) {
        return Err("it holds one of ~ ^ : ? * [ \\");
    }
    if name.contains("..") || name.contains("@{") {
        return Err("it holds `..` or `@{`");
    }
    if name == "@" || name == "HEAD" || name.starts_with("refs/") {
        return Err("it means something else to git");
    }
    let part_is_bad = |part: &str| {
        let lock = part.len() >= 5
            && part.is_char_boundary(part.len() - 5)
            && part[part.len() - 5..].eq_ignore_ascii_case(".lock");
        part.is_empty() || part.starts_with('.') || part.ends_with('.') || lock
    };
    if name.split('/').any(part_is_bad) {
        return Err("a part of it is empty, begins or ends with a dot, or ends with `.lock`");
    }
    Ok(())
}

/// The name itself, or the first of `name-2`, `name-3`, … that is free; `None` if none is.
pub(super) fn free(name: &str, taken: &[String]) -> Option<String> {
    // Git keeps refs as files: `a` and `a/b` cannot both be.
    let clashes = |candidate: &str| {
        taken.iter().any(|other| {
            let under = |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.starts_with('/'));
            other == candidate || under(other, candidate) || under(candidate, other)
        })
    };
    let suffixed = (2..TRIES).map(|number| format!("{name}-{number}"));
    std::iter::once(name.to_owned()).chain(suffixed).find(|candidate| !clashes(candidate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_git_or_a_command_would_misread_are_refused() {
        for good in ["main", "feat-issue-7-wo-0123abcd-words", "a/b.c", "größe", "lock"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let long = "a".repeat(201);
        for bad in [
            "",
            "-b",
            "--force",
            "a b",
            "a\nb",
            "a\u{7f}",
            "a..b",
            "a@{1}",
            "@",
            "HEAD",
            "refs/heads/a",
            "a.lock",
            "a.LOCK/b",
            "a/",
            "/a",
            "a//b",
            ".a",
            "a/.b",
            "a.",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[",
            "a\\b",
            &long,
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_taken_name_gets_the_next_number() {
        let taken = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(free("a", &taken(&["b"])).as_deref(), Some("a"));
        assert_eq!(free("a", &taken(&["a", "a-2"])).as_deref(), Some("a-3"));
        assert_eq!(free("a", &taken(&["a/b"])).as_deref(), Some("a-2"));
        assert_eq!(free("a/b", &taken(&["a"])), None);
    }
}
