//! The files that are kept of an order, on the wire.

use awo_models::{ArtifactName, OrderId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::paths::Base;

/// The files that are kept of an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ArtifactList)]
pub(crate) struct ArtifactListView<'a> {
    /// The order.
    #[schema(example = "wo-019b7c9f5ac07e3d8f1a2b3c4d5e6f70")]
    agent_work_order_id: String,
    /// The files, by their names.
    artifacts: Vec<ArtifactView<'a>>,
}

/// A file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Artifact)]
pub(crate) struct ArtifactView<'a> {
    /// Its name.
    #[schema(example = "02-plan-1.transcript.jsonl")]
    name: &'a str,
    /// Path that it can be read at.
    link: String,
}

impl<'a> ArtifactListView<'a> {
    pub(crate) fn new(id: OrderId, names: &'a [ArtifactName], base: Base) -> Self {
        let link = |name: &ArtifactName| format!("{}/{id}/artifacts/{name}", base.0);
        let artifacts = names.iter().map(|name| ArtifactView { name: name.as_str(), link: link(name) }).collect();
        Self { agent_work_order_id: id.to_string(), artifacts }
    }
}
