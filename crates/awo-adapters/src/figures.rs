//! What is counted of child processes. Names are stable, and listed in `docs/operations.md`; whoever installs a recorder of
//! the `metrics` crate gets them.

use metrics::{Gauge, counter, describe_counter, describe_gauge, gauge};

/// Git, on the host or within walls.
pub(crate) const GIT: &str = "git";
/// Agents at work, and looks at what agents and walls there are.
pub(crate) const AGENT: &str = "agent";
/// Programs of the operator that are told of orders.
pub(crate) const NOTICE: &str = "notice";

/// Says what each figure means, and begins it with 0. To be called once, when the recorder is there.
pub fn describe() {
    describe_gauge!(
        "awo_child_processes",
        "Programs that run, each below a keeper of its own, without what they start"
    );
    describe_counter!("awo_child_processes_started_total", "Programs that were started");
    for kind in [AGENT, GIT, NOTICE] {
        gauge!("awo_child_processes", "kind" => kind).set(0.0);
        counter!("awo_child_processes_started_total", "kind" => kind).absolute(0);
    }
}

/// A program that runs, until this is dropped.
#[derive(Debug)]
pub(crate) struct Running(Gauge);

impl Running {
    /// One that has just been started.
    pub(crate) fn new(kind: &'static str) -> Self {
        counter!("awo_child_processes_started_total", "kind" => kind).increment(1);
        let running = gauge!("awo_child_processes", "kind" => kind);
        running.increment(1.0);
        Self(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
