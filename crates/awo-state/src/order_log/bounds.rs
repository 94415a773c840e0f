//! How much of an order's log is kept.

/// How much a store keeps of one order's log. It may keep less, but at least the newer half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogBounds {
    /// At most so many lines.
    pub lines: u64,
    /// At most so many bytes, or one line.
    pub bytes: u64,
}

impl Default for LogBounds {
    /// 20,000 lines, 16 MiB.
    fn default() -> Self {
        Self { lines: 20_000, bytes: 16 * 1024 * 1024 }
    }
}
