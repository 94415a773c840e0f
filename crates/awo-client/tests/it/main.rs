//! The client against the description of the interface, and against servers that go away.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod document;
mod following;
mod operations;
mod schemas;
mod scripted;
