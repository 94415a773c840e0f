//! Who sends spans to the collector, and tells once when it does not take them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use opentelemetry_otlp::{Protocol, SpanExporter as Otlp, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use reqwest::redirect::Policy;
use tracing::{info, warn};

use crate::settings::Collector;
use crate::terminal::visible;

/// Of what a collector says of its trouble, so many characters are logged.
const SAID: usize = 300;

/// Sends to a collector, and tells in the log when that begins to fail and when it goes on.
#[derive(Debug)]
pub(super) struct Told<E> {
    exporter: E,
    failing: AtomicBool,
}

/// An exporter that sends to a collector. Headers are taken from `OTEL_EXPORTER_OTLP_HEADERS` by the exporter itself.
pub(super) fn exporter(collector: &Collector) -> anyhow::Result<Told<Otlp>> {
    let timeout = collector.timeout;
    // A blocking client, as spans are sent from a thread of their own; to be made where nothing is async. What it sends may
    // hold a key, so it goes where it was told to and nowhere else.
    let make = move || reqwest::blocking::Client::builder().timeout(timeout).redirect(Policy::none()).build();
    let client = std::thread::spawn(make).join().map_err(|_| anyhow!("the client panicked"))?;
    let exporter = Otlp::builder().with_http().with_http_client(client.context("no client")?);
    let exporter = exporter.with_endpoint(&collector.url).with_protocol(Protocol::HttpBinary).with_timeout(timeout);
    Ok(Told { exporter: exporter.build()?, failing: AtomicBool::new(false) })
}

impl<E: SpanExporter> SpanExporter for Told<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let sent = self.exporter.export(batch).await;
        match (&sent, self.failing.swap(sent.is_err(), Ordering::Relaxed)) {
            (Err(error), false) => {
                let reason: String = visible(&error.to_string()).chars().take(SAID).collect();
                warn!(spans, reason, "traces_not_exported: the collector does not take them, and they are thrown away");
            }
            (Ok(()), true) => info!("traces_exported_again"),
            _ => {}
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.exporter.shutdown()
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
