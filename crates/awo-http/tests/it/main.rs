//! The interface as a client sees it.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod activity;
mod artifacts;
mod changes;
mod create;
mod crowds;
mod delete;
mod drain;
mod events;
mod floods;
mod frames;
mod github;
mod gone;
mod guard;
mod guarded;
mod health;
mod http2;
mod keys;
mod limits;
mod listening;
mod logs;
mod openapi;
mod orders;
mod pollers;
mod prompts;
mod requests;
mod serve;
mod sockets;
mod sse;
mod steps;
mod stores;
mod streams;
mod support;
mod tricks;
mod wait;
mod websocket;
