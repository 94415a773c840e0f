//! What saves cost the longer their answers are and the more orders there are, each beside the bound of the same size.

use std::sync::Arc;

use awo_state::{FileRepository, StateRepository};

use crate::options::Options;
use crate::writers::Round;
use crate::{Outcome, fill, opening, percentile, saves, tell};

/// Bytes of an answer, with the names of their rows.
const ANSWERS: [(&str, usize); 4] = [
    ("curve-answer-1", 1 << 10),
    ("curve-answer-8", 8 << 10),
    ("curve-answer-64", 64 << 10),
    ("curve-answer-512", 512 << 10),
];

/// Orders that are saved at once.
const WRITERS: [(&str, usize); 4] =
    [("curve-writers-1", 1), ("curve-writers-4", 4), ("curve-writers-16", 16), ("curve-writers-64", 64)];

/// Orders of a directory that is opened.
const ORDERS: [(&str, usize); 2] = [("curve-orders-100", 100), ("curve-orders-1000", 1000)];

pub(crate) async fn run(options: &Options) -> Outcome {
    for repeat in 0..options.repeats {
        for (row, bytes) in ANSWERS {
            let (saves, appends) = saves::beside(options, |writer| writer.with_answers_of(bytes)).await?;
            tell(row, percentile(&saves, 50), Some(percentile(&appends, 50)))?;
        }
        for (row, at_once) in WRITERS {
            // As many saves in all, however many orders share them.
            let options = Options { size: (16 * options.size).div_ceil(at_once), ..options.clone() };
            let round = Round::run(&options, at_once, repeat).await?;
            tell(row, round.saved, Some(round.appended))?;
        }
    }
    for (row, orders) in ORDERS {
        let dir = tempfile::tempdir_in(&options.dir)?;
        let store: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir.path(), "measure")?);
        fill::fill(&store, orders).await?;
        drop(store);
        opening::beside(dir.path(), row, options.repeats)?;
    }
    Ok(())
}
