//! A clock that stands still until it is told.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use awo_engine::ports::Clock;
use awo_models::Timestamp;

/// Time begins at 2026-01-01T00:00:00Z; "random" bytes are a counter, so ids are the same in every run.
#[derive(Debug, Default)]
pub struct ManualClock {
    state: Mutex<(Duration, u64)>,
}

/// Seconds from 1970 to the beginning of 2026.
const BEGIN: i64 = 1_767_225_600;

impl ManualClock {
    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0 += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(BEGIN).expect("a time in range") + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn random(&self) -> [u8; 16] {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.1 += 1;
        u128::from(state.1).to_le_bytes().map(|b| b ^ 0x5a)
    }
}
