//! What a round is about: what happens in it, and what is arranged for it.

use crate::random::Random;

/// A kind of round. All of them take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Kind {
    /// Workers are killed, stopped, told to end; the database crashes or stands still.
    Plain,
    /// Workers are cut off from the database, one way or both.
    Partitions,
    /// Servers are killed while clients send and follow orders; the connections on which nodes listen are ended.
    Servers,
    /// Workers are killed, and what they had is cancelled while it is taken over.
    Cancels,
    /// The disk of the database is full for a while.
    Disk,
    /// As plain, with workers whose clocks are hours off.
    Clocks,
    /// One order kills each worker that runs it.
    Poison,
    /// All nodes are replaced, one after the other, over and over.
    Upgrade,
}

/// What happens to a node, or to all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blow {
    /// A worker is killed.
    Kill,
    /// A worker stands still for longer than its leases last, and goes on then.
    Stop,
    /// A worker is told to end.
    End,
    /// A worker is cut off for longer than its leases last.
    Cut,
    /// A server is killed, and started at its address.
    KillServer,
    /// The connections end on which nodes listen.
    Deafen,
    /// A worker is killed, and an order that it had is cancelled at some moment until it would be taken over.
    Cancel,
    /// The database restarts at once, whatever it was doing.
    Restart,
    /// The database stands still for longer than leases last.
    Freeze,
    /// The disk of the database is full for longer than leases last.
    Fill,
    /// The next node is told to end and replaced.
    Replace,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 8] = [
        Self::Plain,
        Self::Partitions,
        Self::Servers,
        Self::Cancels,
        Self::Disk,
        Self::Clocks,
        Self::Poison,
        Self::Upgrade,
    ];

    /// The kind of a seed.
    pub(super) fn of(seed: u64) -> Self {
        let count = Self::ALL.len() as u64;
        Self::ALL[usize::try_from(seed % count).unwrap_or_default()]
    }

    /// What can happen next, each as often as it stands there.
    fn blows(self) -> &'static [Blow] {
        use Blow::{Cancel, Cut, Deafen, End, Fill, Freeze, Kill, KillServer, Replace, Restart, Stop};
        match self {
            Self::Plain | Self::Clocks => &[Kill, Kill, Kill, Kill, Kill, Kill, Stop, Stop, End, End, Restart, Freeze],
            Self::Partitions => &[Cut, Cut, Cut, Kill],
            Self::Servers => &[KillServer, KillServer, Deafen, Kill, Restart],
            Self::Cancels => &[Cancel, Cancel, Cancel, Kill, End],
            Self::Disk => &[Fill, Kill, End],
            Self::Poison => &[Deafen, End],
            Self::Upgrade => &[Replace],
        }
    }

    /// What happens next.
    pub(super) fn blow(self, random: &mut Random) -> Blow {
        let blows = self.blows();
        blows[random.below(blows.len())]
    }
}
