//! The settings of walls: which orders get, what is seen within, and what one process may use.

use std::path::PathBuf;

use awo_adapters::ProcessLimits;
use awo_models::Isolation;
use serde::Deserialize;

/// The table `[walls]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Walls {
    /// What orders get that leave it to awo.
    pub(crate) isolation: Preferred,
    /// Whether orders are refused that would run without walls.
    pub(crate) required: bool,
    /// Further files and directories that programs within may read.
    pub(crate) readable: Vec<PathBuf>,
    /// Repositories whose own settings of agents are used.
    pub(crate) trusted_repositories: Vec<String>,
    max_processes: u64,
    max_memory_bytes: u64,
    max_file_bytes: u64,
    /// Processor time of one process.
    max_cpu_seconds: Option<u64>,
}

impl Default for Walls {
    fn default() -> Self {
        let limits = ProcessLimits::default();
        Self {
            isolation: Preferred(Isolation::Auto),
            required: false,
            readable: Vec::new(),
            trusted_repositories: Vec::new(),
            max_processes: limits.processes.unwrap_or(0),
            max_memory_bytes: limits.memory_bytes.unwrap_or(0),
            max_file_bytes: limits.file_bytes.unwrap_or(0),
            max_cpu_seconds: limits.cpu_seconds,
        }
    }
}

/// A kind of walls, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Preferred(pub(crate) Isolation);

impl TryFrom<String> for Preferred {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        let kinds = [Isolation::Auto, Isolation::Bubblewrap, Isolation::Landlock, Isolation::None];
        let found = kinds.into_iter().find(|kind| kind.as_str() == word);
        let names = || kinds.map(Isolation::as_str).join(", ");
        found.map(Self).ok_or_else(|| format!("{word:?} is not a kind of walls that there is; there are {}", names()))
    }
}

impl Walls {
    /// What one process may use; 0 is no limit.
    pub(crate) fn limits(&self) -> ProcessLimits {
        let some = |number: u64| Some(number).filter(|number| *number > 0);
        ProcessLimits {
            processes: some(self.max_processes),
            memory_bytes: some(self.max_memory_bytes),
            file_bytes: some(self.max_file_bytes),
            cpu_seconds: self.max_cpu_seconds,
        }
    }

    /// Names the first thing that cannot be used.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.required && self.isolation.0 == Isolation::None {
            return Err("walls.required and walls.isolation = \"none\" leave no order that could run".to_owned());
        }
        match self.readable.iter().find(|path| !path.is_absolute()) {
            Some(path) => Err(format!("walls.readable: {} is not an absolute path", path.display())),
            None => Ok(()),
        }
    }
}
