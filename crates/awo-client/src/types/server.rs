//! The server itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::WorkersDetail;

/// How the server is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Health {
    /// Whether new orders are taken.
    pub accepting: bool,
    /// What was last seen of them; looked at again in the background when it is older than a minute.
    pub agent_details: Vec<AgentDetail>,
    /// Names of the agents.
    pub agents: Vec<String>,
    /// Orders whose saves the store does not take at present.
    pub degraded_orders: u64,
    /// Walls that orders get which leave it to awo; null where that is not known.
    pub isolation: Option<IsolationHealth>,
    /// `degraded` while the store does not take the saves of some order.
    pub persistence: String,
    /// Orders that wait here.
    pub queued: u64,
    /// Orders that run here.
    pub running: u64,
    /// Always `agent-work-orders`.
    pub service: String,
    /// `healthy`, or `degraded` while saves are not acknowledged or no new orders are taken.
    pub status: String,
    /// Results of these that are not stored yet.
    pub unsaved_results: u64,
    /// Version of the program.
    pub version: String,
    /// Orders among them that only wait, for a limit to reset or for another attempt; they take no place.
    pub waiting: u64,
    /// The workers that share the orders, as they were seen last; looked at again in the background when that is older than
    /// five seconds. Null where the server is the only one, or nobody has looked yet.
    pub workers: Option<WorkersDetail>,
    /// What checkouts take of the disk; counted again in the background when it is older than five minutes. Null if that
    /// has not ended for the first time.
    pub workspaces: Option<WorkspacesDetail>,
}

/// An agent, and whether it can be used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AgentDetail {
    /// What to do about it.
    pub cure: Option<String>,
    /// `found`, `missing`, `not_needed` or `unknown`: whether a key or a login is there. Whether it is still good, only
    /// the service knows.
    pub login: Option<String>,
    /// Its name.
    pub name: String,
    /// What is in the way of using it.
    pub problem: Option<String>,
    /// Where the program is.
    pub program: Option<String>,
    /// When it was looked at; null if that has not ended for the first time, and all else is unknown then.
    pub seen_at: Option<String>,
    /// Whether nothing is known to be in the way of using it.
    pub usable: Option<bool>,
    /// Its version, as it says itself.
    pub version: Option<String>,
}

/// The walls of the server's machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IsolationHealth {
    /// `bubblewrap` or `none`; `refused` if such orders are refused.
    pub effective: String,
    /// Why there are no better ones; null if there is nothing to say.
    pub reason: Option<String>,
}

/// What checkouts take of the disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WorkspacesDetail {
    /// Bytes of them, with what was kept of their states.
    pub bytes: u64,
    /// Orders that have a checkout, or something left of one.
    pub orders: u64,
    /// When it was counted.
    pub seen_at: Timestamp,
}

/// That the process answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Live {
    /// Always `live`.
    pub status: String,
}

/// That new orders are taken and stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ready {
    /// Always `ready`.
    pub status: String,
}

/// What this service is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceInformation {
    /// Path of the orders.
    pub api: String,
    /// In one sentence.
    pub description: String,
    /// Path of the health.
    pub health: String,
    /// Path of the description of all routes.
    pub openapi: String,
    /// Always `agent-work-orders`.
    pub service: String,
    /// Version of the program.
    pub version: String,
}

/// A link that lets one browser in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LoginLink {
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// Open it in a browser. Whoever has it can use it, once.
    pub url: String,
}
