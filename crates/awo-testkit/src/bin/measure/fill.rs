//! Fills a data directory with orders that have ended, of seven steps each.

use std::sync::Arc;

use awo_state::{FileRepository, StateRepository};
use awo_testkit::Writer;

use crate::Outcome;
use crate::options::Options;

const STEPS: usize = 7;

pub(crate) async fn run(options: &Options) -> Outcome {
    let store: Arc<dyn StateRepository> = Arc::new(FileRepository::open(&options.dir, "measure")?);
    fill(&store, options.size).await
}

/// Stores so many orders.
pub(crate) async fn fill(store: &Arc<dyn StateRepository>, orders: usize) -> Outcome {
    for n in 1..=orders {
        let mut writer = Writer::new(store, n as u64).await?;
        for _ in 0..STEPS {
            writer.save().await?;
        }
        writer.end().await?;
    }
    Ok(())
}
