//! What runs orders, and with which agents.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::settings::Bind;

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
    /// Take requests and run no orders: workers do, on the same database.
    #[arg(long)]
    pub(crate) no_run: bool,
    #[command(flatten)]
    pub(crate) agents: Agents,
}

#[derive(Debug, Args)]
pub(crate) struct Worker {
    /// Labels that this worker has, with commas between; orders that ask for labels wait for a worker that has all of them.
    #[arg(long, value_name = "LABELS", value_delimiter = ',')]
    pub(crate) labels: Vec<String>,
    #[arg(long, value_name = "COUNT", help = "Orders that run at once [env: AWO_MAX_RUNNING] [default: 8]")]
    pub(crate) max_running: Option<usize>,
    #[command(flatten)]
    pub(crate) agents: Agents,
}

#[derive(Debug, Args)]
pub(crate) struct Workers {
    #[command(subcommand)]
    pub(crate) command: Option<WorkersCommand>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum WorkersCommand {
    /// Let no worker begin an order, on any machine, until the queue is resumed. What runs goes on.
    Pause,
    /// Let workers begin orders again.
    Resume,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Keep the sample repository and leave the server running until Ctrl-C.
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Recover {
    /// Only say what would be done with each order.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) agents: Agents,
}
