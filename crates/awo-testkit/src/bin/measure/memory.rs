//! One save in memory.

use std::sync::Arc;

use awo_state::{InMemory, StateRepository};
use awo_testkit::Writer;

use crate::flatness;
use crate::options::Options;
use crate::{Outcome, percentile, tell};

pub(crate) async fn run(options: &Options) -> Outcome {
    for _ in 0..options.repeats {
        let store: Arc<dyn StateRepository> = Arc::new(InMemory::default());
        let mut writer = Writer::new(&store, 2).await?;
        let mut took = Vec::new();
        for _ in 0..options.size.min(1_000) {
            took.push(writer.save().await?);
        }
        tell("save-memory", percentile(&took, 50), None)?;
        flatness::measure(&store, "flat-memory", options.size).await?;
    }
    Ok(())
}
