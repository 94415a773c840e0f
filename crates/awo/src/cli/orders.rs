//! Orders: what they are made of, how they are looked at, and what they are told.

use clap::{Args, ValueEnum};

use super::{Agents, LimitArguments};

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
    /// Labels that a worker must have to run it, separated by commas, where workers share the orders.
    #[arg(long, value_name = "LABELS", value_delimiter = ',')]
    pub(crate) labels: Vec<String>,
    /// Orders of a higher priority begin first, where workers share the orders: -100 to 100.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) priority: Option<i64>,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) order: OrderArguments,
    #[command(flatten)]
    pub(crate) agents: Agents,
    /// With --json: print one object a line for each thing that happens, not only the order as it ended.
    #[arg(long, requires = "json")]
    pub(crate) watch: bool,
    /// What Ctrl-C does: ask, cancel the order, or leave it for the next start.
    #[arg(long, value_enum, default_value_t = OnInterrupt::Ask)]
    pub(crate) on_interrupt: OnInterrupt,
}

/// What becomes of an order that somebody watches and does not want to watch any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnInterrupt {
    Ask,
    Cancel,
    Leave,
}

/// Whether an order is watched, and how that ends.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Watching {
    /// Follow until the order has ended; with --json one object a line for each thing that happens.
    #[arg(long)]
    pub(crate) watch: bool,
    /// What Ctrl-C does while it is followed: ask, cancel the order, or leave it.
    #[arg(long, value_enum, default_value_t = OnInterrupt::Ask, requires = "watch")]
    pub(crate) on_interrupt: OnInterrupt,
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
    #[command(flatten)]
    pub(crate) watching: Watching,
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
    /// Show the list as it changes, until Ctrl-C; with --json one object a line for each order that has changed.
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct One {
    /// The order: its id, or a unique end of it (four digits or more).
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct Start {
    /// The order: its id, or a unique end of it (four digits or more).
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) watching: Watching,
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
pub(crate) struct Retry {
    /// The order: its id, or a unique end of it (four digits or more).
    pub(crate) id: String,
    /// Step to begin with.
    #[arg(long, value_name = "STEP")]
    pub(crate) from_step: Option<String>,
    #[command(flatten)]
    pub(crate) watching: Watching,
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
    #[command(flatten)]
    pub(crate) watching: Watching,
}

#[derive(Debug, Args)]
pub(crate) struct Steps {
    /// The order: its id, or a unique end of it (four digits or more).
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) watching: Watching,
    /// Print the outputs in full.
    #[arg(long)]
    pub(crate) full: bool,
    /// Print what the agent of this step said and did, as its program wrote it: of its last attempt that has ended.
    #[arg(long, value_name = "STEP", conflicts_with_all = ["watch", "full"])]
    pub(crate) transcript: Option<String>,
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
