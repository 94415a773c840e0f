//! Fakes, fixtures and faults that the tests of awo share. A dev-dependency only.
//!
//! [`World`] is the usual way in: an engine whose agent, checkout, forge and prompts are fakes in memory, whose
//! repository can be made to fail, and whose calls are written down in order. [`repository`] makes real repositories,
//! [`programs`] and [`DirectedAgent`] real agent programs, [`hostile`] those that misbehave, [`Program`] the real program with a real server,
//! [`browser`] a real browser, `postgres` a real database.

#![expect(clippy::missing_panics_doc, reason = "fakes panic when a test misuses them")]

mod agent;
pub mod browser;
mod certificates;
mod changes;
mod clock;
mod directed;
mod faults;
mod forge;
#[cfg(feature = "git-server")]
mod git_server;
mod github;
pub mod hostile;
pub mod http;
#[cfg(feature = "measure")]
pub mod instant;
mod leases;
#[cfg(feature = "model-server")]
mod model_server;
#[cfg(feature = "git-server")]
mod own_network;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod programs;
mod prompts;
mod receiver;
pub mod repository;
mod sandbox;
mod server;
mod skipping;
mod spill;
#[cfg(feature = "git-server")]
mod ssh_server;
mod terminal;
mod timeline;
mod waiting;
mod world;
#[cfg(feature = "measure")]
mod writer;

pub use agent::{FakeAgent, Play, right};
pub use certificates::TestCertificate;
pub use changes::LossyChanges;
pub use clock::ManualClock;
pub use directed::{Call, DirectedAgent, ROLES};
pub use faults::{Fault, ObservedRepository};
pub use forge::FakeForge;
#[cfg(feature = "git-server")]
pub use git_server::{GitFault, GitRequest, GitServer};
pub use github::{FakeGithub, FakeIssue, FakePullRequest, GithubState, Turn};
pub use leases::FailingLeases;
#[cfg(feature = "model-server")]
pub use model_server::{Hang, ModelRequest, ModelServer, Progress, Script, ScriptError, Step, Tokens};
#[cfg(feature = "git-server")]
pub use own_network::OwnNetwork;
pub use prompts::PlainPrompts;
pub use receiver::{Received, Receiver, Reply};
pub use sandbox::{FakeSandboxes, Files};
pub use server::{Program, Server, group_runs, kill};
pub use skipping::{has_landlock, skipped};
pub use spill::FakeSpills;
#[cfg(feature = "git-server")]
pub use ssh_server::SshServer;
pub use terminal::Terminal;
pub use timeline::Timeline;
pub use waiting::{eventually, until};
pub use world::World;
#[cfg(feature = "measure")]
pub use writer::{Writer, journal};
