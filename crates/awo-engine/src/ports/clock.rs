//! The port to time and chance.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use awo_models::{OrderId, Timestamp};

/// Time and random bytes, passed in so that runs can be replayed.
///
/// ```
/// use awo_engine::ports::{Clock, SystemClock};
/// let clock = SystemClock::default();
/// assert_ne!(clock.order_id(), clock.order_id());
/// assert!(clock.monotonic() <= clock.monotonic());
/// ```
pub trait Clock: Debug + Send + Sync {
    /// The time of day. May jump.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment. Never goes back; durations are taken from it.
    fn monotonic(&self) -> Duration;

    /// Random bytes that nobody can guess.
    fn random(&self) -> [u8; 16];

    /// A new order id.
    fn order_id(&self) -> OrderId {
        let mut random = [0; 10];
        random.copy_from_slice(&self.random()[..10]);
        OrderId::new(u64::try_from(self.now().as_millisecond()).unwrap_or(0), random)
    }
}

/// The machine's clock and random source.
#[derive(Debug, Clone)]
pub struct SystemClock {
    origin: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        bytes
    }
}
