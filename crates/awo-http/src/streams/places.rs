//! How many streams there may be at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{Problem, ProblemType};

/// Seconds after which a client may ask for a place again.
const PAUSE: u32 = 5;

/// The places of streams. One is taken when a stream begins and free again when it ends, however it ends.
#[derive(Debug, Clone)]
pub(crate) struct StreamPlaces {
    places: Arc<Semaphore>,
    all: u32,
}

impl StreamPlaces {
    pub(crate) fn new(all: u32) -> Self {
        Self { places: Arc::new(Semaphore::new(all as usize)), all }
    }

    /// A place, if one is free.
    pub(crate) fn take(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            let detail = format!("{} streams are open, and no more may be; close one, or poll instead", self.all);
            Problem::new(ProblemType::TooManyStreams, detail).retry_after(PAUSE)
        })
    }

    /// Waits until every stream has ended.
    pub(crate) async fn all_free(&self) {
        let _ = self.places.acquire_many(self.all).await;
    }
}
