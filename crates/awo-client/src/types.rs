//! What goes over the wire, as the OpenAPI document describes it. Fields that are not known are ignored: a newer server may
//! send more.

mod event;
mod evidence;
mod git;
mod log;
mod order;
mod problem;
mod repository;
mod request;
mod server;
mod stats;
mod step;
mod workers;

pub use event::*;
pub use evidence::*;
pub use git::*;
pub use log::*;
pub use order::*;
pub use problem::*;
pub use repository::*;
pub use request::*;
pub use server::*;
pub use stats::*;
pub use step::*;
pub use workers::*;
