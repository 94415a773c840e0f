//! Owns the placeholders of prompts: which there are, and the older spelling with `$`.

use std::collections::HashSet;

use awo_models::PromptInput;

use super::builtin::ALL;

/// Highest number of a placeholder by position.
pub(super) const MOST: usize = 12;
/// Name of all inputs together, inside templates.
pub(super) const ARGUMENTS: &str = "arguments";

/// Where and why a text is no prompt: its line and the reason.
type Refused = (usize, String);

/// Name of an input by position, inside templates.
pub(super) fn argument(number: usize) -> String {
    format!("argument_{number}")
}

/// The text with `$ARGUMENTS` and `$1` … `$12` in the spelling of templates, line by line as before.
///
/// All digits are taken together: `$10` is the tenth input, not the first and a zero.
pub(super) fn checked_source(text: &str, inputs: Option<&[PromptInput]>) -> Result<String, Refused> {
    let most = inputs.map_or(MOST, <[_]>::len);
    let mut source = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, dollar) = rest.split_at(at);
        let after = &dollar[1..];
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let length = if after.starts_with("ARGUMENTS") { "ARGUMENTS".len() } else { digits };
        rest = &after[length..];
        if length == 0 {
            source.push_str(before);
            source.push('$');
        } else if let Some(before) = before.strip_suffix('\\') {
            source.push_str(before);
            source.push('$');
            source.push_str(&after[..length]);
        } else if digits == 0 {
            source.push_str(before);
            source.push_str("{{ arguments }}");
        } else {
            source.push_str(before);
            let line = source.matches('\n').count() + 1;
            let number = after[..digits].parse().ok().filter(|number| (1..=most).contains(number));
            let Some(number) = number else {
                let name = &after[..digits];
                return Err((
                    line,
                    format!("there is no `${name}`, only `$1` to `${most}`; write `\\${name}` for the characters"),
                ));
            };
            source.extend(["{{ ", &argument(number), " }}"]);
        }
    }
    source.push_str(rest);
    Ok(source)
}

/// Refuses names that no input has.
pub(super) fn check_names(
    text: &str,
    variables: HashSet<String>,
    inputs: Option<&[PromptInput]>,
) -> Result<(), Refused> {
    let known = inputs.unwrap_or(&ALL);
    let is_known = |name: &str| {
        known.iter().any(|input| input.as_str() == name) || name == ARGUMENTS || name.starts_with("argument_")
    };
    let unknown = variables.into_iter().filter(|name| !is_known(name));
    let Some((line, name)) = unknown.map(|name| (line_of(text, &name), name)).min() else {
        return Ok(());
    };
    let known: Vec<_> = known.iter().map(|input| input.as_str()).collect();
    Err((line, format!("unknown placeholder `{name}`; this prompt is given {}", known.join(", "))))
}

/// The first line that has a name in braces.
fn line_of(text: &str, name: &str) -> usize {
    let has = |line: &str| line.contains(name) && (line.contains("{{") || line.contains("{%"));
    let line = text.lines().position(has).or_else(|| text.lines().position(|line| line.contains(name)));
    line.unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_become_braces() {
        for (text, source) in [
            ("$1 $12", "{{ argument_1 }} {{ argument_12 }}"),
            ("$10", "{{ argument_10 }}"),
            ("all: $ARGUMENTS.", "all: {{ arguments }}."),
            (r"awk '{print \$1}' \$ARGUMENTS", "awk '{print $1}' $ARGUMENTS"),
            ("$HOME costs $", "$HOME costs $"),
            ("ä$1ö", "ä{{ argument_1 }}ö"),
        ] {
            assert_eq!(checked_source(text, None).as_deref(), Ok(source), "{text}");
        }
    }

    #[test]
    fn numbers_beyond_the_inputs_are_refused_with_their_line() {
        assert_eq!(checked_source("a\nb $13", None).unwrap_err().0, 2);
        assert_eq!(checked_source("$0", None).unwrap_err().0, 1);
        let (line, reason) = checked_source("a\n\nb\n$2 $3\n", Some(&ALL[..2])).unwrap_err();
        assert_eq!(line, 4);
        assert_eq!(reason, "there is no `$3`, only `$1` to `$2`; write `\\$3` for the characters");
        assert!(checked_source("$99999999999999999999999", None).is_err());
    }
}
