//! Who goes first when there are not processors enough for all: whoever answers people, and then the agents.

use std::fs;

/// How far what is kept steps back, as `nice` counts.
const STEPS: i32 = 10;

/// Where Linux keeps how far a session steps back. Where it shares processors out by session, `nice` counts only between
/// processes of the same one, and each keeper has a session of its own.
const SESSION: &str = "/proc/self/autogroup";

/// Lets others go first, for this process and all that it starts. Nothing depends on it, so that it may fail.
pub(super) fn step_back() {
    let _ = rustix::process::nice(STEPS);
    let _ = fs::write(SESSION, STEPS.to_string());
}
