//! Owns the script of the demo.

use super::Script;

/// A script for every step of the built-in workflows.
pub(super) fn script() -> Script {
    Script::from_json(include_str!("demo.json")).expect("the built-in script is a script")
}
