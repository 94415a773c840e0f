//! PostgreSQL for tests: schemas in the server that `cargo xtask test` starts, and servers of a test's own.

mod cluster;
mod messages;
mod proxy;
mod schema;

pub use cluster::{Cluster, ClusterError};
pub use proxy::Proxy;
pub use rustix::process::Signal;
pub use schema::{Held, TestSchema};
