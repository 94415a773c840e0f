//! Tests of the engine against its ports.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod activity;
mod agent_files;
mod attempts;
mod budgets;
mod cancel;
mod claiming;
mod create;
mod figures;
mod follow_ups;
mod follow_ups_cut;
mod forge;
mod git_facts;
mod held;
mod leases;
mod lines;
mod long_outages;
mod neighbours;
mod notices;
mod order_log;
mod outages;
mod recovery;
mod repositories;
mod retention;
mod retry;
mod save_order;
mod slow_steps;
mod spill;
mod statistics;
mod timelines;
mod waiting;
