//! Sixteen orders that are saved at once, beside sixteen threads that append and sync as many bytes, and beside as many
//! tasks that hand each append to a thread that may wait, as whoever writes files in an asynchronous program must.

use std::path::Path;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

use awo_state::{FileRepository, StateRepository};
use tokio::task::{JoinSet, spawn_blocking};

use crate::bare::Appender;
use crate::options::Options;
use crate::orders::{Writer, journal};
use crate::{Outcome, tell};

pub(crate) const AT_ONCE: usize = 16;

pub(crate) async fn run(options: &Options) -> Outcome {
    for repeat in 0..options.repeats {
        let dir = tempfile::tempdir_in(&options.dir)?;
        let bytes = bytes_of_a_save(dir.path()).await?;
        let bare = || appenders(dir.path());
        let (saved, appended, handed);
        // Which comes first changes, as one leaves the device busy for the other.
        if repeat % 2 == 0 {
            saved = saves(dir.path(), options.size).await?;
            handed = handed_appends(bare()?, options.size, bytes).await?;
            appended = appends(bare()?, options.size, bytes)?;
        } else {
            appended = appends(bare()?, options.size, bytes)?;
            handed = handed_appends(bare()?, options.size, bytes).await?;
            saved = saves(dir.path(), options.size).await?;
        }
        tell("writers-16", saved, Some(appended))?;
        tell("writers-16-handed", saved, Some(handed))?;
    }
    Ok(())
}

async fn bytes_of_a_save(dir: &Path) -> Outcome<usize> {
    let dir = tempfile::tempdir_in(dir)?;
    let store: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir.path(), "measure")?);
    let mut writer = Writer::new(&store, 1).await?;
    writer.save().await?;
    let journal = journal(dir.path(), writer.id);
    let before = std::fs::metadata(&journal)?.len();
    writer.save().await?;
    Ok(usize::try_from(std::fs::metadata(&journal)?.len() - before)?)
}

async fn saves(dir: &Path, each: usize) -> Outcome<f64> {
    let store: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir.join("data"), "measure")?);
    saves_of(&store, each).await
}

/// Saves a second, of all orders together.
pub(crate) async fn saves_of(store: &Arc<dyn StateRepository>, each: usize) -> Outcome<f64> {
    let mut writers = Vec::new();
    for n in 1..=AT_ONCE {
        writers.push(Writer::new(store, n as u64).await?);
    }
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for mut writer in writers {
        tasks.spawn(async move {
            for _ in 0..each {
                writer.save().await?;
            }
            Outcome::Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(a_second(each, begun))
}

/// As many new files.
fn appenders(dir: &Path) -> Outcome<Vec<Appender>> {
    let dir = tempfile::tempdir_in(dir)?.keep(); // the whole place is removed in the end
    (1..=AT_ONCE).map(|n| Appender::new(&dir.join(format!("bare-{n}")))).collect()
}

/// Appends a second, of all tasks together, each of which a thread does that may wait.
async fn handed_appends(appenders: Vec<Appender>, each: usize, bytes: usize) -> Outcome<f64> {
    let bytes: Arc<[u8]> = vec![b'x'; bytes].into();
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for mut appender in appenders {
        let bytes = Arc::clone(&bytes);
        tasks.spawn(async move {
            for _ in 0..each {
                let bytes = Arc::clone(&bytes);
                let append = move || appender.append(&bytes).map(|_| appender);
                appender = spawn_blocking(append).await??;
            }
            Outcome::Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(a_second(each, begun))
}

/// Appends a second, of all threads together.
fn appends(appenders: Vec<Appender>, each: usize, bytes: usize) -> Outcome<f64> {
    let (bytes, start) = (vec![b'x'; bytes], Barrier::new(AT_ONCE + 1));
    let (bytes, start) = (&bytes, &start);
    thread::scope(|scope| {
        let append = |mut appender: Appender| {
            start.wait();
            (0..each).try_for_each(|_| appender.append(bytes).map(drop))
        };
        let threads: Vec<_> = appenders.into_iter().map(|one| scope.spawn(move || append(one))).collect();
        start.wait();
        let begun = Instant::now();
        for thread in threads {
            thread.join().map_err(|_| "an appender panicked")??;
        }
        Ok(a_second(each, begun))
    })
}

#[expect(clippy::cast_precision_loss, reason = "thousands")]
fn a_second(each: usize, begun: Instant) -> f64 {
    (AT_ONCE * each) as f64 / begun.elapsed().as_secs_f64()
}
