//! The handlers: extract, call one method of `WorkOrders`, map to a view. Each one's name is its operation id.

pub(crate) mod artifacts;
pub(crate) mod docs;
pub(crate) mod events;
pub(crate) mod git;
pub(crate) mod github;
pub(crate) mod health;
pub(crate) mod login;
pub(crate) mod logs;
pub(crate) mod orders;
pub(crate) mod prompts;
pub(crate) mod repositories;
pub(crate) mod stats;
pub(crate) mod steps;
pub(crate) mod workers;

use std::sync::Arc;

use axum::extract::State;

use crate::api::Api;

/// What every handler is given.
pub(crate) type ApiState = State<Arc<Api>>;
