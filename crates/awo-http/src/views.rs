//! Wire types: what orders, steps and events look like outside. They borrow; nothing is copied before it is written.
//!
//! Every field is always there; `null` stands for what is not known or not there.

mod activity;
mod artifacts;
mod event;
mod evidence;
mod git;
mod limits;
mod log;
mod order;
mod repository;
mod state;
mod stats;
mod step;
mod workers;

pub(crate) use artifacts::ArtifactListView;
pub(crate) use event::EventView;
pub(crate) use git::GitProgressView;
pub(crate) use log::{LogEntryView, LogPageView};
pub(crate) use order::{CreatedOrderView, OrderView};
pub(crate) use repository::{RepositoryVerificationView, RepositoryView};
pub(crate) use state::{ActivityNewsView, ChangeView, EndView, OrderStateView, ResetView};
pub(crate) use stats::{GroupView, StatsView};
pub(crate) use step::StepHistoryView;
pub(crate) use workers::{WorkerListView, WorkersDetail};

/// `ok`, or `degraded` while the store does not take an order's saves.
fn persistence_word(persistence: awo_engine::Persistence) -> &'static str {
    if persistence.degraded { "degraded" } else { "ok" }
}
