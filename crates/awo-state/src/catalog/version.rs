//! Versions of documents.

use serde::{Deserialize, Serialize};

/// A document with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versioned<T> {
    /// 1 when it is new, one more with each change.
    pub version: u64,
    /// The document.
    pub document: T,
}
