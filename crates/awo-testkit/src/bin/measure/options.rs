//! What is to be measured, where, how often and how much of it.

use std::path::PathBuf;

const USAGE: &str = "usage: measure saves|flatness|writers|memory|opening|fill|engine|many|curves DIRECTORY \
                     [--repeats N] [--size N], or measure postgres-saves|postgres-writers|postgres-claims|\
                     postgres-patterns|postgres-line|postgres-stored ADDRESS [--size N] [--first N]";

/// What is measured together.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Family {
    Saves,
    Flatness,
    Writers,
    Memory,
    Opening,
    Fill,
    PostgresSaves,
    PostgresWriters,
    PostgresClaims,
    PostgresPatterns,
    PostgresLine,
    PostgresStored,
    Engine,
    Many,
    Curves,
}

/// What is asked for on the command line.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// What is measured.
    pub(crate) family: Family,
    /// Where data directories are made, or the one that is opened or filled; or the address of a database.
    pub(crate) dir: PathBuf,
    /// How often the whole is done.
    pub(crate) repeats: usize,
    /// How much is done each time: saves, or orders.
    pub(crate) size: usize,
    /// Number of the first order, where others are stored already.
    pub(crate) first: usize,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let family = match arguments.next().as_deref() {
            Some("saves") => Family::Saves,
            Some("flatness") => Family::Flatness,
            Some("writers") => Family::Writers,
            Some("memory") => Family::Memory,
            Some("opening") => Family::Opening,
            Some("fill") => Family::Fill,
            Some("postgres-saves") => Family::PostgresSaves,
            Some("postgres-writers") => Family::PostgresWriters,
            Some("postgres-claims") => Family::PostgresClaims,
            Some("postgres-patterns") => Family::PostgresPatterns,
            Some("postgres-line") => Family::PostgresLine,
            Some("postgres-stored") => Family::PostgresStored,
            Some("engine") => Family::Engine,
            Some("many") => Family::Many,
            Some("curves") => Family::Curves,
            _ => return Err(USAGE.to_owned()),
        };
        let dir = arguments.next().filter(|dir| !dir.starts_with('-')).ok_or(USAGE)?.into();
        let mut options = Self { family, dir, repeats: 1, size: 100, first: 1 };
        while let Some(name) = arguments.next() {
            let mut number = || {
                let value = arguments.next().and_then(|value| value.parse::<usize>().ok());
                value.ok_or_else(|| format!("{name} needs a number; {USAGE}"))
            };
            match name.as_str() {
                "--repeats" => options.repeats = number()?.max(1),
                "--size" => options.size = number()?.max(1),
                "--first" => options.first = number()?,
                _ => return Err(format!("{name:?} is unknown; {USAGE}")),
            }
        }
        Ok(options)
    }
}
