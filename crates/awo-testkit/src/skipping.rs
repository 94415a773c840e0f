//! Owns how a test says that it had nothing to try on this machine.

/// Says that a test is skipped, and why.
///
/// # Panics
/// In a continuous integration, where nothing may be skipped.
pub fn skipped(reason: &str) {
    let in_ci = std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
    assert!(!in_ci, "nothing may be skipped in a continuous integration: {reason}");
    eprintln!("SKIPPED: {reason}");
}
