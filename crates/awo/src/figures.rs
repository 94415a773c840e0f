//! The recorder of the figures that `/metrics` answers, and those of the program itself.

mod process;

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{describe_gauge, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::warn;

/// How often samples are folded into their buckets, so that they take no memory when nobody asks for them.
const UPKEEP: Duration = Duration::from_secs(5);

/// Begins to count, once in a process; renders what was counted. `None`, with a line in the log, if it cannot.
pub(crate) fn begin() -> Option<&'static (dyn Fn() -> String + Send + Sync)> {
    static RENDER: OnceLock<Option<Box<dyn Fn() -> String + Send + Sync>>> = OnceLock::new();
    let begin = || -> Option<Box<dyn Fn() -> String + Send + Sync>> {
        let handle = install().inspect_err(|error| warn!(%error, "figures_not_counted")).ok()?;
        describe();
        let kept_up = handle.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(UPKEEP).await;
                kept_up.run_upkeep();
            }
        });
        Some(Box::new(move || {
            process::set();
            handle.render()
        }))
    };
    RENDER.get_or_init(begin).as_deref()
}

fn install() -> Result<PrometheusHandle, BuildError> {
    let buckets = awo_engine::figures::BUCKETS.into_iter().chain(awo_http::figures::BUCKETS);
    let set = |builder: PrometheusBuilder, (name, bounds): (&str, &[f64])| {
        builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), bounds)
    };
    buckets.into_iter().try_fold(PrometheusBuilder::new(), set)?.install_recorder()
}

fn describe() {
    awo_engine::figures::describe();
    awo_http::figures::describe();
    awo_adapters::figures::describe();
    process::describe();
    describe_gauge!("awo_build_info", "Always 1; the labels say what runs");
    let labels =
        [("version", env!("CARGO_PKG_VERSION")), ("os", std::env::consts::OS), ("arch", std::env::consts::ARCH)];
    gauge!("awo_build_info", &labels).set(1.0);
}
