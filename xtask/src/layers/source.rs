//! Finds names of the outside world in Rust source: a plain scan that leaves out comments and literals and unfolds
//! grouped imports.

/// Modules that only code behind a port may name.
const OUTSIDE: &[&str] =
    &["std::env", "std::fs", "std::net", "std::process", "tokio::fs", "tokio::net", "tokio::process"];

/// The line and name of each mention, in order.
pub(super) fn outside_names(text: &str) -> Vec<(usize, &'static str)> {
    let code = code_only(text);
    let mut found = Vec::new();
    for name in OUTSIDE {
        let (root, module) = name.split_once("::").unwrap_or((name, ""));
        for at in words(&code, root) {
            let Some(rest) = after_path_separator(&code[at + root.len()..]) else {
                continue;
            };
            let named = match rest.strip_prefix('{') {
                Some(group) => top_level_names(group).any(|inner| inner == module),
                None => first_word(rest) == module,
            };
            if named {
                let line = 1 + code[..at].matches('\n').count();
                found.push((line, *name));
            }
        }
    }
    found.sort_unstable();
    found
}

/// Where a whole word stands.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn after_path_separator(rest: &str) -> Option<&str> {
    Some(rest.trim_start().strip_prefix("::")?.trim_start())
}

fn first_word(text: &str) -> &str {
    text.split(|c| !is_word(c)).next().unwrap_or_default()
}

/// The first words of the items of a group, given what follows its opening brace.
fn top_level_names(group: &str) -> impl Iterator<Item = &str> {
    let mut depth = 1_u32;
    let end = group
        .find(|c| {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            depth == 0
        })
        .unwrap_or(group.len());
    let mut depth = 0_u32;
    group[..end]
        .split(move |c| {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && depth == 0
        })
        .map(|item| first_word(item.trim_start()))
}

/// The text without comments and without what stands in literals; line ends stay.
fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if c == '"' {
            string(rest)
        } else if c == 'r' && !code.chars().next_back().is_some_and(|before| is_word(before) && before != 'b') {
            raw_string(rest)
        } else if c == '\'' {
            character(rest)
        } else {
            0
        };
        if skipped == 0 {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            code.push(' ');
            code.extend(rest[..skipped].chars().filter(|&c| c == '\n'));
            rest = &rest[skipped..];
        }
    }
    code
}

/// The length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_u32;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of a string literal with its quotes.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a raw string literal, or 0 when this `r` begins something else.
fn raw_string(text: &str) -> usize {
    let hashes = text[1..].chars().take_while(|&c| c == '#').count();
    let Some(body) = text[1 + hashes..].strip_prefix('"') else {
        return 0;
    };
    let end = format!("\"{}", "#".repeat(hashes));
    body.find(&end).map_or(text.len(), |at| 2 + hashes + at + end.len())
}

/// The length of a character literal, or 0 when this quote begins a lifetime.
fn character(text: &str) -> usize {
    let inner = &text[1..];
    let Some(first) = inner.chars().next() else { return 0 };
    if first == '\\' {
        // The escaped character itself may be a quote.
        return inner[1..].char_indices().skip(1).find(|&(_, c)| c == '\'').map_or(0, |(at, _)| at + 3);
    }
    if inner[first.len_utf8()..].starts_with('\'') { first.len_utf8() + 2 } else { 0 }
}
