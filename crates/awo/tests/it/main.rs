//! The real program from outside: its binary, real git remotes, real agent processes, real kills.

#![expect(clippy::unwrap_used, reason = "test code")]

mod agents;
mod bad_input;
mod cancel;
mod clients;
mod command_line;
mod crash;
mod dashboard;
mod delivery;
mod figures;
mod follow_up;
mod github;
mod held;
mod injection;
mod keys;
mod listening;
mod load;
mod notices;
mod original;
mod outputs;
mod postgres;
mod real_agents;
mod recover;
mod remotes;
mod seed;
mod setting;
mod shutdown;
mod state_tools;
mod stats;
mod streams;
mod terminal;
mod time_limits;
#[cfg(feature = "otel")]
mod traces;
mod visibility;
mod waiting;
mod walls;
mod workers;
mod workspaces;
mod wrong_calls;
