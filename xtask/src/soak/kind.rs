//! The kinds of orders that a long run is made of: how often each comes, what it asks for, how it must end.

use std::path::Path;

use serde_json::{Value, json};

use crate::random::Random;

/// What an order is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Seven steps, one after the other.
    Plain,
    /// Two steps.
    Short,
    /// Nine steps, and two prompts more.
    Many,
    /// Outputs that are longer than what a history keeps.
    Long,
    /// An agent that says much while it works.
    Talks,
    /// One that is started later.
    Held,
    /// Told something more when it has ended.
    Prompted,
    /// One that fails.
    Fails,
    /// One that fails, and completes when it is tried again.
    Mended,
    /// One that would not end by itself.
    Cancelled,
}

impl Kind {
    /// Each kind once.
    pub(super) const ALL: [Self; 10] = [
        Self::Plain,
        Self::Short,
        Self::Many,
        Self::Long,
        Self::Talks,
        Self::Held,
        Self::Prompted,
        Self::Fails,
        Self::Mended,
        Self::Cancelled,
    ];

    /// How many of twenty are of this kind.
    fn share(self) -> usize {
        match self {
            Self::Plain => 5,
            Self::Short => 3,
            Self::Cancelled | Self::Fails => 2,
            Self::Many | Self::Long | Self::Talks | Self::Held | Self::Prompted | Self::Mended => 1,
        }
    }

    /// One of them, by its share.
    pub(super) fn by(random: &mut Random) -> Self {
        let all = Self::ALL.into_iter().flat_map(|kind| std::iter::repeat_n(kind, kind.share()));
        let drawn = random.below(all.clone().count());
        all.into_iter().nth(drawn).unwrap_or(Self::Plain)
    }

    /// What is asked for. The agent reads the word behind `soak:`.
    pub(super) fn body(self, repository: &Path, name: &str) -> Value {
        let wish = match self {
            Self::Long => "soak:long".to_owned(),
            Self::Talks => "soak:talks".to_owned(),
            Self::Fails => "soak:fails".to_owned(),
            Self::Mended => format!("soak:mend-{name}"),
            Self::Cancelled => "soak:hangs".to_owned(),
            _ => String::new(),
        };
        let mut body = json!({"repository_url": repository, "user_request": format!("Say hello. {name} {wish}")});
        match self {
            Self::Short => body["selected_commands"] = json!(["create-branch", "planning"]),
            Self::Many => body["optional_steps"] = json!(["review", "test"]),
            Self::Held => body["start"] = json!(false),
            _ => {}
        }
        body
    }

    /// Prompts that are sent before the work can have ended.
    pub(super) fn prompts_at_once(self) -> usize {
        if self == Self::Many { 2 } else { 0 }
    }

    /// The status that it ends with at last.
    pub(super) fn end(self) -> &'static str {
        match self {
            Self::Fails => "failed",
            Self::Cancelled => "cancelled",
            _ => "completed",
        }
    }

    /// Whether its work is on a branch of the remote in the end.
    pub(super) fn is_delivered(self) -> bool {
        !matches!(self, Self::Fails | Self::Cancelled | Self::Short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_and_plain_ones_most() {
        let mut random = Random(1);
        let mut drawn: Vec<_> = (0..2_000).map(|_| Kind::by(&mut random)).collect();
        let plain = drawn.iter().filter(|kind| **kind == Kind::Plain).count();
        assert!((400..800).contains(&plain), "{plain} of 2,000");
        drawn.sort();
        drawn.dedup();
        assert_eq!(drawn, Kind::ALL);
    }
}
