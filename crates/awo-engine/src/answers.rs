//! Understands what agents answer: lenient where the meaning is certain, else a reason to ask again.

/// Why an answer cannot be used, as a sentence for the agent that is asked again.
pub(crate) type Misunderstood = String;

/// `/feature`, `/bug` or `/chore`, in whatever dressing: `Feature.`, `` `/bug` ``, "This is a /chore".
pub(crate) fn issue_class(answer: &str) -> Result<&'static str, Misunderstood> {
    let mut found: Option<&'static str> = None;
    let words = answer.split(|c: char| !(c.is_ascii_alphanumeric() || c == '/'));
    for word in words {
        let word = word.trim_start_matches('/').to_ascii_lowercase();
        let class = match word.as_str() {
            "feature" => "feature",
            "bug" => "bug",
            "chore" => "chore",
            _ => continue,
        };
        if found.is_some_and(|before| before != class) {
            return Err(
                "the answer names more than one class; answer with exactly one of /feature, /bug, /chore".into()
            );
        }
        found = Some(class);
    }
    found.ok_or_else(|| "the answer names no class; answer with exactly one of /feature, /bug, /chore".into())
}

/// Paths of Markdown files that an answer mentions, as they stand in it.
pub(crate) fn mentioned_paths(answer: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for word in answer
        .split(|c: char| c.is_whitespace() || matches!(c, '`' | '"' | '\'' | '(' | ')' | '[' | ']' | '<' | '>' | '*'))
    {
        let word = word.trim_end_matches(['.', ',', ':', ';']).trim_start_matches("./");
        let path = std::path::Path::new(word);
        let markdown = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("md"));
        if markdown && !paths.iter().any(|p| p == word) {
            paths.push(word.to_owned());
        }
    }
    paths
}

/// The words of a branch name, in kebab-case. A whole branch name is accepted for its words.
pub(crate) fn branch_words(answer: &str) -> Result<String, Misunderstood> {
    let line = last_line(answer).ok_or("the answer is empty; answer with two to six words in kebab-case")?;
    let line = line.trim_matches(|c: char| matches!(c, '`' | '"' | '\'' | '*' | '.'));
    // "Branch: add-login" and "feat/add-login": the words are behind the mark.
    let line = line.rsplit_once([':', '/', ' ']).filter(|(_, tail)| tail.contains('-')).map_or(line, |(_, tail)| tail);
    let words: Vec<String> = line
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_ascii_lowercase)
        .take(8)
        .collect();
    let slug = words.join("-");
    if slug.is_empty() || words.len() > 7 {
        return Err("the answer is not two to six words in kebab-case, such as add-login-form".into());
    }
    Ok(slug.chars().take(48).collect::<String>().trim_end_matches('-').to_owned())
}

/// A commit message, freed of code fences and quotes.
pub(crate) fn commit_message(answer: &str) -> Result<String, Misunderstood> {
    let text = unfenced(answer);
    let message = text.trim().trim_matches('`').trim();
    let subject = message.lines().next().unwrap_or("").trim();
    if subject.is_empty() {
        return Err("the answer is empty; answer with the commit message only".into());
    }
    if subject.chars().count() > 200 {
        return Err("the first line has more than 200 characters; answer with a short subject line first".into());
    }
    Ok(message.replace('\0', "").clone())
}

/// Title and body of a pull request: the first line, and what comes after.
pub(crate) fn pull_request_text(answer: &str) -> Result<(String, String), Misunderstood> {
    let text = unfenced(answer);
    let text = text.trim();
    let (title, body) = text.split_once('\n').unwrap_or((text, ""));
    let title = title.trim().trim_start_matches('#').trim();
    let title = title.strip_prefix("Title:").or_else(|| title.strip_prefix("title:")).unwrap_or(title).trim();
    if title.is_empty() {
        return Err("the answer is empty; answer with the title on the first line, then the body".into());
    }
    let title: String = title.chars().filter(|c| !c.is_control()).take(200).collect();
    Ok((title, body.trim().to_owned()))
}

/// A report in free text.
pub(crate) fn report(answer: &str) -> Result<String, Misunderstood> {
    let text = answer.trim();
    if text.is_empty() { Err("the answer is empty; answer with the report".into()) } else { Ok(text.to_owned()) }
}

/// What somebody who did a follow-up says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FollowUpAnswer {
    /// The report.
    pub(crate) report: String,
    /// The message for a commit, if it gave one.
    pub(crate) message: Option<String>,
}

/// A report, whose last line may be `commit: ` and a message.
pub(crate) fn follow_up(answer: &str) -> Result<FollowUpAnswer, Misunderstood> {
    let report = report(answer)?;
    let (before, last) = report.rsplit_once('\n').unwrap_or(("", &report));
    let last = last.trim().trim_matches('`');
    let said = last.get(..7).filter(|word| word.eq_ignore_ascii_case("commit:")).map(|_| &last[7..]);
    let message = said.and_then(|said| commit_message(said).ok());
    Ok(match message {
        Some(message) if before.trim().is_empty() => FollowUpAnswer { report: message.clone(), message: Some(message) },
        Some(message) => FollowUpAnswer { report: before.trim_end().to_owned(), message: Some(message) },
        None => FollowUpAnswer { report, message: None },
    })
}

fn last_line(answer: &str) -> Option<&str> {
    answer.lines().map(str::trim).rfind(|line| !line.is_empty() && !line.starts_with("```"))
}

/// The inside of the only code fence, if the answer is one.
fn unfenced(answer: &str) -> String {
    let text = answer.trim();
    let Some(inside) = text.strip_prefix("```").and_then(|t| t.strip_suffix("```")) else {
        return text.to_owned();
    };
    inside.split_once('\n').map_or(inside, |(_, rest)| rest).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        for (answer, class) in [
            ("/feature", "feature"),
            ("/feature.", "feature"),
            ("`/bug`\n", "bug"),
            ("This is a /chore, plainly.", "chore"),
            ("Feature", "feature"),
        ] {
            assert_eq!(issue_class(answer), Ok(class), "{answer}");
        }
        for answer in ["", "0", "/feature or /bug", "debugging"] {
            assert!(issue_class(answer).is_err(), "{answer}");
        }
    }

    #[test]
    fn paths() {
        assert_eq!(mentioned_paths("I wrote `specs/plan-a.md`."), ["specs/plan-a.md"]);
        assert_eq!(mentioned_paths("./specs/a.md and specs/a.md, README.md"), ["specs/a.md", "README.md"]);
        assert!(mentioned_paths("0").is_empty());
    }

    #[test]
    fn words_for_a_branch() {
        for (answer, slug) in [
            ("add-login-form", "add-login-form"),
            ("Here is the branch: `feat/add-login`", "add-login"),
            ("Add login form", "add-login-form"),
            ("Sure.\n\nfeat-issue-1-wo-test", "feat-issue-1-wo-test"),
            ("--upload-pack=touch", "upload-pack-touch"),
        ] {
            assert_eq!(branch_words(answer).as_deref(), Ok(slug), "{answer}");
        }
        for answer in ["", "```\n```", "!!!", "I am sorry but I can not think of any name for this branch"] {
            assert!(branch_words(answer).is_err(), "{answer}");
        }
    }

    #[test]
    fn follow_ups() {
        let said = |answer: &str| follow_up(answer).map(|it| (it.report, it.message));
        let with = |report: &str, message: &str| Ok((report.to_owned(), Some(message.to_owned())));
        assert_eq!(said("Done.\n\ncommit: fix: greet in French"), with("Done.", "fix: greet in French"));
        assert_eq!(said("Done.\n`Commit: fix it`\n"), with("Done.", "fix it"));
        assert_eq!(said("commit: fix it"), with("fix it", "fix it"));
        for answer in ["It is in src/a.rs.", "commit: what I would write\nbut did not", "Done.\ncommit:", "Über ö"] {
            assert_eq!(said(answer), Ok((answer.to_owned(), None)));
        }
        assert!(said(" ").is_err());
    }

    #[test]
    fn messages() {
        assert_eq!(commit_message("```\nfeat: add x\n\nbody\n```").unwrap(), "feat: add x\n\nbody");
        assert!(commit_message(" \n").is_err());
        assert_eq!(pull_request_text("# Add x\n\nBody").unwrap(), ("Add x".into(), "Body".into()));
        assert_eq!(pull_request_text("Title: Add x").unwrap(), ("Add x".into(), String::new()));
        assert!(pull_request_text("").is_err());
    }
}
