//! Owns how a test says that it had nothing to try on this machine.

/// Whether the kernel has all that walls of Landlock need, so that there is nothing to be skipped.
#[cfg(target_os = "linux")]
pub fn has_landlock() -> bool {
    use landlock::{ABI, Access as _, AccessFs, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, Scope};
    let needed = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let needed = needed.handle_access(AccessFs::from_all(ABI::V6)).and_then(|it| it.scope(Scope::from_all(ABI::V6)));
    needed.and_then(Ruleset::create).is_ok()
}

/// The same where there is no such kernel.
#[cfg(not(target_os = "linux"))]
pub fn has_landlock() -> bool {
    false
}

/// Says that a test is skipped, and why.
///
/// # Panics
/// In a continuous integration, where nothing may be skipped.
pub fn skipped(reason: &str) {
    let in_ci = std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
    assert!(!in_ci, "nothing may be skipped in a continuous integration: {reason}");
    eprintln!("SKIPPED: {reason}");
}
