//! What a fleet asks of its database and of its remotes: arithmetic on what was counted of one order and of one process.

use super::costs::Costs;
use super::day::{DAY, HOURS};

/// Workers, and the orders that come to them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fleet {
    /// Orders of a day.
    pub(super) orders: u64,
    pub(super) workers: u64,
    /// Orders that each worker runs at once.
    pub(super) places: u64,
    /// Seconds that an order takes.
    pub(super) work: u64,
}

/// What an order of seven steps does, counted at a server and a worker that share a database, checkpoints on the remote.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    /// Statements that write, each a commit and so a sync of the log of the database.
    pub(super) writes: f64,
    /// Of these, saves of the order.
    pub(super) saves: f64,
    /// Statements that read.
    pub(super) reads: f64,
    /// Changes of which others are told.
    pub(super) changes: f64,
    /// Rows that stay: of the order, its results, events, lines of its log, artifacts.
    pub(super) rows: f64,
    /// Bytes of these with their indexes.
    pub(super) bytes: f64,
    /// Bytes of the log of the database.
    pub(super) wal: f64,
    /// Pushes to the remote.
    pub(super) pushes: f64,
}

/// An answer, as it is in the history and in the transcript of its step.
const ANSWER: f64 = 8.0 * 1024.0;

/// Counted in the log of PostgreSQL (`log_min_duration_statement = 0`) while a server without orders and a worker had one order
/// of seven steps done by the scripted agent: 9 saves and the insert, 28 appends to its log, 16 artifacts in a transaction each,
/// an entry of the trail, the lease that was given and given back. Its answers had no more than a line, so what answers take
/// is added.
pub(super) const COUNTED: Counted = Counted {
    writes: 9.0 + 1.0 + 28.0 + 16.0 + 1.0 + 2.0,
    saves: 9.0,
    reads: 7.0,
    changes: 10.0,
    rows: 1.0 + 7.0 + 18.0 + 42.0 + 32.0 + 1.0,
    bytes: 45_000.0 + 7.0 * 2.0 * ANSWER,
    wal: 115_000.0 + 7.0 * 2.0 * ANSWER,
    pushes: 7.0 + 1.0,
};

/// What every process does whatever happens.
pub(super) mod cadence {
    /// Between two looks for changes that no word came of.
    pub(in super::super) const LOOK: f64 = 1.5;
    /// Seconds that a lease lives; it is renewed three times in them, all of a worker by one statement.
    pub(in super::super) const LEASE: f64 = 15.0;
    /// Seconds in which changes are told together.
    pub(in super::super) const TOGETHER: f64 = 0.02;
    /// Between two questions of a worker with a free place that nobody tells of anything.
    pub(in super::super) const POLL: f64 = 1.0;
    /// The least time, on average, between two more that a new order elsewhere makes it ask.
    pub(in super::super) const BREATH: f64 = 1.0;
}

/// What it comes to. A second, in the busiest hour, unless it says otherwise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traffic {
    pub(super) orders_on_average: f64,
    pub(super) orders: f64,
    /// Orders that run at once.
    pub(super) running: f64,
    pub(super) commits: f64,
    /// Databases of the measured size that so many commits fill.
    pub(super) databases: f64,
    pub(super) wal: f64,
    pub(super) renewals: f64,
    pub(super) renewed_rows: f64,
    pub(super) looks: f64,
    /// Processors of the database that are busy with looks.
    pub(super) looking: f64,
    pub(super) notifications: f64,
    /// Notifications times those who hear them.
    pub(super) heard: f64,
    /// Questions for orders of workers that have free places.
    pub(super) asked: f64,
    /// Processors of the database that are busy with those to which there is nothing to give.
    pub(super) asking: f64,
    /// How much of the one turn that there is is taken by giving.
    pub(super) turns: f64,
    pub(super) pushes: f64,
    /// A day.
    pub(super) rows_a_day: f64,
    pub(super) bytes_a_day: f64,
    pub(super) wal_a_day: f64,
}

impl Fleet {
    /// What it comes to. Servers are left out: they do as workers do that run nothing.
    #[expect(clippy::cast_precision_loss, reason = "numbers of orders are far below 2^52")]
    pub(super) fn traffic(&self, counted: &Counted, costs: &Costs) -> Traffic {
        let (a_day, workers) = (self.orders as f64, self.workers as f64);
        let busiest = HOURS.iter().max().copied().unwrap_or_default() as f64 / 1000.0;
        let orders = a_day * busiest / 3600.0;
        let running = orders * self.work as f64;
        let commits = orders * counted.writes;
        let looks = workers / cadence::LOOK;
        // The first change opens the time in which others join it.
        let changes = orders * counted.changes;
        let of_each = changes / workers;
        let notifications = workers * of_each / (1.0 + of_each * cadence::TOGETHER);
        // Each new order lets everybody with a free place ask, who asks by the clock, too.
        let asked = workers * (1.0 / cadence::POLL + orders.min(1.0 / cadence::BREATH));
        Traffic {
            orders_on_average: a_day / DAY as f64,
            orders,
            running,
            commits,
            databases: commits / costs.commits(),
            wal: orders * counted.wal,
            renewals: workers * 3.0 / cadence::LEASE,
            renewed_rows: running * 3.0 / cadence::LEASE,
            looks,
            looking: looks * running * costs.look(),
            notifications,
            heard: notifications * workers,
            asked,
            asking: asked * costs.question(),
            turns: orders * costs.giving().of_number(running),
            pushes: orders * counted.pushes,
            rows_a_day: a_day * counted.rows,
            bytes_a_day: a_day * counted.bytes,
            wal_a_day: a_day * counted.wal,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COUNTED: Counted = Counted {
        writes: 40.0,
        saves: 10.0,
        reads: 20.0,
        changes: 20.0,
        rows: 60.0,
        bytes: 50e3,
        wal: 100e3,
        pushes: 7.0,
    };

    fn near(found: f64, expected: f64) -> bool {
        (found - expected).abs() <= expected.abs() * 1e-6
    }

    #[test]
    fn what_a_fleet_asks_is_what_its_orders_and_its_workers_do() {
        let fleet = Fleet { orders: 8_640_000, workers: 1_000, places: 160, work: 600 };
        let traffic = fleet.traffic(&COUNTED, &Costs::of(&json!({})));
        assert!(near(traffic.orders_on_average, 100.0));
        assert!(near(traffic.orders, 192.0), "the busiest hour has 80 of 1,000");
        assert!(near(traffic.running, 115_200.0), "Little's law");
        assert!(near(traffic.commits, 7_680.0) && near(traffic.pushes, 1_344.0));
        assert!(near(traffic.renewals, 200.0) && near(traffic.renewed_rows, 23_040.0));
        assert!(near(traffic.heard, traffic.notifications * 1_000.0));
        assert!(near(traffic.rows_a_day, 518_400_000.0));
    }

    #[test]
    fn one_process_that_is_busy_tells_of_many_changes_at_once() {
        let fleet = Fleet { orders: 8_640_000, workers: 1, places: 1, work: 1 };
        let traffic = fleet.traffic(&COUNTED, &Costs::of(&json!({})));
        assert!(traffic.notifications < 50.0, "{traffic:?}");
    }

    #[test]
    fn a_quiet_fleet_asks_by_the_clock() {
        let fleet = Fleet { orders: 100, workers: 10, places: 1, work: 60 };
        let traffic = fleet.traffic(&COUNTED, &Costs::of(&json!({})));
        assert!((10.0..10.1).contains(&traffic.asked));
    }
}
