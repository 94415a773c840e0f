//! Tests of the engine against its ports.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agent_files;
mod cancel;
mod claiming;
mod create;
mod figures;
mod forge;
mod lines;
mod long_outages;
mod order_log;
mod outages;
mod recovery;
mod retention;
mod retry;
mod save_order;
mod spill;
mod timelines;
