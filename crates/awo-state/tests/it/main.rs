//! Every backend through the one suite, and what only the files can do wrong.
#![expect(clippy::unwrap_used, reason = "test code")]

mod certified;
mod file_damage;
mod file_format;
mod file_salvage;
mod file_sharing;
mod fixtures;
mod forgetful;
mod lease_model;
mod model;
mod postgres;
mod store_fixtures;
mod store_format;
