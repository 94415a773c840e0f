//! What looks after checkouts, repositories, keys and what is stored.

use std::path::PathBuf;
use std::time::Duration;

use awo_http::Scope;
use clap::{Args, Subcommand};

use super::One;

#[derive(Debug, Args)]
pub(crate) struct Workspace {
    #[command(subcommand)]
    pub(crate) command: WorkspaceCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkspaceCommand {
    /// List the checkouts, what they take, and what would be lost with them.
    List,
    /// Print where the checkout of an order is.
    Path(One),
    /// Start your shell in the checkout of an order.
    Open(One),
    /// Remove checkouts of orders that have ended. What is nowhere else stays, unless --force is given.
    Gc(WorkspaceGc),
}

#[derive(Debug, Args)]
pub(crate) struct WorkspaceGc {
    /// Only these orders: ids, or unique ends of them (four digits or more); all, if none is given.
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Only say what would go.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also remove work that was never pushed, and what belongs to orders that are not there.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Repo {
    #[command(subcommand)]
    pub(crate) command: RepoCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RepoCommand {
    /// Configure a repository, once it is seen at GitHub with the token that awo finds.
    Add(RepoAdd),
    /// List the configured repositories, newest first.
    List,
    /// Remove a configured repository. Its orders stay.
    Remove(RepoOne),
    /// Look a repository up at GitHub, with the token that awo finds; of a configured one, keep what came of it.
    Verify(RepoOne),
}

#[derive(Debug, Args)]
pub(crate) struct RepoAdd {
    /// Address of the repository.
    pub(crate) url: String,
    /// Add it unseen, for example one that is not on GitHub.
    #[arg(long)]
    pub(crate) no_verify: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RepoOne {
    /// The repository: its address, or the id of a configured one.
    pub(crate) repository: String,
}

#[derive(Debug, Args)]
pub(crate) struct Notify {
    #[command(subcommand)]
    pub(crate) command: NotifyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// Tell them that nothing happened, and say whether each took it.
    Test(NotifyTest),
}

#[derive(Debug, Args)]
pub(crate) struct NotifyTest {
    /// Only those of this name.
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and print it, once.
    Create(KeyCreate),
    /// List the keys: what they are good for, until when, and when they were used last.
    List,
    /// Take a key back, for good. What it has open ends.
    Revoke(KeyRevoke),
}

#[derive(Debug, Args)]
pub(crate) struct KeyCreate {
    /// What it is good for; may be repeated: orders:read, orders:write, repositories:write, metrics:read, admin.
    #[arg(long, value_name = "SCOPE", required = true)]
    pub(crate) scope: Vec<Scope>,
    /// How long it is good: 30d, 12h, 45m. For ever, if not given.
    #[arg(long, value_name = "TIME", value_parser = crate::commands::duration)]
    pub(crate) expires: Option<Duration>,
    /// What you call it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) label: String,
}

#[derive(Debug, Args)]
pub(crate) struct KeyRevoke {
    /// The key: its id, the middle of its text.
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// At most so many, the newest.
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: u16,
}

#[derive(Debug, Args)]
pub(crate) struct State {
    #[command(subcommand)]
    pub(crate) command: StateCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// Read everything in the data directory and say what is wrong, where, and what it means. Changes nothing.
    Verify(Verify),
    /// Write orders as JSON lines, for `awo state import`. Artifacts are not in it: `awo state import --from` takes them, too.
    Export(Export),
    /// Take orders in that `awo state export` wrote, or all of another data directory. What is there is never changed.
    Import(Import),
    /// Delete ended orders beyond the limits of `[retention]`, and what belongs to no order. A server does it by itself.
    Gc(Gc),
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Mend what can be mended; needs the data directory for itself. What is taken out is kept beside it.
    #[arg(long)]
    pub(crate) repair: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// File to write, once it is whole; without it, to the standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Orders: ids, or unique ends of them (four digits or more); all, if none is given.
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// File to read; `-` is the standard input.
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
    /// Data directory whose orders, with their artifacts and logs, repositories and keys are taken over, such as into a
    /// database. Nobody may write in it.
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    pub(crate) from: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Gc {
    /// Only say what would go.
    #[arg(long)]
    pub(crate) dry_run: bool,
}
