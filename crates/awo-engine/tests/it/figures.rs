//! What is counted of a run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use awo_testkit::{Fault, World};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use crate::outages::until;
use crate::recovery::die_after;

/// The counters, by name and label.
#[derive(Debug, Default)]
struct Counters(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Counters {
    /// Those that are not 0, and back to 0 with them.
    fn take(&self) -> Vec<String> {
        let counters = self.0.lock().unwrap();
        let counted = counters.iter().map(|(name, counter)| (name, counter.swap(0, Ordering::Relaxed)));
        counted.filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name} {count}")).collect()
    }
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<_> = key.labels().map(metrics::Label::value).collect();
        let name = format!("{} {}", key.name(), labels.join(" "));
        Counter::from_arc(Arc::clone(self.0.lock().unwrap().entry(name).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test(start_paused = true)]
async fn saves_are_counted_by_what_became_of_them() {
    let counters = Counters::default();
    let _guard = metrics::set_default_local_recorder(&counters);
    let world = World::new();
    let orchestrator = world.orchestrator();
    world.repository.fail_saves([Fault::Before, Fault::None, Fault::Hang], Fault::None);
    let id = world.create(&orchestrator).await;
    orchestrator.run_order(id).await.unwrap();
    let completed = ["awo_orders_claimed_total waiting 1", "awo_orders_ended_total completed 1"];
    assert_eq!(counters.take(), [&completed[..], &["awo_saves_total failed 2", "awo_saves_total stored 8"]].concat());

    world.repository.fail_saves([Fault::None, Fault::Fenced], Fault::None);
    let id = world.create(&orchestrator).await;
    orchestrator.run_order(id).await.unwrap_err();
    let fenced = ["awo_saves_total refused 1", "awo_saves_total stored 1"];
    assert_eq!(counters.take(), [&completed[..1], &fenced].concat());
}

#[tokio::test(start_paused = true)]
async fn claims_after_a_cut_attempt_and_spills_are_counted_apart() {
    let counters = Counters::default();
    let _guard = metrics::set_default_local_recorder(&counters);
    let world = World::gated();
    let (_dead, id) = die_after(&world, 1).await;
    counters.take();
    world.gate.as_ref().unwrap().add_permits(9);
    world.orchestrator().run_order(id).await.unwrap();
    assert_eq!(counters.take()[0], "awo_orders_claimed_total interruption 1");

    for (is_full, spills) in [(false, "awo_spills_total kept 1"), (true, "awo_spills_total failed 1")] {
        let world = World::gated();
        *world.spills.is_full.lock().unwrap() = is_full;
        world.repository.fail_saves([], Fault::Before);
        let orchestrator = world.orchestrator();
        world.create(&orchestrator).await;
        orchestrator.start();
        world.gate.as_ref().unwrap().add_permits(1);
        until(|| world.timeline.text().contains("agent: plan")).await;
        assert_eq!(counters.take().last().unwrap(), spills);
    }
}
