//! The arguments of `awo stats`.

use clap::Args;

/// Which attempts of steps are counted, and by what.
#[derive(Debug, Args)]
pub(crate) struct Stats {
    #[arg(
        long,
        value_name = "N",
        conflicts_with_all = ["since", "until"],
        value_parser = clap::value_parser!(u32).range(1..=3650),
        help = "Those that ended in the last so many days [default: 30]"
    )]
    pub(crate) days: Option<u32>,
    /// Those that ended at this time (RFC 3339) or later.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Those that ended before this time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Only those of exactly this repository.
    #[arg(long, value_name = "URL")]
    pub(crate) repo: Option<String>,
    /// Only those of this agent.
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Only those of this model.
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// Only those of this step; prompt for all that prompts became.
    #[arg(long, value_name = "STEP")]
    pub(crate) step: Option<String>,
    /// Only those of orders with this workflow; `selected_commands` for orders without one.
    #[arg(long, value_name = "WORKFLOW")]
    pub(crate) workflow: Option<String>,
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        help = "What is counted together: step, agent, model, repository_url, workflow_type [default: step,agent]"
    )]
    pub(crate) by: Vec<String>,
    /// So many of the slowest orders.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) slowest: u32,
    /// Print lines and columns (CSV) instead of text.
    #[arg(long)]
    pub(crate) csv: bool,
}
