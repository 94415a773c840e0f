//! Fakes, fixtures and faults that the tests of awo share. A dev-dependency only.
//!
//! [`World`] is the usual way in: an engine whose agent, checkout, forge and prompts are fakes in memory, whose
//! repository can be made to fail, and whose calls are written down in order. [`repository`] makes real repositories,
//! [`programs`] and [`DirectedAgent`] real agent programs, [`hostile`] those that misbehave, [`Program`] the real program with a real server.

#![expect(clippy::missing_panics_doc, reason = "fakes panic when a test misuses them")]

mod agent;
mod clock;
mod directed;
mod faults;
mod forge;
mod github;
pub mod hostile;
pub mod http;
#[cfg(feature = "model-server")]
mod model_server;
pub mod programs;
mod prompts;
pub mod repository;
mod sandbox;
mod server;
mod spill;
mod timeline;
mod waiting;
mod world;

pub use agent::{FakeAgent, Play, right};
pub use clock::ManualClock;
pub use directed::{Call, DirectedAgent, ROLES};
pub use faults::{Fault, ObservedRepository};
pub use forge::FakeForge;
pub use github::{FakeGithub, FakeIssue, FakePullRequest, GithubState, Turn};
#[cfg(feature = "model-server")]
pub use model_server::{Hang, ModelRequest, ModelServer, Progress, Script, ScriptError, Step, Tokens};
pub use prompts::PlainPrompts;
pub use sandbox::{FakeSandboxes, Files};
pub use server::{Program, Server, group_runs, kill};
pub use spill::FakeSpills;
pub use timeline::Timeline;
pub use waiting::{eventually, until};
pub use world::World;
