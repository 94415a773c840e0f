//! Names of artifacts.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// Name of an artifact of an order, safe as a file name: letters, digits, `.`, `_`, `-`; at most 128; no leading dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ArtifactName(std::sync::Arc<str>);

/// The text cannot name an artifact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an artifact name: expected 1 to 128 letters, digits, `.`, `_` or `-`, not beginning with `.`")]
pub struct InvalidArtifactName(String);

impl ArtifactName {
    /// Checks the text and makes a name of it.
    pub fn new(text: &str) -> Result<Self, InvalidArtifactName> {
        let fits = (1..=128).contains(&text.len())
            && !text.starts_with('.')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if fits { Ok(Self(text.into())) } else { Err(InvalidArtifactName(text.chars().take(160).collect())) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ArtifactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for ArtifactName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_its_directory() {
        assert!(ArtifactName::new("01-plan-1.transcript.jsonl").is_ok());
        for wrong in ["", ".", "..", "../x", "a/b", "a\\b", "a\0b", ".hidden", &"x".repeat(129)] {
            assert!(ArtifactName::new(wrong).is_err(), "{wrong}");
        }
    }
}
