//! The program `measure` of the test kit: how it is asked, and the directory that it fills.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Bench;
use super::row::Sample;
use crate::process;

/// Orders of a directory that is large.
pub(super) const ORDERS: usize = 10_000;

/// A data directory with [`ORDERS`] orders that have ended.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) dir: PathBuf,
}

impl Bench {
    /// Has something measured in a directory.
    pub(super) fn measure(&self, family: &str, dir: &Path, repeats: usize, size: usize) -> Result<Vec<Sample>> {
        let mut command = Command::new(&self.measure);
        command.arg(family).arg(dir);
        command.args(["--repeats", &repeats.to_string(), "--size", &size.to_string()]);
        process::output(&mut command)?.lines().map(sample).collect()
    }

    /// The large directory, on the disk. It is made when it is first asked for, in memory, where syncs cost nothing.
    pub(super) fn filled(&self) -> Result<&Filled> {
        if let Some(filled) = self.filled.get() {
            return Ok(filled);
        }
        let (made, dir) = (self.memory.path().join("filled"), self.disk.path().join("filled"));
        self.measure("fill", &made, 1, ORDERS)?;
        process::run(Command::new("cp").arg("--archive").args([&made, &dir]))?;
        fs::remove_dir_all(&made)?;
        // What the copy left to be written would be written while something is measured.
        process::run(&mut Command::new("sync"))?;
        Ok(self.filled.get_or_init(|| Filled { dir }))
    }
}

/// What a line of `measure` tells.
pub(super) fn sample(line: &str) -> Result<Sample> {
    let value: Value = serde_json::from_str(line).with_context(|| format!("`measure` told {line:?}"))?;
    let row = value["row"].as_str().with_context(|| format!("no row in {line:?}"))?.to_owned();
    let measured = value["measured"].as_f64().with_context(|| format!("no number in {line:?}"))?;
    Ok(Sample { row, measured, bound: value["bound"].as_f64() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_sample() {
        let line = r#"{"bound":null,"measured":0.5,"row":"one"}"#;
        assert_eq!(sample(line).unwrap(), Sample { row: "one".into(), measured: 0.5, bound: None });
        assert!(sample(r#"{"row":"one"}"#).is_err());
    }
}
