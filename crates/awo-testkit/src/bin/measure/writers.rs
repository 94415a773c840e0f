//! Sixteen orders that are saved at once, beside sixteen threads that append and sync as many bytes, and beside as many
//! tasks that hand each append to a thread that may wait, as whoever writes files in an asynchronous program must.

use std::path::Path;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

use awo_state::{FileRepository, StateRepository};
use awo_testkit::{Writer, journal};
use tokio::task::{JoinSet, spawn_blocking};

use crate::bare::Appender;
use crate::options::Options;
use crate::{Outcome, tell};

pub(crate) const AT_ONCE: usize = 16;

pub(crate) async fn run(options: &Options) -> Outcome {
    for repeat in 0..options.repeats {
        let Round { saved, appended, handed } = Round::run(options, AT_ONCE, repeat).await?;
        tell("writers-16", saved, Some(appended))?;
        tell("writers-16-handed", saved, Some(handed))?;
    }
    Ok(())
}

/// How many a second, of all together.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) saved: f64,
    /// By threads.
    pub(crate) appended: f64,
    /// By tasks, each of which hands them to a thread.
    pub(crate) handed: f64,
}

impl Round {
    /// Saves of so many orders at once, and as many appends.
    pub(crate) async fn run(options: &Options, at_once: usize, repeat: usize) -> Outcome<Self> {
        let dir = tempfile::tempdir_in(&options.dir)?;
        let bytes = bytes_of_a_save(dir.path()).await?;
        let bare = || appenders(dir.path(), at_once);
        let (saved, appended, handed);
        // Which comes first changes, as one leaves the device busy for the other.
        if repeat.is_multiple_of(2) {
            saved = saves(dir.path(), at_once, options.size).await?;
            handed = handed_appends(bare()?, options.size, bytes).await?;
            appended = appends(bare()?, options.size, bytes)?;
        } else {
            appended = appends(bare()?, options.size, bytes)?;
            handed = handed_appends(bare()?, options.size, bytes).await?;
            saved = saves(dir.path(), at_once, options.size).await?;
        }
        Ok(Self { saved, appended, handed })
    }
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

async fn saves(dir: &Path, at_once: usize, each: usize) -> Outcome<f64> {
    let store: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir.join("data"), "measure")?);
    saves_of(&store, at_once, each).await
}

/// Saves a second, of all orders together.
pub(crate) async fn saves_of(store: &Arc<dyn StateRepository>, at_once: usize, each: usize) -> Outcome<f64> {
    let mut writers = Vec::new();
    for n in 1..=at_once {
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
    Ok(a_second(at_once * each, begun))
}

/// As many new files.
fn appenders(dir: &Path, at_once: usize) -> Outcome<Vec<Appender>> {
    let dir = tempfile::tempdir_in(dir)?.keep(); // the whole place is removed in the end
    (1..=at_once).map(|n| Appender::new(&dir.join(format!("bare-{n}")))).collect()
}

/// Appends a second, of all tasks together, each of which a thread does that may wait.
async fn handed_appends(appenders: Vec<Appender>, each: usize, bytes: usize) -> Outcome<f64> {
    let (bytes, all): (Arc<[u8]>, _) = (vec![b'x'; bytes].into(), appenders.len() * each);
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
    Ok(a_second(all, begun))
}

/// Appends a second, of all threads together.
fn appends(appenders: Vec<Appender>, each: usize, bytes: usize) -> Outcome<f64> {
    let (bytes, start, all) = (vec![b'x'; bytes], Barrier::new(appenders.len() + 1), appenders.len() * each);
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
        Ok(a_second(all, begun))
    })
}

#[expect(clippy::cast_precision_loss, reason = "thousands")]
fn a_second(all: usize, begun: Instant) -> f64 {
    all as f64 / begun.elapsed().as_secs_f64()
}
