//! What is made from this description of the command line.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell that they are for.
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Manual {
    /// Directory to write a page for each command to, such as ~/.local/share/man/man1. Without it, the page of awo itself is
    /// printed.
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
}
