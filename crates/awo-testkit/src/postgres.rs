//! PostgreSQL for tests: schemas in the server that `cargo xtask test` starts, and servers of a test's own.

mod cluster;
mod disk;
mod messages;
mod proxy;
mod schema;

pub use cluster::{Cluster, ClusterError, ClusterOptions};
pub use proxy::Proxy;
pub use rustix::process::Signal;
pub use schema::{Held, TestSchema};
