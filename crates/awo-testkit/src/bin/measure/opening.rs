//! Opening a directory of many orders, beside reading all bytes of its journals.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use awo_state::FileRepository;

use crate::options::Options;
use crate::{Outcome, tell};

pub(crate) fn run(options: &Options) -> Outcome {
    beside(&options.dir, "open-10000", options.repeats)
}

/// Opens a directory so many times, and reads it after each.
pub(crate) fn beside(dir: &Path, row: &str, repeats: usize) -> Outcome {
    read(dir)?; // what is measured is not the device
    for _ in 0..repeats {
        let begun = Instant::now();
        let repository = FileRepository::open(dir, "measure")?;
        let opened = begun.elapsed();
        drop(repository);
        tell(row, opened.as_secs_f64(), Some(read(dir)?.as_secs_f64()))?;
    }
    Ok(())
}

/// Reads every journal, one after the other; the time that takes.
fn read(dir: &Path) -> Outcome<Duration> {
    let begun = Instant::now();
    let mut buffer = vec![0; 64 * 1024];
    for shard in fs::read_dir(dir.join("orders"))? {
        for journal in fs::read_dir(shard?.path())? {
            let mut file = File::open(journal?.path())?;
            while file.read(&mut buffer)? > 0 {}
        }
    }
    Ok(begun.elapsed())
}
