//! What the server says about itself.

use serde_json::Value;

use super::Client;
use crate::call::{Asked, Call};
use crate::operation::Operation;
use crate::types::{Health, Live, Ready, ServiceInformation};

impl Client {
    /// Gets how the server is.
    pub fn get_health(&self) -> Call<Health> {
        Call::json(self, Asked::new(Operation::GetHealth, &[]))
    }

    /// Gets whether the process answers.
    pub fn get_liveness(&self) -> Call<Live> {
        Call::json(self, Asked::new(Operation::GetLiveness, &[]))
    }

    /// Gets whether new orders are taken and stored; an error says why not.
    pub fn get_readiness(&self) -> Call<Ready> {
        Call::json(self, Asked::new(Operation::GetReadiness, &[]))
    }

    /// Gets the figures, in the text format of Prometheus.
    pub fn get_metrics(&self) -> Call<String> {
        let asked = Asked::new(Operation::GetMetrics, &[]);
        Call::new(self, asked, |answer| Ok(String::from_utf8_lossy(&answer.body).into_owned()))
    }

    /// Gets what the service is.
    pub fn get_service(&self) -> Call<ServiceInformation> {
        Call::json(self, Asked::new(Operation::GetService, &[]))
    }

    /// Gets the description of all routes.
    pub fn get_openapi(&self) -> Call<Value> {
        Call::json(self, Asked::new(Operation::GetOpenapi, &[]))
    }
}
