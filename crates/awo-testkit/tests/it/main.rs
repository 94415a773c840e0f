//! Programs that misbehave, faced with what has to bear them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod drivers;
mod processes;
mod runner;
mod walls;
