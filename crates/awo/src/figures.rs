//! The recorder of the figures that `/metrics` answers.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::warn;

/// Upper bounds of what a save is counted under, in seconds: from a disk that answers at once to one that hangs.
const BOUNDS: [f64; 12] = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5];
/// How often samples are folded into their buckets, so that they take no memory when nobody asks for them.
const UPKEEP: Duration = Duration::from_secs(5);

/// Begins to count, once in a process; renders what was counted. `None`, with a line in the log, if it cannot.
pub(crate) fn begin() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let begin = || {
        let installed = PrometheusBuilder::new().set_buckets(&BOUNDS).and_then(PrometheusBuilder::install_recorder);
        let handle = installed.inspect_err(|error| warn!(%error, "figures_not_counted")).ok()?;
        let kept_up = handle.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(UPKEEP).await;
                kept_up.run_upkeep();
            }
        });
        Some(handle)
    };
    RECORDER.get_or_init(begin).as_ref()
}
