//! `tidy`: what holds for every file: modules say what they own, files stay small, links lead somewhere, snapshots have a
//! test, and some words are absent.

mod links;
mod modules;
mod snapshots;
#[cfg(test)]
mod tests;
mod words;

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::repository::Repository;

/// Runs every check on every file.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    let findings = check(repository)?;
    for warning in &findings.warnings {
        eprintln!("warning: {warning}");
    }
    report("tidy", &findings.problems)
}

/// Links in Markdown pages that lead nowhere.
pub(crate) fn broken_links(repository: &Repository) -> Result<Vec<String>> {
    let files = repository.files()?;
    let mut pages = links::Pages::new(files.iter().map(String::as_str));
    for path in files.iter().filter(|path| links::is_page(path)) {
        if let Some(text) = repository.text(path)? {
            pages.add(path, &text);
        }
    }
    Ok(pages.broken())
}

/// Snapshots that no test read, given the files that the tests of a whole run noted.
pub(crate) fn snapshots_not_in(repository: &Repository, read: &[PathBuf]) -> Result<Vec<String>> {
    Ok(snapshots::not_in(repository.root(), &repository.files()?, read))
}

/// Prints the problems of a check and fails if there are any.
pub(crate) fn report(check: &str, problems: &[String]) -> Result<()> {
    for problem in problems {
        eprintln!("error: {problem}");
    }
    match problems.len() {
        0 => {
            eprintln!("{check}: nothing to complain about");
            Ok(())
        }
        1 => bail!("{check}: one problem"),
        many => bail!("{check}: {many} problems"),
    }
}

/// What the checks found.
#[derive(Debug, Default)]
struct Findings {
    problems: Vec<String>,
    warnings: Vec<String>,
}

fn check(repository: &Repository) -> Result<Findings> {
    let mut findings = Findings::default();
    let files = repository.files()?;
    for path in &files {
        let Some(text) = repository.text(path)? else { continue };
        findings.problems.extend(words::banned(path, &text));
        findings.problems.extend(modules::without_sentence(path, &text));
        match modules::too_long(path, &text) {
            Some(modules::Length::Problem(message)) => findings.problems.push(message),
            Some(modules::Length::Warning(message)) => findings.warnings.push(message),
            None => {}
        }
        findings.problems.extend(snapshots::without_source(path, &text, &files));
    }
    findings.problems.extend(broken_links(repository)?);
    Ok(findings)
}
