//! The orchestrator of agent work orders: runs steps through ports and saves each the moment it ends.
//!
//! *Invariant*: the engine knows traits only. It starts no process, opens no file, speaks no HTTP, reads no environment
//! variable and names no backend; all that stands behind [`ports`] and `StateRepository`.
//! *Boundary*: front ends, ours included, use [`WorkOrders`] and nothing else.
//!
//! | what is decided | where |
//! |---|---|
//! | when what is saved: **the run loop** | `run.rs` |
//! | what comes next in an order | `progress.rs` |
//! | whether an order that was held can be started | `starting.rs` |
//! | whether an order takes a follow-up prompt, and in which session it runs | `prompting.rs`, `follow_ups.rs` |
//! | what becomes of an order that somebody left | `recovery.rs`, `workspace.rs` |
//! | whether and how long an order waits | `waiting.rs`, `parking.rs`, `suspension.rs` |
//! | what an order may use, and when it is used up | `budget.rs` |
//! | what a claim says, and how it gets stored | `claim.rs`, `claiming.rs` |
//! | what happens when the store fails | `recorder.rs` |
//! | what an order's own log says, and how it gets there | `chronicle.rs` |
//! | what becomes of results that the store did not take | `spilling.rs` |
//! | what a goal asks, does and proves | `steps/goals.rs` |
//! | what people see of an agent at work, here and in other processes | `activity.rs`, `watching.rs` |
//! | how long steps take, and what they cost | `statistics.rs`, `statistics/` |
//! | when a step is slow | `slowness.rs` |
//! | what an answer means | `answers.rs` |
//! | which text closes no mark in a prompt | `fence.rs` |
//! | which steps there are | `workflows.rs` |
//! | what may be asked for | `new_order.rs` |
//! | what is kept of orders that have ended | `retention.rs` |
//! | when one is deleted on request | `deleting.rs` |
//! | what is kept of repositories, and what of it is looked up | `repositories.rs` |
//! | what was last seen of the agents | `agent_health.rs` |
//! | which request the present work is for | `cause.rs` |
//! | what is told of orders as spans | `traces.rs` |
//! | who outside is told of orders, and how often | `notifying.rs` |
//! | what the engine is made of | `builder.rs` |
//! | how many run, and what becomes of a defect | `dispatching.rs` |
//! | what recovery finds, how it ends | `orchestrator.rs` |
//! | how long a lease is good, and what is asked for | `leasing.rs` |
//! | how orders are taken by leases, and leases kept | `taking.rs`, `renewing.rs` |

mod activity;
mod agent_health;
mod answers;
mod branch_name;
mod budget;
mod builder;
mod cancelling;
mod cause;
mod chronicle;
mod claim;
mod claiming;
mod deleting;
mod disk_use;
mod dispatching;
mod engine;
mod entering;
mod error;
mod fence;
pub mod figures;
mod fleet;
mod follow_ups;
mod former_owner;
mod git_facts;
mod hints;
mod issue_reference;
mod issue_text;
mod leasing;
mod left_behind;
mod live;
mod neighbours;
mod new_order;
mod notifying;
mod orchestrator;
mod parking;
mod path_policy;
pub mod ports;
mod progress;
mod prompting;
mod pull_request;
mod queue;
mod recorder;
mod recovery;
mod renewing;
mod repositories;
mod retention;
mod retrying;
mod run;
mod slowness;
mod snapshots;
mod spilling;
mod starting;
mod statistics;
mod steps;
mod suspension;
mod taking;
pub mod traces;
mod waiting;
mod watching;
mod work_orders;
mod workflows;
mod workspace;
mod workspaces;

pub use activity::{ActivityEntry, ActivityHint, StepActivity};
pub use agent_health::AgentStatus;
pub use awo_state::{
    ArtifactContent, ArtifactStore, BoxError, Catalog, CatalogError, Change, ChangeFeed, ConfiguredRepository, Fleet,
    LeaseLimits, Leases, LogEntry, LogLevel, LogLine, LogPage, LogQuery, OrderLog, OrderQuery, OrderRow, OrderSnapshot,
    Page, SeenWorker, StateError, StateRepository, Told, ToldStore, Worker,
};
pub use builder::OrchestratorBuilder;
pub use cause::{carried, for_request};
pub use disk_use::DiskUse;
pub use engine::Settings;
pub use error::{EngineError, FieldError};
pub use fence::fenced;
pub use fleet::SharedFleet;
pub use git_facts::GitProgress;
pub use hints::{Hint, HintCursor, HintsSince, Origin, ParseHintCursorError};
pub use leasing::LeaseTerms;
pub use live::Persistence;
pub use new_order::{LABEL_RULE, MAX_ATTEMPTS, NewOrder, PRIORITIES, is_label};
pub use orchestrator::Orchestrator;
pub use prompting::Prompted;
pub use recovery::{Forecast, Foreseen, ForeseenOrder};
pub use repositories::{LookedUp, RepositoryChange};
pub use retention::{EndedOrder, Expired, Limit, Orphan, RetentionPolicy, Retired, plan as plan_retention};
pub use run::RunEnd;
pub use slowness::SlowPolicy;
pub use statistics::{
    Common, DayFigures, Dimension, Figures, OrderFigures, RecentAttempt, SELECTED_COMMANDS, StatsGroup, StatsQuery,
    StatsSummary, StatsWindow, StepStats,
};
pub use waiting::WaitingPolicy;
pub use work_orders::{Created, EngineHealth, ListedOrder, OrderList, OrderView, WorkOrders};
pub use workflows::{COMMANDS, OPTIONAL_STEPS, known_steps};
pub use workspaces::{KeptWorkspace, Loss};

/// The program in the README is compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
