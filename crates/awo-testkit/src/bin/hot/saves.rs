//! Saves of steps, opening what was saved, and whole orders.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use awo_state::{FileRepository, InMemory, StateRepository};
use awo_testkit::Writer;
use awo_testkit::instant::{Stage, Stores};

use crate::Outcome;

/// Orders of the directory that is opened, and their steps.
const ORDERS: u64 = 20;
const STEPS: usize = 7;

/// A step ends and is saved in memory.
pub(crate) async fn memory(times: usize) -> Outcome {
    save(Arc::new(InMemory::default()), times).await
}

/// A step ends and is saved in a file.
pub(crate) async fn files(times: usize) -> Outcome {
    let dir = place()?;
    save(Arc::new(FileRepository::open(dir.path(), "hot")?), times).await
}

async fn save(store: Arc<dyn StateRepository>, times: usize) -> Outcome {
    let mut writer = Writer::new(&store, 1).await?;
    for _ in 0..times {
        writer.save().await?;
    }
    Ok(())
}

/// A directory of twenty orders is opened.
pub(crate) async fn open(times: usize) -> Outcome {
    let dir = place()?;
    let store: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir.path(), "hot")?);
    for n in 1..=ORDERS {
        let mut writer = Writer::new(&store, n).await?;
        for _ in 0..STEPS {
            writer.save().await?;
        }
        writer.end().await?;
    }
    drop(store);
    for _ in 0..times {
        drop(black_box(FileRepository::open(dir.path(), "hot")?));
    }
    Ok(())
}

/// An order of seven steps, from its creation to its end, whose agent, checkout and store are in memory.
pub(crate) async fn order(times: usize) -> Outcome {
    let stage = Stage::new(Stores::memory(), Ok)?;
    for _ in 0..times {
        stage.run(stage.create().await?).await?;
    }
    Ok(())
}

/// A directory in memory where there is one: what a device does is not counted anyway.
fn place() -> Outcome<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    Ok(if memory.is_dir() { tempfile::tempdir_in(memory)? } else { tempfile::tempdir()? })
}
