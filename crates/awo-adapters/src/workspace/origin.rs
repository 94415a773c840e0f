//! What a checkout started from, as a file that is written last and so declares what it lies in whole.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::branch_names;
use super::layout::is_object_id;
use crate::durable::replace;

/// The branch and the commit that an order's work is based on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    pub(super) base_branch: String,
    pub(super) base_commit: String,
}

impl Origin {
    /// Writes it, whole or not at all.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        replace(path, &serde_json::to_vec(self)?)
    }

    /// Reads it; `None` if there is none that can be used.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        // An agent could have reached the file; what it says becomes arguments of git.
        Ok(serde_json::from_slice::<Self>(&bytes)
            .ok()
            .filter(|origin| is_object_id(&origin.base_commit) && branch_names::check(&origin.base_branch).is_ok()))
    }
}
