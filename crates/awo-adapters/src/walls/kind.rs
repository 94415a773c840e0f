//! Owns the kinds of walls.

use awo_models::Isolation;

/// A kind of walls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WallKind {
    /// Namespaces, made by the program `bwrap`.
    Bubblewrap,
    /// Rules that a process gives itself, and the kernel holds it to.
    Landlock,
}

impl WallKind {
    /// All of them, the strongest first.
    pub const ALL: [Self; 2] = [Self::Bubblewrap, Self::Landlock];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bubblewrap => "bubblewrap",
            Self::Landlock => "landlock",
        }
    }

    /// What an order says that has them.
    pub const fn isolation(self) -> Isolation {
        match self {
            Self::Bubblewrap => Isolation::Bubblewrap,
            Self::Landlock => Isolation::Landlock,
        }
    }

    /// Those that would do for an order. Walls of Landlock are for who asks for them: not all programs work there, and with
    /// the machine's network an agent reaches what listens on it, awo too.
    pub(super) fn wanted(isolation: Isolation) -> Option<Self> {
        match isolation {
            Isolation::Auto | Isolation::Bubblewrap => Some(Self::Bubblewrap),
            Isolation::Landlock => Some(Self::Landlock),
            _ => None,
        }
    }

    /// Those of an order that has some.
    pub(crate) fn that_are(isolation: Isolation) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.isolation() == isolation)
    }

    /// Whether the program that is started makes the walls and waits there. Else it becomes the one that was meant.
    pub(crate) const fn waits(self) -> bool {
        matches!(self, Self::Bubblewrap)
    }
}
