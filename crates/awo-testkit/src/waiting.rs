//! Waits for what can be observed: the one way in which tests of real programs wait.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Long enough that only what never comes is given up.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks again and again until `look` sees it. What it is is only asked for when it does not come.
///
/// # Panics
/// If it does not come within a minute.
#[track_caller]
pub fn eventually<T>(what: &(impl Display + ?Sized), mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited for a minute, and it did not come: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Looks again and again until `holds`.
///
/// # Panics
/// If it does not within a minute.
#[track_caller]
pub fn until(what: &(impl Display + ?Sized), mut holds: impl FnMut() -> bool) {
    eventually(what, || holds().then_some(()));
}
