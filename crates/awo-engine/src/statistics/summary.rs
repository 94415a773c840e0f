//! Figures of many attempts. Pure: the attempts are passed in.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use awo_models::{FailureCode, OrderId, StepName, Timestamp, Usage, UsualDuration};

use super::attempts::{Attempt, CountedOrder};
use super::query::{Dimension, StatsQuery};

/// Groups that are told apart; those that took most time.
const GROUPS: usize = 1_000;
/// Repositories that are told apart; those that cost most.
const REPOSITORIES: usize = 50;
const SECONDS_OF_A_DAY: i64 = 24 * 60 * 60;

/// Figures of the attempts that a question is about.
#[derive(Debug, Clone, PartialEq)]
pub struct StatsSummary {
    /// Of all of them.
    pub total: Figures,
    /// By what they have in common, those first that took most time in all; at most 1,000.
    pub groups: Vec<StatsGroup>,
    /// By the days (UTC) on which they ended, oldest first. A day without any is left out.
    pub days: Vec<DayFigures>,
    /// By the repository, those first that cost most; at most 50.
    pub repositories: Vec<(Arc<str>, Figures)>,
    /// The orders whose attempts took most time in all, the longest first.
    pub slowest_orders: Vec<OrderFigures>,
}

/// Figures of some attempts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// Orders that they are of.
    pub orders: usize,
    /// How many there are.
    pub attempts: usize,
    /// How many of them succeeded.
    pub succeeded: usize,
    /// The others, by their classes.
    pub failures: BTreeMap<FailureCode, usize>,
    /// Time at work of those that succeeded: half of them took no longer. Nearest rank: the time of one of them.
    pub p50: Option<Duration>,
    /// The same: 95 of 100 took no longer.
    pub p95: Option<Duration>,
    /// The longest of these.
    pub max: Option<Duration>,
    /// Time at work of all attempts together.
    pub total: Duration,
    /// What they consumed, as far as their agents said.
    pub usage: Usage,
}

impl Figures {
    /// Attempts that did not succeed.
    pub fn failed(&self) -> usize {
        self.attempts - self.succeeded
    }
}

/// Attempts that have something in common, and the last ones of them.
#[derive(Debug, Clone, PartialEq)]
pub struct StatsGroup {
    /// What they have in common.
    pub common: Common,
    /// Their figures.
    pub figures: Figures,
    /// The last ones, newest first.
    pub recent: Vec<RecentAttempt>,
}

/// What attempts have in common. `None` is what was not asked for; and a model that is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Common {
    /// The step; `prompt` for all that prompts became.
    pub step: Option<StepName>,
    /// The agent program.
    pub agent: Option<Arc<str>>,
    /// The model.
    pub model: Option<Arc<str>>,
    /// The repository.
    pub repository_url: Option<Arc<str>>,
    /// The workflow.
    pub workflow: Option<&'static str>,
}

/// One attempt, as a dot among others.
#[derive(Debug, Clone, PartialEq)]
pub struct RecentAttempt {
    /// The order.
    pub order: OrderId,
    /// The step.
    pub step: StepName,
    /// Number of the attempt.
    pub attempt: u32,
    /// Why it failed; `None` if it succeeded.
    pub error: Option<FailureCode>,
    /// Time at work.
    pub took: Duration,
    /// When it ended.
    pub ended: Timestamp,
}

/// The attempts that ended on one day.
#[derive(Debug, Clone, PartialEq)]
pub struct DayFigures {
    /// When the day began (UTC).
    pub begins: Timestamp,
    /// Their figures.
    pub figures: Figures,
}

/// The attempts of one order.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderFigures {
    /// The order.
    pub order: OrderId,
    /// Its repository.
    pub repository_url: Arc<str>,
    /// Its workflow.
    pub workflow: &'static str,
    /// Its agent program.
    pub agent: Arc<str>,
    /// When it was created.
    pub created_at: Timestamp,
    /// The step that took most time in all its attempts.
    pub slowest_step: StepName,
    /// Its figures.
    pub figures: Figures,
}

/// Puts the figures together of all attempts that the question is about.
pub(crate) fn summarize(
    orders: &[Arc<CountedOrder>],
    query: &StatsQuery,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> StatsSummary {
    let within = |ended: Timestamp| since.is_none_or(|since| since <= ended) && until.is_none_or(|until| ended < until);
    let mut total = Gathered::default();
    let mut groups: HashMap<Common, Gathered<'_>> = HashMap::new();
    let mut days: BTreeMap<i64, Gathered<'_>> = BTreeMap::new();
    let mut repositories: HashMap<&Arc<str>, Gathered<'_>> = HashMap::new();
    let mut by_order: Vec<(&CountedOrder, Gathered<'_>)> = Vec::new();
    for order in orders.iter().filter(|order| query.is_about(order)) {
        let mut own = Gathered::default();
        for attempt in order.attempts.iter().filter(|it| query.asks_for(it) && within(it.ended)) {
            let day = attempt.ended.as_second().div_euclid(SECONDS_OF_A_DAY);
            let group = groups.entry(common(order, attempt, &query.group_by)).or_default();
            let repository = repositories.entry(&order.repository_url).or_default();
            for gathered in [&mut total, group, days.entry(day).or_default(), repository, &mut own] {
                gathered.take(order, attempt);
            }
        }
        if !own.all.is_empty() {
            by_order.push((order, own));
        }
    }
    let mut groups: Vec<_> = groups.into_iter().map(|(common, it)| it.into_group(common, query.recent)).collect();
    groups.sort_by(|a, b| (b.figures.total, &a.common).cmp(&(a.figures.total, &b.common)));
    groups.truncate(GROUPS);
    let days = days.into_iter().filter_map(|(day, it)| {
        let begins = Timestamp::from_second(day * SECONDS_OF_A_DAY).ok()?;
        Some(DayFigures { begins, figures: it.figures() })
    });
    let figures = repositories.into_iter().map(|(url, it)| (Arc::clone(url), it.figures()));
    let mut repositories: Vec<_> = figures.collect();
    repositories.sort_by(|(a, first), (b, second)| {
        let costs = second.usage.cost_nanousd.cmp(&first.usage.cost_nanousd);
        costs.then(second.attempts.cmp(&first.attempts)).then(a.cmp(b))
    });
    repositories.truncate(REPOSITORIES);
    by_order.sort_by_key(|(order, own)| (Reverse(own.total), order.id));
    by_order.truncate(query.slowest);
    StatsSummary {
        total: total.figures(),
        groups,
        days: days.collect(),
        repositories,
        slowest_orders: by_order.into_iter().filter_map(|(order, own)| own.into_order(order)).collect(),
    }
}

/// What is usual, if there are enough times to say so.
pub(crate) fn usual(mut times: Vec<Duration>, least: usize) -> Option<UsualDuration> {
    times.sort_unstable();
    let samples = times.len();
    let (p50, p95) = (percentile(&times, 50)?, percentile(&times, 95)?);
    (samples >= least).then_some(UsualDuration { p50, p95, samples })
}

/// The smallest of the sorted times that so many percent of them do not exceed (nearest rank).
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

/// What an attempt has in common with those that it is counted with.
fn common(order: &CountedOrder, attempt: &Attempt, by: &BTreeSet<Dimension>) -> Common {
    let asked = |dimension| by.contains(&dimension);
    Common {
        step: asked(Dimension::Step).then(|| attempt.step.clone()),
        agent: asked(Dimension::Agent).then(|| Arc::clone(&attempt.agent)),
        model: attempt.model.clone().filter(|_| asked(Dimension::Model)),
        repository_url: asked(Dimension::Repository).then(|| Arc::clone(&order.repository_url)),
        workflow: asked(Dimension::Workflow).then_some(order.workflow),
    }
}

/// Attempts that are counted together. Those of one order come one after the other.
#[derive(Debug, Default)]
struct Gathered<'a> {
    all: Vec<(OrderId, &'a Attempt)>,
    orders: usize,
    total: Duration,
    usage: Usage,
    failures: BTreeMap<FailureCode, usize>,
}

impl<'a> Gathered<'a> {
    fn take(&mut self, order: &CountedOrder, attempt: &'a Attempt) {
        if self.all.last().is_none_or(|(last, _)| *last != order.id) {
            self.orders += 1;
        }
        self.all.push((order.id, attempt));
        self.total = self.total.saturating_add(attempt.took);
        if let Some(used) = &attempt.usage {
            self.usage.add(used);
        }
        if let Some(code) = attempt.error {
            *self.failures.entry(code).or_default() += 1;
        }
    }

    fn figures(self) -> Figures {
        let succeeded = self.all.iter().filter(|(_, attempt)| attempt.error.is_none());
        let mut times: Vec<_> = succeeded.map(|(_, attempt)| attempt.took).collect();
        times.sort_unstable();
        Figures {
            orders: self.orders,
            attempts: self.all.len(),
            succeeded: times.len(),
            failures: self.failures,
            p50: percentile(&times, 50),
            p95: percentile(&times, 95),
            max: times.last().copied(),
            total: self.total,
            usage: self.usage,
        }
    }

    fn into_group(mut self, common: Common, recent: usize) -> StatsGroup {
        let mut last = Vec::new();
        if recent > 0 {
            self.all.sort_by_key(|(order, attempt)| Reverse((attempt.ended, *order, attempt.number)));
            last.extend(self.all.iter().take(recent).map(|(order, attempt)| RecentAttempt {
                order: *order,
                step: attempt.step.clone(),
                attempt: attempt.number,
                error: attempt.error,
                took: attempt.took,
                ended: attempt.ended,
            }));
        }
        StatsGroup { common, figures: self.figures(), recent: last }
    }

    fn into_order(self, order: &CountedOrder) -> Option<OrderFigures> {
        let mut by_step: BTreeMap<&StepName, Duration> = BTreeMap::new();
        for (_, attempt) in &self.all {
            *by_step.entry(&attempt.step).or_default() += attempt.took;
        }
        let (slowest_step, _) = by_step.into_iter().max_by_key(|(_, took)| *took)?;
        Some(OrderFigures {
            order: order.id,
            repository_url: Arc::clone(&order.repository_url),
            workflow: order.workflow,
            agent: Arc::clone(&order.agent),
            created_at: order.created_at,
            slowest_step: slowest_step.clone(),
            figures: self.figures(),
        })
    }
}
