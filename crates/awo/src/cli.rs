//! The command line.

mod limits;
mod stats;

use std::path::PathBuf;
use std::time::Duration;

use awo_http::Scope;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use limits::LimitArguments;
pub(crate) use stats::Stats;

use crate::settings::Bind;

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 failed, 2 input that cannot be used, 3 cancelled, 4 no such order, 5 server or store out of reach.
Settings come from flags, then AWO_* variables, then the file given by --config (TOML), then defaults.";

/// Runs coding agents through small steps; every step is saved and visible the moment it ends.
#[derive(Debug, Parser)]
#[command(name = "awo", version, after_help = AFTER_HELP, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        help = "Where orders, workspaces and artifacts are kept [env: AWO_DATA_DIR]"
    )]
    pub(crate) data_dir: Option<PathBuf>,
    #[arg(long, global = true, value_name = "FILE", help = "Settings file (TOML) [env: AWO_CONFIG]")]
    pub(crate) config: Option<PathBuf>,
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        help = "What is logged: error, warn, info, debug, trace, or a filter such as awo_engine=debug [env: AWO_LOG_LEVEL]"
    )]
    pub(crate) log_level: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        help = "Server to ask, instead of the one that has the data directory: http://…, https://… or unix:PATH [env: AWO_SERVER]"
    )]
    pub(crate) server: Option<String>,
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the API and run orders.
    Serve(Serve),
    /// Run one order in the foreground, with a server if one has the data directory, else without.
    Run(Run),
    /// Show everything on a sample repository with a scripted agent; nothing leaves this machine.
    Demo(Demo),
    /// Create an order on the server that has the data directory.
    Create(Create),
    /// List orders, newest first.
    List(List),
    /// Show one order.
    Show(One),
    /// Show the steps of an order.
    Steps(Steps),
    /// Show what an order changed so far, or what one of its steps did, as a unified diff.
    Diff(Diff),
    /// Show what the work of an order says about itself.
    Logs(Logs),
    /// Show how long steps take, what they cost, and why they fail.
    Stats(Stats),
    /// Start an order that was created with --hold.
    Start(One),
    /// Cancel an order.
    Cancel(One),
    /// Try an order that has ended again, from its first step that is not done or from an earlier one.
    Retry(Retry),
    /// Say something more to an order: it becomes a further step, in the agent's last session where that can go on.
    Prompt(Prompt),
    /// Go on with the orders that an earlier life left, until they have ended; a server does so by itself.
    Recover(Recover),
    /// Look after what is stored: check it, mend it, move it, clear it up.
    State(State),
    /// Look after the checkouts that agents worked in.
    Workspace(Workspace),
    /// Look after the repositories that orders are often made for.
    Repo(Repo),
    /// Make, list and revoke keys of the API.
    Keys(Keys),
    /// Print a link that lets a browser in to the server, once, within five minutes. Asks with your own key.
    LoginLink,
    /// Show who changed what, oldest first.
    Audit(Audit),
    /// Check what awo needs on this machine.
    Doctor(Agents),
    /// Print the OpenAPI document.
    #[command(hide = true)]
    Openapi,
}

/// Which agent does the work, and how it may.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Agents {
    #[arg(
        long,
        value_name = "NAME",
        help = "Agent of orders that name none: claude, codex, gemini, opencode, scripted, or one of the settings file [env: AWO_AGENT]"
    )]
    pub(crate) agent: Option<String>,
    /// Let the agent use its tools without asking also where there are no walls: it can then do what your account can do.
    #[arg(long)]
    pub(crate) skip_permissions: bool,
    #[arg(
        long = "commands",
        value_name = "DIR",
        help = "Prompts that replace the built-in ones, as NAME.md [env: AWO_COMMANDS_DIR]"
    )]
    pub(crate) commands_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[arg(
        long,
        value_name = "ADDRESS",
        help = "Address to listen on, or none; others than of loopback ask for keys [env: AWO_BIND] [default: 127.0.0.1:8888]"
    )]
    pub(crate) bind: Option<Bind>,
    #[arg(long, value_name = "PATH", help = "Socket to listen on, too, for this account only [env: AWO_SOCKET]")]
    pub(crate) socket: Option<PathBuf>,
    #[arg(long, value_name = "BACKEND", help = "Where state lives [env: AWO_STATE] [default: file]")]
    pub(crate) state: Option<String>,
    #[command(flatten)]
    pub(crate) agents: Agents,
}

/// What an order is made of.
#[derive(Debug, Clone, Args)]
pub(crate) struct OrderArguments {
    /// What you want, in your words.
    pub(crate) request: String,
    /// Repository: an address, or the path of one on this machine.
    #[arg(long, value_name = "PATH_OR_URL", default_value = ".")]
    pub(crate) repo: String,
    /// Commands to run instead of the plan workflow, separated by commas.
    #[arg(long, value_name = "COMMANDS", value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// Optional steps to add: review, test.
    #[arg(long, value_name = "STEPS", value_delimiter = ',')]
    pub(crate) with: Vec<String>,
    /// Issue that the request is about.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) issue: Option<String>,
    /// Branch to start from.
    #[arg(long, value_name = "BRANCH")]
    pub(crate) base_branch: Option<String>,
    /// Model for the agent.
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// Walls around the agent: auto (bubblewrap where it works, else none), bubblewrap, landlock, or none.
    #[arg(long, value_name = "WALLS")]
    pub(crate) isolation: Option<String>,
    /// What the agent has of the network: auto (the proxy within bubblewrap, else host), proxy, off, or host.
    #[arg(long, value_name = "NETWORK")]
    pub(crate) network: Option<String>,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) order: OrderArguments,
    #[command(flatten)]
    pub(crate) agents: Agents,
    /// What Ctrl-C does: ask, cancel the order, or leave it for the next start.
    #[arg(long, value_enum, default_value_t = OnInterrupt::Ask)]
    pub(crate) on_interrupt: OnInterrupt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnInterrupt {
    Ask,
    Cancel,
    Leave,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Keep the sample repository and leave the server running until Ctrl-C.
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    #[command(flatten)]
    pub(crate) order: OrderArguments,
    /// Agent that does the work.
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Keep it, and run it when `awo start` says so.
    #[arg(long)]
    pub(crate) hold: bool,
    /// Key against doubled requests: the same key answers with the same order.
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only orders with this status; may be repeated.
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Vec<String>,
    /// Only orders whose request, repository, branch or id contains this.
    #[arg(long, value_name = "TEXT")]
    pub(crate) search: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
}

#[derive(Debug, Args)]
pub(crate) struct One {
    /// The order: its id, or a unique end of it (four digits or more).
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The order: its id, or a unique end of it (four digits or more).
    pub(crate) id: String,
    /// Only what one result changed: its place in the history, from 1.
    #[arg(long, value_name = "N")]
    pub(crate) step: Option<std::num::NonZeroUsize>,
}

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
pub(crate) struct Retry {
    /// The order: its id, or a unique end of it (four digits or more).
    pub(crate) id: String,
    /// Step to begin with.
    #[arg(long, value_name = "STEP")]
    pub(crate) from_step: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Prompt {
    /// The order: its id, or a unique end of it (four digits or more).
    pub(crate) id: String,
    /// What you want, in your words.
    pub(crate) text: String,
    /// Key against doubled requests: the same key brings the prompt once.
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Recover {
    /// Only say what would be done with each order.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) agents: Agents,
}

#[derive(Debug, Args)]
pub(crate) struct Steps {
    /// The order: its id, or a unique end of it (four digits or more).
    pub(crate) id: String,
    /// Follow until the order has ended.
    #[arg(long)]
    pub(crate) watch: bool,
    /// Print the outputs in full.
    #[arg(long)]
    pub(crate) full: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The order: its id, or a unique end of it (four digits or more).
    pub(crate) id: String,
    /// Go on with new lines as they are written, until Ctrl-C.
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Only lines of these levels: debug, info, warning, error.
    #[arg(long, value_name = "LEVELS", value_delimiter = ',')]
    pub(crate) level: Vec<String>,
    /// Only lines about this step.
    #[arg(long, value_name = "STEP")]
    pub(crate) step: Option<String>,
    /// Only lines of this time (RFC 3339) or later.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only lines that contain this text, whatever its case.
    #[arg(long, value_name = "TEXT")]
    pub(crate) search: Option<String>,
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
    /// Write orders as JSON lines, for `awo state import`. Artifacts are files: copy the directory `artifacts` as well.
    Export(Export),
    /// Take orders in that `awo state export` wrote. What is there already is never changed.
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
}

#[derive(Debug, Args)]
pub(crate) struct Gc {
    /// Only say what would go.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Arguments::command().debug_assert();
    }
}
