//! Fills a data directory with orders that have ended, of seven steps each.

use std::sync::Arc;

use awo_state::{FileRepository, StateRepository};

use crate::Outcome;
use crate::options::Options;
use crate::orders::Writer;

const STEPS: usize = 7;

pub(crate) async fn run(options: &Options) -> Outcome {
    let store: Arc<dyn StateRepository> = Arc::new(FileRepository::open(&options.dir, "measure")?);
    for n in 1..=options.size {
        let mut writer = Writer::new(&store, n as u64).await?;
        for _ in 0..STEPS {
            writer.save().await?;
        }
        writer.end().await?;
    }
    Ok(())
}
