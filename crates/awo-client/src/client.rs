//! The client: a way to the interface, and a method for each operation.

mod access;
mod files;
mod orders;
mod repositories;
mod server;
mod stats;
mod steps;
mod workers;

use std::sync::Arc;

use crate::error::{BoxError, Error};
use crate::remote::Remote;
use crate::transport::Transport;

pub use orders::{ListOrders, OrderPage};
pub use stats::StatsQuery;
pub use steps::{LogQuery, StepsQuery};

/// A client of the interface. Cheap to clone.
///
/// Each method is named after the operation of the OpenAPI document that it calls.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) transport: Arc<dyn Transport>,
}

impl Client {
    /// A client of the server at an address: `http://127.0.0.1:8888`, `https://awo.example` (with the feature `tls`), or
    /// `unix:PATH` of a socket of this machine. It shows a key if there is one. Nothing is sent yet.
    pub fn new(address: &str, key: Option<&str>) -> Result<Self, Error> {
        Ok(Self::over(Arc::new(Remote::new(address, key)?)))
    }

    /// A client by another way.
    pub fn over(transport: Arc<dyn Transport>) -> Self {
        Self { transport }
    }

    pub(crate) fn unreachable(&self, cause: BoxError) -> Error {
        Error::Unreachable { place: self.transport.place().to_owned(), cause }
    }
}
