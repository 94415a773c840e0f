//! The last tenth of the saves of a long order, beside the first.

use std::sync::Arc;

use awo_state::{FileRepository, StateRepository};
use awo_testkit::Writer;

use crate::options::Options;
use crate::{Outcome, percentile, tell};

pub(crate) async fn run(options: &Options) -> Outcome {
    for _ in 0..options.repeats {
        let dir = tempfile::tempdir_in(&options.dir)?;
        let store: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir.path(), "measure")?);
        measure(&store, "flat-files", options.size).await?;
    }
    Ok(())
}

/// Saves one order again and again.
pub(crate) async fn measure(store: &Arc<dyn StateRepository>, row: &str, saves: usize) -> Outcome {
    let mut writer = Writer::new(store, 1).await?;
    let mut took = Vec::with_capacity(saves);
    for _ in 0..saves {
        took.push(writer.save().await?);
    }
    let tenth = saves.div_ceil(10);
    tell(row, percentile(&took[saves - tenth..], 50), Some(percentile(&took[..tenth], 50)))
}
