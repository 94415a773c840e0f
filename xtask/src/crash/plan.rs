//! What a seed decides: how many orders, when each life of the server ends, and what is damaged before the next.

use std::fmt;
use std::time::Duration;

use super::damage::Damage;

use crate::random::Random;

/// When a server is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// So many hundredths of the time of an undisturbed order after its process was started.
    After { hundredths: u32 },
    /// So soon after so many results could be read.
    AfterResult { count: usize, milliseconds: u64 },
}

impl Moment {
    /// How long after its event the server is killed, given what an undisturbed order takes.
    pub(super) fn delay(self, whole: Duration) -> Duration {
        match self {
            Self::After { hundredths } => whole * hundredths / 100,
            Self::AfterResult { milliseconds, .. } => Duration::from_millis(milliseconds),
        }
    }
}

/// One trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) orders: usize,
    pub(super) kills: Vec<Moment>,
    /// Follow-up prompts: the number of an order, and how many of its results are read before it is sent.
    pub(super) prompts: Vec<(usize, usize)>,
    /// What is damaged after which kill, counted from 0. Once in a trial: what two take no third place has.
    pub(super) damage: Option<(usize, Damage)>,
}

impl Plan {
    /// One order and no kill.
    pub(super) fn undisturbed() -> Self {
        Self { orders: 1, kills: Vec::new(), prompts: Vec::new(), damage: None }
    }

    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let orders = [1, 1, 1, 2, 2, 3][random.below(6)];
        // Without a kill it is a check of the trial itself; most trials have one.
        let kills = [0, 1, 1, 1, 2, 2, 3, 3][random.below(8)];
        let kills: Vec<_> = (0..kills).map(|_| moment(&mut random, orders)).collect();
        let damage = (!kills.is_empty() && random.below(2) == 0)
            .then(|| (random.below(kills.len()), Damage::ALL[random.below(Damage::ALL.len())]));
        // Drawn last, so that older seeds mean the kills that they meant. Seven results: the order may have ended.
        let prompts = [0, 0, 1, 1, 2][random.below(5)];
        let prompts = (0..prompts).map(|_| (random.below(orders), random.below(8))).collect();
        Self { orders, kills, prompts, damage }
    }
}

fn moment(random: &mut Random, orders: usize) -> Moment {
    match random.below(4) {
        // While it starts, reads what is there and claims.
        0 => Moment::After { hundredths: hundredths(random, 15) },
        1 => Moment::AfterResult { count: 1 + random.below(7 * orders), milliseconds: random.below(30) as u64 },
        _ => Moment::After { hundredths: hundredths(random, 120) },
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} orders", self.orders)?;
        for (number, kill) in self.kills.iter().enumerate() {
            match kill {
                Moment::After { hundredths } => write!(f, ", kill at {hundredths} %")?,
                Moment::AfterResult { count, milliseconds } => {
                    write!(f, ", kill {milliseconds} ms after result {count}")?;
                }
            }
            if let Some((after, damage)) = self.damage
                && after == number
            {
                write!(f, ", then {damage}")?;
            }
        }
        for (order, results) in &self.prompts {
            write!(f, ", prompt to {order} after result {results}")?;
        }
        Ok(())
    }
}

fn hundredths(random: &mut Random, limit: usize) -> u32 {
    u32::try_from(random.below(limit)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_the_plan() {
        assert_eq!(Random(0).next(), 0xe220_a839_7b1d_cdaf, "the published first number");
        assert_eq!(Plan::new(7), Plan::new(7));
        let plans: Vec<_> = (0..200).map(Plan::new).collect();
        for kills in 0..=3 {
            assert!(plans.iter().any(|plan| plan.kills.len() == kills), "{kills} kills");
        }
        for orders in 1..=3 {
            assert!(plans.iter().any(|plan| plan.orders == orders), "{orders} orders");
        }
        for prompts in 0..=2 {
            assert!(plans.iter().any(|plan| plan.prompts.len() == prompts), "{prompts} prompts");
        }
        for damage in Damage::ALL {
            assert!(plans.iter().any(|plan| plan.damage.is_some_and(|(_, d)| d == damage)), "{damage}");
        }
        let never = plans.iter().filter_map(|plan| Some((plan.kills.len(), plan.damage?.0)));
        assert!(never.into_iter().all(|(kills, after)| after < kills), "a damage is followed by a life");
    }

    #[test]
    fn moments_follow_the_pace_of_the_machine() {
        assert_eq!(Moment::After { hundredths: 50 }.delay(Duration::from_secs(4)), Duration::from_secs(2));
    }
}
