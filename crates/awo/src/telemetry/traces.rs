//! The export of traces: spans of orders become spans of OpenTelemetry and go to a collector, in batches, from a thread of
//! their own. Whatever becomes of them, no order waits: what does not fit into the queue is thrown away.

mod exporter;
mod layer;
mod place;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanProcessor as _};
use tracing::{info, warn};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::Told;
use crate::settings::Collector;
use layer::Spans;

/// Time for the last spans when the program ends.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// What sends traces, where they are sent.
#[derive(Debug)]
pub(crate) struct Traces(Option<Arc<BatchSpanProcessor>>);

impl Traces {
    /// Begins to send, if there is who takes it; and who is told of spans then.
    pub(super) fn begin(collector: Option<Collector>) -> anyhow::Result<(Self, Option<Told>)> {
        let Some(collector) = collector else { return Ok((Self(None), None)) };
        let exporter = exporter::exporter(&collector).context("cannot send traces")?;
        // How much is queued and how often it is sent, the specification's own variables say (OTEL_BSP_*).
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        processor.set_resource(&resource(collector.service_name));
        let processor = Arc::new(processor);
        let only = Targets::new().with_target(awo_engine::traces::TARGET, LevelFilter::INFO);
        let spans = Spans::new(Arc::clone(&processor)).with_filter(only).boxed();
        Ok((Self(Some(processor)), Some(spans)))
    }

    pub(super) fn announce(url: &str) {
        info!(url, "traces_exported");
    }

    /// Sends what is left, within a bound.
    pub(crate) async fn end(self) {
        let Some(processor) = self.0 else { return };
        let ended = tokio::task::spawn_blocking(move || processor.shutdown_with_timeout(LAST_SPANS)).await;
        if !matches!(ended, Ok(Ok(()))) {
            warn!("traces_left_behind: the collector did not take the last spans in time");
        }
    }
}

/// Who sends: what the environment says of it (`OTEL_RESOURCE_ATTRIBUTES`), and else what we know.
fn resource(service_name: Option<String>) -> Resource {
    let known = Resource::builder_empty().with_service_name(env!("CARGO_PKG_NAME"));
    let known = known.with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    let told = known.with_detectors(&[Box::new(TelemetryResourceDetector), Box::new(EnvResourceDetector::new())]);
    match service_name {
        Some(name) => told.with_service_name(name).build(),
        None => told.build(),
    }
}
