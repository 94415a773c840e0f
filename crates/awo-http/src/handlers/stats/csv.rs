//! Figures as lines and columns (RFC 4180), harmless to programs that take cells for formulas.

use std::fmt::Write as _;

use crate::views::GroupView;

/// Names of the columns.
const COLUMNS: [&str; 20] = [
    "step",
    "agent",
    "model",
    "repository_url",
    "workflow_type",
    "orders",
    "attempts",
    "succeeded",
    "failed",
    "failures",
    "p50_seconds",
    "p95_seconds",
    "max_seconds",
    "total_seconds",
    "cost_usd",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "turns",
];

/// A line with the names of the columns, and one for each group. What is not known is an empty cell.
pub(super) fn table(groups: &[GroupView<'_>]) -> String {
    let mut text = COLUMNS.join(",") + "\r\n";
    for group in groups {
        let figures = &group.figures;
        let names = [group.step, group.agent, group.model, group.repository_url, group.workflow_type];
        for name in names {
            text.push_str(&cell(name.unwrap_or_default()));
            text.push(',');
        }
        let failures: Vec<_> = figures.failures.iter().map(|(code, count)| format!("{code}={count}")).collect();
        let tokens = figures.tokens.as_ref();
        let tokens = [
            tokens.and_then(|it| it.input),
            tokens.and_then(|it| it.output),
            tokens.and_then(|it| it.cache_read),
            tokens.and_then(|it| it.cache_write),
        ];
        let counts = [figures.orders, figures.attempts, figures.succeeded, figures.failed];
        let counts = counts.map(|count| count.to_string());
        let seconds = [figures.p50_seconds, figures.p95_seconds, figures.max_seconds, Some(figures.total_seconds)];
        let numbers = seconds.into_iter().chain([figures.cost_usd]).map(shown);
        let used = tokens.into_iter().chain([figures.turns]).map(shown);
        let cells: Vec<String> =
            counts.into_iter().chain([cell(&failures.join(" "))]).chain(numbers).chain(used).collect();
        let _ = write!(text, "{}\r\n", cells.join(","));
    }
    text
}

fn shown(number: Option<impl ToString>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

/// Text as a cell. What begins like a formula is told to be text by a quote in front.
fn cell(text: &str) -> String {
    let begins_like_a_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let text = if begins_like_a_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_text_and_one_cell() {
        for (text, expected) in [
            ("claude", "claude"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=1+2", "'=1+2"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
            ("a=1", "a=1"),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }
}
