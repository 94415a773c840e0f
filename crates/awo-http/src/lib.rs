//! The HTTP interface of agent work orders: routes, wire types, problems, and who may call.
//!
//! *Invariant*: no business rules, no store, no processes, no configuration; everything is asked of
//! [`WorkOrders`](awo_engine::WorkOrders).
//! *Boundary*: what goes over the wire is a type of this crate, described by [`openapi()`], locked by snapshots.
//!
//! | what is decided | where |
//! |---|---|
//! | which routes there are | `routes.rs` |
//! | which names we answer to, and which pages | `hosts.rs` |
//! | what a key must be good for | `access.rs`, `routes.rs` |
//! | who calls, and how much one may ask | `door.rs`, `keys.rs` |
//! | what is recorded of it | `audit.rs` |
//! | what happens around every request | `edge.rs` |
//! | what is told of every request | `request_log.rs`, `figures.rs` |
//! | what a request for an order may say | `create/fields.rs` |
//! | what orders and steps look like | `views/` |
//! | what figures look like in columns | `handlers/stats/csv.rs` |
//! | which problems there are | `problem/types.rs` |
//! | what a connection may take | `serve.rs`, `serve/` |
//! | what browsers are shown | `dashboard.rs`, `dashboard/` |
//! | what streams send, and how they resume | `streams/` |

mod accept;
mod access;
mod answer;
mod api;
mod audit;
mod body;
mod create;
#[cfg(feature = "dashboard")]
mod dashboard;
mod door;
mod edge;
pub mod figures;
mod handlers;
mod hosts;
mod idempotency;
mod keys;
mod nearest;
mod openapi;
mod paths;
mod problem;
mod query;
mod quotas;
mod request_log;
mod routes;
mod serve;
mod streams;
mod version_tag;
mod views;
mod written;

pub use access::{ParseScopeError, Scope};
pub use api::{Api, Limits};
pub use audit::{AuditTrail, AuditedCall};
pub use hosts::{InvalidHost, InvalidPublicUrl};
pub use keys::{Key, KeyRing, KeyToken};
pub use routes::{openapi, router};
pub use serve::{Certificate, InvalidCertificate, InvalidProxy, Listener, Server, TrustedProxies};
