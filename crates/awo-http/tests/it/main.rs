//! The interface as a client sees it.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod activity;
mod artifacts;
mod changes;
mod create;
mod delete;
mod docs;
mod events;
mod github;
mod gone;
mod guard;
mod guarded;
mod health;
mod keys;
mod limits;
mod logs;
mod openapi;
mod orders;
mod pollers;
mod prompts;
mod repositories;
mod serve;
mod sockets;
mod sse;
mod steps;
mod stores;
mod streams;
mod support;
mod wait;
mod websocket;
