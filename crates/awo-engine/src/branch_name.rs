//! Names of branches: the agent supplies words, the engine the form.

use awo_models::OrderId;

/// `<feat|bug|chore>-issue-<n>-wo-<last 8 digits>-<words>`, without the issue where there is none.
pub(crate) fn branch_name(
    issue_class: Option<&str>,
    issue_number: Option<&str>,
    order: OrderId,
    words: &str,
) -> String {
    let kind = match issue_class {
        Some("bug") => "bug",
        Some("chore") => "chore",
        _ => "feat",
    };
    let issue: String = issue_number.unwrap_or("").chars().filter(char::is_ascii_digit).take(12).collect();
    let issue = if issue.is_empty() { String::new() } else { format!("-issue-{issue}") };
    format!("{kind}{issue}-wo-{}-{words}", order.tail())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_and_without_an_issue() {
        let id = OrderId::new(1_700_000_000_000, [0xc4; 10]);
        assert_eq!(branch_name(Some("bug"), Some("42"), id, "fix-login"), "bug-issue-42-wo-c4c4c4c4-fix-login");
        assert_eq!(branch_name(None, Some("--x"), id, "add-x"), "feat-wo-c4c4c4c4-add-x");
    }
}
