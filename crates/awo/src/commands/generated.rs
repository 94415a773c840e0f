//! `awo completions` and `awo man`: what is made from the description of the command line.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_mangen::Man;

use crate::cli::{Arguments, Completions, Manual};
use crate::terminal::{output, say};

pub(crate) fn completions(completions: &Completions) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Arguments::command(), "awo", &mut script);
    output::bytes(&script);
    ExitCode::SUCCESS
}

pub(crate) fn manual(manual: &Manual) -> anyhow::Result<ExitCode> {
    let command = Arguments::command();
    let Some(directory) = &manual.directory else {
        let mut page = Vec::new();
        Man::new(command).render(&mut page).context("cannot make the manual page")?;
        output::bytes(&page);
        return Ok(ExitCode::SUCCESS);
    };
    let written = std::fs::create_dir_all(directory).and_then(|()| clap_mangen::generate_to(command, directory));
    written.with_context(|| format!("cannot write manual pages to {}", directory.display()))?;
    say!("the pages are in {}; `man -l {}` shows the first", directory.display(), directory.join("awo.1").display());
    Ok(ExitCode::SUCCESS)
}
