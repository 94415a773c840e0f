//! One save in files, each beside a bare append and sync of as many bytes.

use std::sync::Arc;
use std::time::Duration;

use awo_state::{FileRepository, StateRepository};
use awo_testkit::{Writer, journal};

use crate::bare::Appender;
use crate::options::Options;
use crate::{Outcome, percentile, tell};

/// Saves that are not counted, until both files have their first blocks.
const WARM_UP: usize = 10;

pub(crate) async fn run(options: &Options) -> Outcome {
    for _ in 0..options.repeats {
        let (saves, appends) = beside(options, |writer| writer).await?;
        for (row, hundredths) in [("save-p50", 50), ("save-p99", 99)] {
            tell(row, percentile(&saves, hundredths), Some(percentile(&appends, hundredths)))?;
        }
    }
    Ok(())
}

/// Saves of one order, and after each an append of as many bytes; what they took.
pub(crate) async fn beside(
    options: &Options,
    adapt: impl FnOnce(Writer) -> Writer,
) -> Outcome<(Vec<Duration>, Vec<Duration>)> {
    let dir = tempfile::tempdir_in(&options.dir)?;
    let store: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir.path(), "measure")?);
    let mut writer = adapt(Writer::new(&store, 1).await?);
    let mut appender = Appender::new(&dir.path().join("bare"))?;
    let journal = journal(dir.path(), writer.id);
    let (mut saves, mut appends) = (Vec::new(), Vec::new());
    let mut length = std::fs::metadata(&journal)?.len();
    for _ in 0..WARM_UP + options.size {
        saves.push(writer.save().await?);
        let before = std::mem::replace(&mut length, std::fs::metadata(&journal)?.len());
        let same = vec![b'x'; usize::try_from(length - before)?];
        appends.push(appender.append(&same)?);
    }
    Ok((saves.split_off(WARM_UP), appends.split_off(WARM_UP)))
}
