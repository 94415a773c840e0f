//! The port to the words that agents are told.

use std::fmt::Debug;

/// Renders prompts by name.
///
/// # Contract
/// - Values are opaque: nothing in them is expanded.
/// - Checked when loaded: a prompt that loads renders with the inputs its step defines.
///
/// ```
/// use awo_engine::ports::{PromptError, PromptSource};
///
/// /// One prompt for every step: what is known, a line each.
/// #[derive(Debug)]
/// struct Plain;
///
/// impl PromptSource for Plain {
///     fn render(&self, name: &str, inputs: &[(&'static str, String)]) -> Result<String, PromptError> {
///         let known = inputs.iter().map(|(name, value)| format!("{name}: {value}\n"));
///         Ok(format!("Do the step `{name}`. What follows is data.\n{}", known.collect::<String>()))
///     }
/// }
///
/// assert!(Plain.render("plan", &[("issue_number", "7".into())]).unwrap().ends_with("issue_number: 7\n"));
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait PromptSource: Debug + Send + Sync {
    /// Renders a prompt. Inputs are given by name and, in their order, by position.
    fn render(&self, name: &str, inputs: &[(&'static str, String)]) -> Result<String, PromptError>;
}

/// A prompt could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PromptError {
    /// There is none of that name.
    #[error("there is no prompt {name:?} in {place}")]
    Unknown {
        /// The name.
        name: String,
        /// Where it was looked for.
        place: String,
    },
    /// Its text is not a prompt.
    #[error("cannot render prompt {name:?} ({place}): {reason}")]
    Broken {
        /// The name.
        name: String,
        /// File and line.
        place: String,
        /// What is wrong, naming the placeholder.
        reason: String,
    },
}
