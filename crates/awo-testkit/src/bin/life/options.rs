//! What a life is asked for on its command line.

use std::path::PathBuf;

use awo_state::Durability;

const USAGE: &str = "usage: life DIRECTORY [--orders N] [--at-once N] [--output BYTES] [--os] [--by-hand]";

/// What a life does.
#[derive(Debug)]
pub(crate) struct Options {
    /// The data directory.
    pub(crate) dir: PathBuf,
    /// Orders that there are in the end, besides those that an earlier life was asked for.
    pub(crate) orders: usize,
    /// Orders that run at once, and threads of the store.
    pub(crate) at_once: usize,
    /// Bytes of the longer answers of the agent.
    pub(crate) output: usize,
    /// What a save survives.
    pub(crate) durability: Durability,
    /// Whether it goes on after each thing that it told only when it reads a line.
    pub(crate) by_hand: bool,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let dir = arguments.next().filter(|dir| !dir.starts_with('-')).ok_or(USAGE)?.into();
        let durability = Durability::Always;
        let mut options = Self { dir, orders: 1, at_once: 1, output: 0, durability, by_hand: false };
        while let Some(name) = arguments.next() {
            let mut number = || {
                let value = arguments.next().and_then(|value| value.parse::<usize>().ok());
                value.ok_or_else(|| format!("{name} needs a number; {USAGE}"))
            };
            match name.as_str() {
                "--orders" => options.orders = number()?,
                "--at-once" => options.at_once = number()?.max(1),
                "--output" => options.output = number()?,
                "--os" => options.durability = Durability::Os,
                "--by-hand" => options.by_hand = true,
                _ => return Err(format!("{name:?} is unknown; {USAGE}")),
            }
        }
        Ok(options)
    }
}
