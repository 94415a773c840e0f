//! Owns the copy of a program's output in a file.

use std::io;
use std::path::Path;

use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

/// A file that output is copied to, readable by its owner only. A disk that fills up ends the copy, not the program.
#[derive(Debug)]
pub(super) struct Transcript {
    file: Option<File>,
}

impl Transcript {
    /// Makes the file, or none if no path is given.
    pub(super) async fn create(path: Option<&Path>) -> io::Result<Self> {
        let Some(path) = path else {
            return Ok(Self { file: None });
        };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(path).await?;
        Ok(Self { file: Some(file) })
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) {
        if let Some(file) = &mut self.file
            && let Err(error) = file.write_all(bytes).await
        {
            self.give_up(&error);
        }
    }

    pub(super) async fn finish(&mut self) {
        if let Some(file) = &mut self.file
            && let Err(error) = file.flush().await
        {
            self.give_up(&error);
        }
    }

    fn give_up(&mut self, error: &io::Error) {
        tracing::warn!(%error, "the transcript of an agent ends early");
        self.file = None;
    }
}
