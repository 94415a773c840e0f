//! Owns what one process within walls may use.

use std::ffi::{OsStr, OsString};

/// Limits of the operating system. Each holds for one process, but for the number of processes, which is the order's.
///
/// What an order uses in all is not bounded by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessLimits {
    /// Processes and threads that an order may have at a time.
    pub processes: Option<u64>,
    /// Bytes of memory that a process may write.
    pub memory_bytes: Option<u64>,
    /// Bytes of the longest file.
    pub file_bytes: Option<u64>,
    /// Seconds of processor time.
    pub cpu_seconds: Option<u64>,
}

impl Default for ProcessLimits {
    fn default() -> Self {
        Self { processes: Some(2048), memory_bytes: Some(16 << 30), file_bytes: Some(32 << 30), cpu_seconds: None }
    }
}

impl ProcessLimits {
    /// As an argument.
    pub(crate) fn argument(&self) -> OsString {
        let numbers = [self.processes, self.memory_bytes, self.file_bytes, self.cpu_seconds];
        numbers.map(|number| number.map_or_else(|| "-".to_owned(), |number| number.to_string())).join(",").into()
    }

    /// Reads what [`argument`](Self::argument) wrote.
    pub(crate) fn parse(argument: &OsStr) -> Option<Self> {
        let mut numbers = argument.to_str()?.split(',').map(|word| match word {
            "-" => Some(None),
            number => number.parse().ok().map(Some),
        });
        let mut next = || numbers.next().flatten();
        let limits = Self { processes: next()?, memory_bytes: next()?, file_bytes: next()?, cpu_seconds: next()? };
        numbers.next().is_none().then_some(limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_they_were_written() {
        let none = ProcessLimits { processes: None, memory_bytes: None, file_bytes: None, cpu_seconds: None };
        for limits in [none, ProcessLimits::default(), ProcessLimits { cpu_seconds: Some(7), ..none }] {
            assert_eq!(ProcessLimits::parse(&limits.argument()), Some(limits));
        }
        for bad in ["", "1,2,3", "1,2,3,4,5", "1,2,3,x", "-1,-,-,-"] {
            assert_eq!(ProcessLimits::parse(OsStr::new(bad)), None, "{bad}");
        }
    }
}
