//! Clocks of which a test knows the time: it stands still until it is told, or is that of the runtime.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use awo_engine::ports::Clock;
use awo_models::Timestamp;

/// Time begins at 2026-01-01T00:00:00Z; "random" bytes are a counter, so ids are the same in every run.
#[derive(Debug, Default)]
pub struct ManualClock {
    state: Mutex<(Duration, u64)>,
    runtime: Option<tokio::time::Instant>,
}

/// Seconds from 1970 to the beginning of 2026.
const BEGIN: i64 = 1_767_225_600;

impl ManualClock {
    /// A clock that goes with the runtime's: in a test whose time is paused, it jumps to whatever is waited for.
    pub fn of_the_runtime() -> Self {
        Self { runtime: Some(tokio::time::Instant::now()), ..Self::default() }
    }

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
        let passed = self.state.lock().unwrap_or_else(PoisonError::into_inner).0;
        passed + self.runtime.map(|begun| begun.elapsed()).unwrap_or_default()
    }

    fn random(&self) -> [u8; 16] {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.1 += 1;
        u128::from(state.1).to_le_bytes().map(|b| b ^ 0x5a)
    }
}
