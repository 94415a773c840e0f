//! A day of orders, second by second: how long the line is and what is waited in it. Deterministic and in whole numbers where
//! that is possible, so that the page has the same tables on every machine.

use std::collections::VecDeque;

use crate::random::Random;

/// Seconds of a day.
pub(super) const DAY: usize = 86_400;

/// How many of 1,000 orders come in each hour: a working day of one part of the world, and nights that never end entirely.
pub(super) const HOURS: [u64; 24] =
    [14, 11, 9, 8, 9, 12, 20, 34, 58, 72, 78, 76, 62, 68, 78, 80, 76, 66, 48, 36, 28, 22, 19, 16];

/// How long the work of an order takes, in hundredths of the mean, at each of twenty equal shares: half take less than
/// two thirds of the mean, and one in twenty more than three times as long.
const SHARES: [u64; 20] = [14, 21, 26, 31, 36, 41, 46, 51, 57, 63, 70, 78, 88, 99, 113, 132, 158, 197, 268, 411];

/// What happens in a day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Day {
    /// Orders that come.
    pub(super) orders: u64,
    /// Seconds of work of an order, on average.
    pub(super) work: u64,
    /// Orders that all workers together run at once.
    pub(super) places: u64,
    /// What giving one order to a worker takes of the one turn that there is.
    pub(super) giving: Giving,
}

/// Seconds that it takes to give one order away: so many, and so many more for each order that has not ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Giving {
    pub(super) fixed: f64,
    pub(super) for_each_unended: f64,
}

/// What was seen of a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seen {
    pub(super) longest_line: u64,
    /// Orders that had not begun when the day was over.
    pub(super) left: u64,
    /// Seconds that half, and 99 of 100, of those that began had waited at most.
    pub(super) p50: u64,
    pub(super) p99: u64,
    /// Orders that ran at once, at the most.
    pub(super) most_running: u64,
    /// The share of the busiest hour in which somebody was being given an order.
    pub(super) giving: f64,
}

impl Day {
    /// Lets the day pass.
    pub(super) fn pass(&self, seed: u64) -> Seen {
        let mut random = Random(seed);
        let come = self.arrivals(&mut random);
        let mut line: VecDeque<(usize, u64)> = VecDeque::new();
        let mut ends = vec![0_u64; DAY + 1];
        let mut waits = vec![0_u64; DAY + 1];
        let mut given_in_hour = [0.0_f64; 24];
        let (mut waiting, mut running, mut turn) = (0_u64, 0_u64, 0.0_f64);
        let (mut longest_line, mut most_running) = (0, 0);
        for (second, came) in come.into_iter().enumerate() {
            running -= ends[second];
            if came > 0 {
                line.push_back((second, came));
                waiting += came;
            }
            // What was not used of a turn is gone; what was overdrawn is owed.
            turn = (turn + 1.0).min(1.0);
            while waiting > 0 && running < self.places && turn > 0.0 {
                let cost = self.giving.of(waiting + running);
                turn -= cost;
                given_in_hour[second / 3600] += cost;
                waits[second - take_first(&mut line)] += 1;
                let end = second + self.work_of_one(&mut random);
                ends[end.min(DAY)] += 1;
                waiting -= 1;
                running += 1;
            }
            longest_line = longest_line.max(waiting);
            most_running = most_running.max(running);
        }
        let giving = given_in_hour.into_iter().fold(0.0, f64::max) / 3600.0;
        let (p50, p99) = (waited(&waits, 50), waited(&waits, 99));
        Seen { longest_line, left: waiting, p50, p99, most_running, giving }
    }

    /// How many come in each second: those of an hour by chance in one or another of its seconds.
    fn arrivals(&self, random: &mut Random) -> Vec<u64> {
        let mut come = vec![0; DAY];
        for (hour, share) in HOURS.into_iter().enumerate() {
            for _ in 0..self.orders * share / 1000 {
                come[hour * 3600 + random.below(3600)] += 1;
            }
        }
        come
    }

    fn work_of_one(&self, random: &mut Random) -> usize {
        let seconds = self.work * SHARES[random.below(SHARES.len())] / 100;
        usize::try_from(seconds).unwrap_or(DAY).max(1)
    }
}

impl Giving {
    /// Seconds that it takes with so many orders that have not ended.
    #[expect(clippy::cast_precision_loss, reason = "numbers of orders are far below 2^52")]
    pub(super) fn of(self, unended: u64) -> f64 {
        self.of_number(unended as f64)
    }

    /// The same of an average.
    pub(super) fn of_number(self, unended: f64) -> f64 {
        self.fixed + self.for_each_unended * unended
    }
}

/// The second in which the first of the line came; it is taken out.
fn take_first(line: &mut VecDeque<(usize, u64)>) -> usize {
    let Some((second, count)) = line.front_mut() else { return 0 };
    let came = *second;
    *count -= 1;
    if *count == 0 {
        line.pop_front();
    }
    came
}

/// The wait that so many hundredths are not above.
fn waited(waits: &[u64], hundredths: u64) -> u64 {
    let all: u64 = waits.iter().sum();
    let mut below = 0;
    for (seconds, count) in (0..).zip(waits) {
        below += count;
        if below * 100 >= all * hundredths {
            return seconds;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Giving = Giving { fixed: 0.0001, for_each_unended: 0.0 };
    const QUIET: Day = Day { orders: 10_000, work: 600, places: 1_000, giving: AT_ONCE };

    #[test]
    fn the_parts_are_a_whole() {
        assert_eq!(HOURS.iter().sum::<u64>(), 1_000);
        assert_eq!(SHARES.iter().sum::<u64>(), 2_000, "on average an order takes the mean");
    }

    #[test]
    fn who_has_places_does_not_wait() {
        let seen = QUIET.pass(1);
        assert_eq!((seen.p99, seen.left), (0, 0));
        // Little's law: 780 an hour, ten minutes each.
        assert!((110..190).contains(&seen.most_running), "{seen:?}");
        assert_eq!(seen, QUIET.pass(1), "the same again");
        assert_ne!(seen, QUIET.pass(2));
    }

    #[test]
    fn too_few_places_make_a_line_by_day_which_is_gone_by_night() {
        // 69 are needed on average, and 130 in the busiest hours.
        let seen = Day { places: 95, ..QUIET }.pass(1);
        assert_eq!(seen.most_running, 95);
        assert!(seen.longest_line > 1_000 && seen.p99 > 3_600, "{seen:?}");
        assert!(seen.left < 100, "{seen:?}");
    }

    #[test]
    fn a_turn_that_takes_too_long_makes_a_line_although_there_are_places() {
        let slow = Giving { fixed: 0.0, for_each_unended: 0.05 };
        let seen = Day { giving: slow, ..QUIET }.pass(1);
        assert!(seen.most_running < 120 && seen.longest_line > 1_000, "{seen:?}");
        assert!(seen.giving > 0.95, "{seen:?}");
    }

    #[test]
    fn waits_are_told_by_the_nearest_rank() {
        assert_eq!(waited(&[1, 1, 0, 0, 2], 50), 1);
        assert_eq!(waited(&[1, 1, 0, 0, 2], 51), 4);
        assert_eq!(waited(&[0, 0], 99), 0, "nobody waited");
    }
}
