//! The settings of steps: how often they are attempted, when they are slow, and how long an order waits for the service of
//! its agent.

use std::collections::BTreeMap;
use std::time::Duration;

use awo_engine::{MAX_ATTEMPTS, SlowPolicy, WaitingPolicy, known_steps};
use awo_models::{RetryPolicy, StepName};
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Steps {
    max_attempts: u32,
    first_pause_seconds: u64,
    longest_pause_seconds: u64,
    /// Attempts of single steps.
    attempts: BTreeMap<String, u32>,
}

impl Default for Steps {
    fn default() -> Self {
        let RetryPolicy { max_attempts, first_pause, longest_pause } = RetryPolicy::default();
        let (first_pause_seconds, longest_pause_seconds) = (first_pause.as_secs(), longest_pause.as_secs());
        Self { max_attempts, first_pause_seconds, longest_pause_seconds, attempts: BTreeMap::new() }
    }
}

impl Steps {
    /// How often steps are attempted; or what cannot be used, with the cure.
    pub(crate) fn retry(&self) -> Result<RetryPolicy, String> {
        check_attempts("steps.max_attempts", self.max_attempts)?;
        let (first, longest) = (self.first_pause_seconds, self.longest_pause_seconds);
        if first > longest || longest > 24 * 3600 {
            return Err(format!(
                "steps.first_pause_seconds is {first} and steps.longest_pause_seconds {longest}; the first must not be \
                 above the longest, and that not above 86400"
            ));
        }
        let (first_pause, longest_pause) = (Duration::from_secs(first), Duration::from_secs(longest));
        Ok(RetryPolicy { max_attempts: self.max_attempts, first_pause, longest_pause })
    }

    /// Attempts of single steps; or what cannot be used, with the cure.
    pub(crate) fn attempts(&self) -> Result<BTreeMap<StepName, u32>, String> {
        let read = self.attempts.iter().map(|(step, attempts)| {
            check_attempts(&format!("steps.attempts.{step}"), *attempts)?;
            match StepName::new(step) {
                Ok(name) if known_steps().any(|known| known == step) => Ok((name, *attempts)),
                _ => {
                    let known: Vec<_> = known_steps().collect();
                    Err(format!("steps.attempts: {step:?} is not a step; there are {}", known.join(", ")))
                }
            }
        });
        read.collect()
    }
}

fn check_attempts(name: &str, attempts: u32) -> Result<(), String> {
    if (1..=MAX_ATTEMPTS).contains(&attempts) {
        Ok(())
    } else {
        Err(format!("{name} is {attempts}; give 1 to {MAX_ATTEMPTS}"))
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Waiting {
    longest_seconds: u64,
    in_all_seconds: u64,
    times: u32,
}

impl Default for Waiting {
    fn default() -> Self {
        let WaitingPolicy { longest, in_all, times } = WaitingPolicy::default();
        Self { longest_seconds: longest.as_secs(), in_all_seconds: in_all.as_secs(), times }
    }
}

impl Waiting {
    /// How long orders wait. With 0 none waits.
    pub(crate) fn policy(&self) -> WaitingPolicy {
        WaitingPolicy {
            longest: Duration::from_secs(self.longest_seconds),
            in_all: Duration::from_secs(self.in_all_seconds),
            times: self.times,
        }
    }
}

/// The table `[slow]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Slow {
    percent: u32,
    least_samples: usize,
    least_seconds: u64,
    after_seconds: Option<u64>,
}

impl Default for Slow {
    fn default() -> Self {
        let SlowPolicy { percent, least_samples, least, bound } = SlowPolicy::default();
        Self { percent, least_samples, least_seconds: least.as_secs(), after_seconds: bound.map(|it| it.as_secs()) }
    }
}

impl Slow {
    /// When a step is slow; or what cannot be used, with the cure.
    pub(crate) fn policy(&self) -> Result<SlowPolicy, String> {
        let Self { percent, least_samples, least_seconds, after_seconds } = *self;
        if percent != 0 && !(100..=10_000).contains(&percent) {
            return Err(format!(
                "slow.percent is {percent}; give 100 to 10000 percent of what is usual, or 0 to compare with nothing"
            ));
        }
        let most = SlowPolicy::MOST_SAMPLES;
        if !(1..=most).contains(&least_samples) {
            return Err(format!(
                "slow.least_samples is {least_samples}; give 1 to {most}: the newest {most} attempts tell what is usual"
            ));
        }
        if after_seconds == Some(0) {
            return Err("slow.after_seconds is 0, which every step exceeds; leave it out for no bound".into());
        }
        Ok(SlowPolicy {
            percent,
            least_samples,
            least: Duration::from_secs(least_seconds),
            bound: after_seconds.map(Duration::from_secs),
        })
    }
}
