//! The workers that share the orders.

use super::Client;
use crate::call::{Asked, Call};
use crate::operation::Operation;
use crate::types::WorkerList;

impl Client {
    /// Lists the workers that share the orders.
    pub fn list_workers(&self) -> Call<WorkerList> {
        Call::json(self, Asked::new(Operation::ListWorkers, &[]))
    }

    /// Lets no worker begin an order any more; what runs goes on.
    pub fn pause_queue(&self) -> Call<WorkerList> {
        Call::json(self, Asked::new(Operation::PauseQueue, &[]))
    }

    /// Lets workers begin orders again.
    pub fn resume_queue(&self) -> Call<WorkerList> {
        Call::json(self, Asked::new(Operation::ResumeQueue, &[]))
    }
}
