//! The interface as a client sees it.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod activity;
mod create;
mod events;
mod github;
mod guard;
mod health;
mod openapi;
mod orders;
mod pollers;
mod prompts;
mod serve;
mod steps;
mod stores;
mod support;
mod wait;
