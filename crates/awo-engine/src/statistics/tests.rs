//! Figures against a plain recomputation, and what the index keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use awo_models::*;
use proptest::prelude::*;

use super::attempts::CountedOrder;
use super::index::Index;
use super::query::{Dimension, StatsQuery, StatsWindow};
use super::summary::{Common, Figures, summarize};
use super::usual::Telling;

const DAY: i64 = 24 * 60 * 60;
const REPOSITORIES: [&str; 2] = ["https://example.org/a/b", "https://example.org/c/d"];
const STEPS: [&str; 3] = ["plan", "implement", "prompt-1"];
const CODES: [FailureCode; 2] = [FailureCode::AgentTimeout, FailureCode::Interrupted];

/// One attempt, as plain data.
#[derive(Debug, Clone)]
struct Row {
    order: usize,
    step: usize,
    took: u64,
    /// Seconds since 1970 at which it ended.
    ended: i64,
    error: Option<usize>,
    cost: Option<u64>,
    model: Option<bool>,
}

impl Row {
    fn repository(&self) -> &'static str {
        REPOSITORIES[self.order % 2]
    }

    fn workflow(&self) -> &'static str {
        if self.order.is_multiple_of(3) { "agent_workflow_plan" } else { "selected_commands" }
    }

    fn step(&self) -> &'static str {
        ["plan", "implement", "prompt"][self.step]
    }

    /// The step `implement` has an agent of its own.
    fn agent(&self) -> &'static str {
        if self.step == 1 { "coder" } else { agent(self.order) }
    }

    /// Orders with an even number ask for one.
    fn model(&self) -> Option<&'static str> {
        let asked = self.order.is_multiple_of(2).then_some("opus");
        self.model.map(|small| if small { "haiku" } else { "opus" }).or(asked)
    }

    fn id(&self) -> OrderId {
        id(self.order)
    }
}

/// The agent that orders ask for: half of them for another one.
fn agent(order: usize) -> &'static str {
    if order % 6 < 3 { "claude" } else { "codex" }
}

fn id(order: usize) -> OrderId {
    OrderId::new(1_700_000_000_000 + order as u64, [7; 10])
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn definition(step: &'static str, agent: Option<&str>) -> StepDefinition {
    StepDefinition {
        step: StepName::known(step),
        agent_name: AgentName::known("role"),
        prompt: "prompt".into(),
        inputs: Vec::new(),
        agent: agent.map(Arc::from),
        goal: StepGoal::Report,
        required: true,
        timeout: None,
        retry: RetryPolicy::default(),
    }
}

/// The order with this number, as it is stored with these results.
fn order(number: usize, rows: &[Row]) -> CountedOrder {
    let spec = OrderSpec {
        repository_url: REPOSITORIES[number % 2].into(),
        user_request: "x".into(),
        github_issue_number: None,
        sandbox_type: SandboxType::GitBranch,
        workflow_type: number.is_multiple_of(3).then_some(WorkflowType::AgentWorkflowPlan),
        selected_commands: None,
        workflow: vec![definition("plan", None), definition("implement", Some("coder"))],
        agent: agent(number).into(),
        model: number.is_multiple_of(2).then(|| "opus".into()),
        isolation: Isolation::Auto,
        network: Network::Host,
        base_branch: None,
        limits: Limits::default(),
        labels: Vec::new(),
        priority: 0,
        requested_by: None,
        idempotency: None,
    };
    let order = AgentWorkOrder::new(id(number), second(i64::try_from(number).unwrap()), spec);
    let results = rows.iter().filter(|row| row.order == number).zip(1..).map(|(row, attempt)| {
        let usage = Usage {
            cost_nanousd: row.cost,
            model: row.model.map(|small| if small { "haiku" } else { "opus" }.to_owned()),
            ..Usage::default()
        };
        StepExecutionResult {
            step: StepName::known(STEPS[row.step]),
            agent_name: AgentName::known("role"),
            attempt,
            success: row.error.is_none(),
            output: None,
            output_truncated: false,
            error_code: row.error.map(|code| CODES[code]),
            error_message: None,
            error_exit: None,
            duration: Duration::from_secs(row.took),
            session_id: None,
            started_at: second(row.ended),
            timestamp: second(row.ended),
            evidence: Evidence::default(),
            usage: (row.cost.is_some() || row.model.is_some()).then_some(usage),
            tries: Vec::new(),
            artifacts: Vec::new(),
        }
    });
    CountedOrder::of(&order, &results.collect())
}

fn orders(rows: &[Row]) -> Vec<Arc<CountedOrder>> {
    let numbers: BTreeSet<_> = rows.iter().map(|row| row.order).collect();
    numbers.into_iter().map(|number| Arc::new(order(number, rows))).collect()
}

/// The figures of some rows, by their definitions.
fn plain(rows: &[&Row]) -> Figures {
    let times: Vec<u64> = rows.iter().filter(|row| row.error.is_none()).map(|row| row.took).collect();
    let percentile = |percent: usize| {
        let share = |most: u64| times.iter().filter(|time| **time <= most).count() * 100;
        times.iter().copied().filter(|time| share(*time) >= percent * times.len()).min().map(Duration::from_secs)
    };
    let mut failures = BTreeMap::new();
    for code in rows.iter().filter_map(|row| row.error) {
        *failures.entry(CODES[code]).or_insert(0) += 1;
    }
    let costs: Vec<u64> = rows.iter().filter_map(|row| row.cost).collect();
    Figures {
        orders: rows.iter().map(|row| row.order).collect::<BTreeSet<_>>().len(),
        attempts: rows.len(),
        succeeded: times.len(),
        failures,
        p50: percentile(50),
        p95: percentile(95),
        max: times.iter().max().copied().map(Duration::from_secs),
        total: Duration::from_secs(rows.iter().map(|row| row.took).sum()),
        usage: Usage { cost_nanousd: (!costs.is_empty()).then(|| costs.iter().sum()), ..Usage::default() },
    }
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (0..6_usize, 0..3_usize, 0..300_u64, -2 * DAY..5 * DAY)
        .prop_flat_map(|place| {
            let error = prop::option::weighted(0.3, 0..2_usize);
            (Just(place), error, prop::option::of(0..1_000_u64), prop::option::of(any::<bool>()))
        })
        .prop_map(|((order, step, took, ended), error, cost, model)| Row {
            order,
            step,
            took,
            ended,
            error,
            cost,
            model,
        });
    prop::collection::vec(row, 0..60)
}

fn queries() -> impl Strategy<Value = StatsQuery> {
    let filters = (
        prop::option::weighted(0.2, prop::sample::select(&REPOSITORIES[..])),
        prop::option::weighted(0.2, prop::sample::select(&["claude", "codex", "coder"][..])),
        prop::option::weighted(0.2, prop::sample::select(&["opus", "haiku"][..])),
        prop::option::weighted(0.2, prop::sample::select(&["plan", "prompt"][..])),
        prop::option::weighted(0.2, prop::sample::select(&["agent_workflow_plan", "selected_commands"][..])),
    );
    let window = (prop::option::of(-DAY..4 * DAY), prop::option::of(-DAY..4 * DAY));
    let by = prop::collection::btree_set(prop::sample::select(&Dimension::ALL[..]), 0..5);
    (filters, window, by, 0..4_usize, 0..4_usize).prop_map(|(filters, (since, until), group_by, recent, slowest)| {
        let (repository, agent, model, step, workflow) = filters;
        let text = |it: Option<&str>| it.map(str::to_owned);
        StatsQuery {
            window: StatsWindow::Between { since: since.map(second), until: until.map(second) },
            repository_url: text(repository),
            agent: text(agent),
            model: text(model),
            step: text(step),
            workflow: text(workflow),
            group_by,
            recent,
            slowest,
        }
    })
}

proptest! {
    #[test]
    fn figures_are_what_a_plain_recomputation_says(rows in rows(), query in queries()) {
        let StatsWindow::Between { since, until } = query.window else { unreachable!() };
        let summary = summarize(&orders(&rows), &query, since, until);
        let is = |wanted: &Option<String>, is: Option<&str>| wanted.as_deref().is_none_or(|wanted| Some(wanted) == is);
        let meant: Vec<&Row> = rows.iter().filter(|row| {
            since.is_none_or(|since| second(row.ended) >= since)
                && until.is_none_or(|until| second(row.ended) < until)
                && is(&query.repository_url, Some(row.repository()))
                && is(&query.agent, Some(row.agent()))
                && is(&query.model, row.model())
                && is(&query.step, Some(row.step()))
                && is(&query.workflow, Some(row.workflow()))
        }).collect();
        prop_assert_eq!(&summary.total, &plain(&meant));

        let by = |dimension| query.group_by.contains(&dimension);
        let common = |row: &Row| Common {
            step: by(Dimension::Step).then(|| StepName::known(row.step())),
            agent: by(Dimension::Agent).then(|| row.agent().into()),
            model: row.model().filter(|_| by(Dimension::Model)).map(Arc::from),
            repository_url: by(Dimension::Repository).then(|| row.repository().into()),
            workflow: by(Dimension::Workflow).then(|| row.workflow()),
        };
        let kinds: BTreeSet<_> = meant.iter().map(|row| common(row)).collect();
        prop_assert_eq!(summary.groups.len(), kinds.len());
        for group in &summary.groups {
            let mut own: Vec<&Row> = meant.iter().copied().filter(|row| common(row) == group.common).collect();
            prop_assert_eq!(&group.figures, &plain(&own));
            own.sort_by_key(|row| std::cmp::Reverse(row.ended));
            let newest: Vec<_> = own.iter().take(query.recent).map(|row| second(row.ended)).collect();
            prop_assert_eq!(group.recent.iter().map(|it| it.ended).collect::<Vec<_>>(), newest);
        }
        let totals: Vec<_> = summary.groups.iter().map(|group| group.figures.total).collect();
        prop_assert!(totals.is_sorted_by(|a, b| a >= b));

        let days: BTreeSet<_> = meant.iter().map(|row| row.ended.div_euclid(DAY)).collect();
        prop_assert_eq!(summary.days.len(), days.len());
        for (day, number) in summary.days.iter().zip(days) {
            let own: Vec<&Row> = meant.iter().copied().filter(|row| row.ended.div_euclid(DAY) == number).collect();
            prop_assert_eq!((day.begins, &day.figures), (second(number * DAY), &plain(&own)));
        }
        for (url, figures) in &summary.repositories {
            let own: Vec<&Row> = meant.iter().copied().filter(|row| *row.repository() == **url).collect();
            prop_assert_eq!(figures, &plain(&own));
        }

        let took = |id: OrderId| meant.iter().filter(|row| row.id() == id).map(|row| row.took).sum::<u64>();
        let ids: BTreeSet<_> = meant.iter().map(|row| row.id()).collect();
        let mut slowest: Vec<_> = ids.into_iter().collect();
        slowest.sort_by_key(|id| (std::cmp::Reverse(took(*id)), *id));
        slowest.truncate(query.slowest);
        prop_assert_eq!(summary.slowest_orders.iter().map(|it| it.order).collect::<Vec<_>>(), slowest);
        for slow in &summary.slowest_orders {
            let of_step = |step: &str| {
                let own = meant.iter().filter(|row| row.id() == slow.order && row.step() == step);
                own.map(|row| row.took).sum::<u64>()
            };
            let most = ["plan", "implement", "prompt"].map(of_step).into_iter().max();
            prop_assert_eq!(Some(of_step(slow.slowest_step.as_str())), most);
        }
    }

    #[test]
    fn what_is_usual_is_told_by_the_newest_successes_of_the_same_agent_or_of_any(
        rows in rows(),
        step in 0..3_usize,
        agent in prop::sample::select(&["claude", "codex", "coder"][..]),
        least in 1..6_usize,
    ) {
        let mut index = Index::default();
        for order in orders(&rows) {
            index.count(CountedOrder::clone(&order));
        }
        let all: Vec<&Row> = rows.iter().filter(|row| row.step == step && row.error.is_none()).collect();
        let own: Vec<&Row> = all.iter().copied().filter(|row| row.agent() == agent).collect();
        let told = [own, all].into_iter().find(|rows| rows.len() >= least).map(|rows| {
            let figures = plain(&rows);
            UsualDuration { p50: figures.p50.unwrap(), p95: figures.p95.unwrap(), samples: rows.len() }
        });
        prop_assert_eq!(usual(&index, STEPS[step], agent, least), told);
    }
}

/// What is usual, by orders that are looked at two at once, until older ones change nothing.
fn usual(index: &Index, step: &'static str, agent: &str, least: usize) -> Option<UsualDuration> {
    let step = StepName::known(step);
    let mut telling = Telling::of(&step, agent);
    let mut before = None;
    while !telling.is_done() {
        let orders = index.older(before, 2);
        for order in &orders {
            telling.look_at(order);
        }
        let Some(oldest) = orders.last() else { break };
        before = Some(oldest.id);
    }
    telling.usual(least)
}

fn succeeded(order: usize, took: u64) -> Row {
    Row { order, step: 0, took, ended: 0, error: None, cost: None, model: None }
}

#[test]
fn only_the_newest_attempts_say_what_is_usual() {
    let rows: Vec<_> = (0..300).map(|n| succeeded(n * 6, if n < 100 { 999 } else { 7 })).collect();
    let mut index = Index::default();
    for order in orders(&rows) {
        index.count(CountedOrder::clone(&order));
    }
    let seven = Duration::from_secs(7);
    let usual = usual(&index, "plan", "claude", 5);
    assert_eq!(usual, Some(UsualDuration { p50: seven, p95: seven, samples: 200 }));
}

#[test]
fn the_oldest_orders_are_left_out_when_there_are_too_many() {
    let rows: Vec<_> = (0..8).map(|number| succeeded(number / 2, 1)).collect();
    let all = orders(&rows);
    let mut index = Index::with_room_for(5);
    // As they are read: newest first.
    assert!(index.count(CountedOrder::clone(&all[3])));
    assert!(index.count(CountedOrder::clone(&all[2])));
    assert_eq!(index.reaches_back_to(), None);
    assert!(!index.count(CountedOrder::clone(&all[1])), "there is no room for older ones");
    let kept: Vec<_> = index.orders().iter().map(|order| order.id).collect();
    assert_eq!((kept, index.reaches_back_to()), (vec![id(2), id(3)], Some(all[2].created_at)));
    // A new one takes the place of the oldest.
    index.count(order(9, &[succeeded(9, 1), succeeded(9, 1)]));
    assert_eq!((index.orders().len(), index.has(id(2)), index.has(id(9))), (2, false, true));
}

#[test]
fn what_was_deleted_while_it_was_read_is_not_counted() {
    let rows = [succeeded(1, 1), succeeded(1, 2)];
    let mut index = Index::default();
    index.count(order(1, &rows));
    index.count(order(1, &rows[..1]));
    assert_eq!(index.orders()[0].attempts.len(), 2, "what was read before counts no more");
    index.forget(id(1));
    index.count(order(1, &rows));
    assert_eq!((index.orders().len(), index.read()), (0, (0, 0)));
}

#[test]
fn what_others_change_while_it_is_counted_is_counted_once_more() {
    let (statistics, id) = (super::Statistics::default(), OrderId::new(1, [7; 10]));
    statistics.changed_elsewhere(id, EventSeq(5));
    let (first, seq) = statistics.changed().next().unwrap();
    statistics.changed_elsewhere(id, EventSeq(6));
    statistics.changed().counted(first, seq);
    assert_eq!(statistics.changed().next(), Some((id, EventSeq(6))));
    statistics.changed().counted(id, EventSeq(6));
    assert_eq!(statistics.changed().next(), None);
}
