//! The command line.

mod generated;
mod limits;
mod orders;
mod serving;
mod stats;
mod upkeep;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use generated::{Completions, Manual};
pub(crate) use limits::LimitArguments;
pub(crate) use orders::{Create, Diff, List, Logs, OnInterrupt, One, OrderArguments, Prompt, Retry, Run, Start, Steps};
pub(crate) use serving::{Agents, Demo, Recover, Serve, Worker, Workers, WorkersCommand};
pub(crate) use stats::Stats;
pub(crate) use upkeep::{
    Audit, Export, Import, KeyCreate, KeyRevoke, Keys, KeysCommand, Notify, NotifyCommand, NotifyTest, Repo, RepoAdd,
    RepoCommand, RepoOne, State, StateCommand, Workspace, WorkspaceCommand, WorkspaceGc,
};

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
    /// Run orders of a database that other processes share, without the API.
    Worker(Worker),
    /// List the workers that share orders, and pause or resume their queue.
    Workers(Workers),
    /// Run one order in the foreground, with a server if one has the data directory, else without.
    Run(Run),
    /// Show everything on a sample repository with a scripted agent; nothing leaves this machine.
    Demo(Demo),
    /// Create an order on the server that has the data directory.
    Create(Create),
    /// List orders, newest first.
    List(List),
    /// Show the orders that have not ended, as they go on, until Ctrl-C.
    Top,
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
    Start(Start),
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
    /// Make the schema in the database, or take it to the version of this program; a server does so at its start.
    Migrate,
    /// Look after the checkouts that agents worked in.
    Workspace(Workspace),
    /// Look after the repositories that orders are often made for.
    Repo(Repo),
    /// Look after who is told of orders: webhooks and programs of the settings.
    Notify(Notify),
    /// Make, list and revoke keys of the API.
    Keys(Keys),
    /// Print a link that lets a browser in to the server, once, within five minutes. Asks with your own key.
    LoginLink,
    /// Show who changed what, oldest first.
    Audit(Audit),
    /// Check what awo needs on this machine.
    Doctor(Agents),
    /// Print completions of commands and flags for a shell.
    Completions(Completions),
    /// Print the manual page, or write the pages of all commands.
    #[command(name = "man")]
    Manual(Manual),
    /// Print the OpenAPI document of the API.
    Openapi,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Arguments::command().debug_assert();
    }
}
