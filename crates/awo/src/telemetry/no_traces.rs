//! Stands in for the export of traces in a program that is built without it.

use tracing::warn;

use super::Told;
use crate::settings::Collector;

/// No traces.
#[derive(Debug)]
pub(crate) struct Traces;

impl Traces {
    #[expect(clippy::unnecessary_wraps, reason = "the export can fail to begin")]
    pub(super) fn begin(_: Option<Collector>) -> anyhow::Result<(Self, Option<Told>)> {
        Ok((Self, None))
    }

    pub(super) fn announce(url: &str) {
        warn!(url, "traces_not_exported: this program is built without the feature otel, so no traces are made");
    }

    #[expect(clippy::unused_async, reason = "the export waits here")]
    pub(crate) async fn end(self) {}
}
