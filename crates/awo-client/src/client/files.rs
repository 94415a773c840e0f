//! What an order left: outputs, artifacts, and what it did to the repository.

use bytes::Bytes;

use super::Client;
use crate::call::{Answer, Asked, Call};
use crate::error::Error;
use crate::operation::Operation;
use crate::types::{ArtifactList, GitProgressSnapshot};

#[expect(clippy::unnecessary_wraps, reason = "a way to read an answer, as others are that may fail")]
pub(super) fn bytes(answer: &Answer) -> Result<Bytes, Error> {
    Ok(answer.body.clone())
}

impl Client {
    /// Gets the whole output of a result, which is counted from 1.
    pub fn get_step_output(&self, id: &str, n: usize) -> Call<Bytes> {
        Call::new(self, Asked::new(Operation::GetStepOutput, &[id, &n.to_string()]), bytes)
    }

    /// Gets what the agent's program wrote.
    pub fn get_step_transcript(&self, id: &str, n: usize) -> Call<Bytes> {
        Call::new(self, Asked::new(Operation::GetStepTranscript, &[id, &n.to_string()]), bytes)
    }

    /// Gets what a step changed, as a patch.
    pub fn get_step_diff(&self, id: &str, n: usize) -> Call<Bytes> {
        Call::new(self, Asked::new(Operation::GetStepDiff, &[id, &n.to_string()]), bytes)
    }

    /// Gets what an order changed, as a patch.
    pub fn get_diff(&self, id: &str) -> Call<Bytes> {
        Call::new(self, Asked::new(Operation::GetDiff, &[id]), bytes)
    }

    /// Gets how far an order is, as git sees it.
    pub fn get_git_progress(&self, id: &str) -> Call<GitProgressSnapshot> {
        Call::json(self, Asked::new(Operation::GetGitProgress, &[id]))
    }

    /// Lists the files that are kept of an order.
    pub fn list_artifacts(&self, id: &str) -> Call<ArtifactList> {
        Call::json(self, Asked::new(Operation::ListArtifacts, &[id]))
    }

    /// Gets one of them.
    pub fn get_artifact(&self, id: &str, name: &str) -> Call<Bytes> {
        Call::new(self, Asked::new(Operation::GetArtifact, &[id, name]), bytes)
    }
}
