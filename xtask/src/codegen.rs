//! `codegen`: the committed files that are generated from code, and whether they are current.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::repository::Repository;

/// A committed file and the cargo arguments that print its content.
struct Generated {
    path: &'static str,
    cargo: &'static [&'static str],
}

const GENERATED: &[Generated] =
    &[Generated { path: "docs/openapi.json", cargo: &["run", "--quiet", "--package", "awo", "--", "openapi"] }];

/// Options of `codegen`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Change nothing; fail when a committed file is not what the code generates.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Writes the generated files, or checks them.
pub(crate) fn run(repository: &Repository, arguments: &Arguments) -> Result<()> {
    for Generated { path, cargo } in GENERATED {
        let mut command = repository.cargo();
        command.args(*cargo);
        eprintln!("$ cargo {} {} {path}", cargo.join(" "), if arguments.check { "| diff -" } else { ">" });
        let fresh = with_final_newline(process::output(&mut command)?);
        if fresh.trim().is_empty() {
            bail!("the command for {path} printed nothing");
        }
        let file = repository.root().join(path);
        let committed = read_if_there(&file)?;
        if committed.as_deref() == Some(fresh.as_str()) {
            eprintln!("{path} is current");
        } else if arguments.check {
            let difference = committed
                .map_or_else(|| "the file is not there".to_owned(), |committed| first_difference(&committed, &fresh));
            bail!("{path} is not what the code generates: {difference}\nrun `cargo xtask codegen` and commit the file");
        } else {
            std::fs::create_dir_all(file.parent().context("a generated file has no directory")?)?;
            std::fs::write(&file, &fresh).with_context(|| format!("cannot write {path}"))?;
            eprintln!("{path} written");
        }
    }
    Ok(())
}

fn read_if_there(file: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

fn with_final_newline(mut text: String) -> String {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// The first line that differs, as both sides have it.
fn first_difference(committed: &str, fresh: &str) -> String {
    let (mut old, mut new) = (committed.lines(), fresh.lines());
    for number in 1.. {
        match (old.next(), new.next()) {
            (None, None) => break,
            (before, after) if before == after => {}
            (before, after) => {
                let shown = |line: Option<&str>| line.unwrap_or("(end of file)").to_owned();
                return format!("line {number}\n  committed: {}\n  generated: {}", shown(before), shown(after));
            }
        }
    }
    "only the line ends differ".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_shown_with_both_sides() {
        assert_eq!(first_difference("a\nb\nc\n", "a\nx\nc\n"), "line 2\n  committed: b\n  generated: x");
    }

    #[test]
    fn a_missing_line_is_a_difference() {
        assert_eq!(first_difference("a\n", "a\nb\n"), "line 2\n  committed: (end of file)\n  generated: b");
    }

    #[test]
    fn line_ends_are_named_when_nothing_else_differs() {
        assert_eq!(first_difference("a\r\n", "a\n"), "only the line ends differ");
    }
}
