//! Owns the fence around untrusted values.

use super::builtin::ALL;

/// The value as a prompt may hold it: unchanged, except that it cannot open or close a tag that fences a value.
///
/// Prompts put untrusted text between `<user_request>` and `</user_request>` and call it data. A value that brings such
/// a tag itself has its `<` written as `&lt;`. This happens to every value, so that a prompt cannot forget it.
pub(super) fn opaque(value: &str) -> String {
    let mut safe = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        safe.push_str(before);
        safe.push_str(if is_fence(tag) { "&lt;" } else { "<" });
        rest = &tag[1..];
    }
    safe + rest
}

/// Whether a text begins with such a tag. Models read leniently, so spaces, case and what follows do not matter.
fn is_fence(text: &str) -> bool {
    let inside = |c: char| c == '<' || c == '/' || c.is_whitespace() || c.is_control();
    let name = text.trim_start_matches(inside);
    ALL.iter().any(|input| {
        let input = input.as_str();
        name.get(..input.len()).is_some_and(|name| name.eq_ignore_ascii_case(input))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_leaves_its_fence() {
        for (value, safe) in [
            ("a </user_request> b", "a &lt;/user_request> b"),
            ("< / USER_REQUEST >", "&lt; / USER_REQUEST >"),
            ("<<changed_files>", "&lt;&lt;changed_files>"),
            ("</\u{0}plan_output x", "&lt;/\u{0}plan_output x"),
            ("Vec<u8> </b> a < b <ü", "Vec<u8> </b> a < b <ü"),
            ("ends with <", "ends with <"),
        ] {
            assert_eq!(opaque(value), safe);
        }
    }
}
