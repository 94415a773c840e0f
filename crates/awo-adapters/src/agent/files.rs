//! Owns the files that an execution leaves for the order's artifacts.

use std::io;
use std::path::{Path, PathBuf};

use awo_engine::ports::{AgentFile, AgentRequest};

use super::home::private_directory;

/// Files of one execution, each with a name of its own and readable by its owner only.
#[derive(Debug)]
pub(super) struct Files<'a> {
    directory: &'a Path,
    prefix: String,
    list: Vec<AgentFile>,
}

impl<'a> Files<'a> {
    pub(super) fn new(directory: &'a Path, request: &AgentRequest) -> Self {
        let prefix = format!("{}-{}-{}-", request.order, request.step, request.attempt);
        Self { directory, prefix, list: Vec::new() }
    }

    /// Makes an empty file, where it is.
    pub(super) async fn create(&mut self, kind: &str) -> io::Result<PathBuf> {
        let directory = self.directory.to_owned();
        let prefix = self.prefix.clone();
        let suffix = format!(".{kind}");
        let made = tokio::task::spawn_blocking(move || {
            private_directory(&directory)?;
            let file = tempfile::Builder::new().prefix(&prefix).suffix(&suffix).tempfile_in(directory)?;
            file.into_temp_path().keep().map_err(|error| error.error)
        });
        let path = made.await??;
        self.list.push(AgentFile { kind: kind.to_owned(), path: path.clone() });
        Ok(path)
    }

    /// Keeps a text, if that can be done: what the agent does is worth more than a record of it.
    pub(super) async fn keep(&mut self, kind: &str, text: &str) {
        let before = self.list.len();
        let kept = match self.create(kind).await {
            Ok(path) => tokio::fs::write(&path, text).await,
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            for file in self.list.drain(before..) {
                let _ = tokio::fs::remove_file(&file.path).await;
            }
            tracing::warn!(kind, execution = self.prefix, %error, "a file of an agent is not kept");
        }
    }

    pub(super) fn into_list(self) -> Vec<AgentFile> {
        self.list
    }
}
