//! How far recipients were told, as files: one for each, to which a line is added for each thing told.
//!
//! A line that a crash cuts off or loses means that something is told twice, so lines are not synced.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use awo_engine::{StateError, Told, ToldStore};
use awo_models::{EventSeq, OrderId};

use crate::durable::{make_directory, replace};

type Result<T> = std::result::Result<T, StateError>;

/// First line of each file; the number is that of the format.
const HEAD: &str = "awo-told 1";

/// Keeps what was told in a directory, which is made when it is first needed. One process uses it at a time.
#[derive(Debug, Clone)]
pub struct ToldFiles {
    directory: PathBuf,
    unwritten: Unwritten,
}

/// What could not be written whole, by the file it was for: the first note that can makes up for it. Without it, a line
/// alone would say that nothing else was ever told.
type Unwritten = Arc<Mutex<HashMap<PathBuf, Told>>>;

impl ToldFiles {
    /// Files in a directory.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, unwritten: Unwritten::default() }
    }

    async fn aside<T: Send + 'static>(
        &self,
        recipient: &str,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let path = self.directory.join(recipient);
        let shown = path.display().to_string();
        let done = tokio::task::spawn_blocking(move || work(&path)).await;
        done.unwrap_or_else(|died| Err(io::Error::other(died)))
            .map_err(|error| StateError::Unavailable(format!("cannot use {shown}: {error}").into()))
    }
}

#[async_trait]
impl ToldStore for ToldFiles {
    async fn find(&self, recipient: &str) -> Result<Option<Told>> {
        self.aside(recipient, |path| match fs::read_to_string(path) {
            Ok(text) => read(&text).map(Some).ok_or_else(|| io::Error::other("another version of awo wrote it")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    async fn replace(&self, recipient: &str, told: &Told) -> Result<()> {
        let (told, unwritten) = (told.clone(), Arc::clone(&self.unwritten));
        self.aside(recipient, move |path| {
            let mut unwritten = unwritten.lock().unwrap_or_else(PoisonError::into_inner);
            let written = write_whole(path, &told);
            match written {
                Ok(()) => unwritten.remove(path),
                Err(_) => unwritten.insert(path.to_owned(), told),
            };
            written
        })
        .await
    }

    async fn note(&self, recipient: &str, order: OrderId, seq: EventSeq) -> Result<()> {
        let line = format!("\n{order} {seq}");
        let unwritten = Arc::clone(&self.unwritten);
        self.aside(recipient, move |path| {
            let mut unwritten = unwritten.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(told) = unwritten.get_mut(path) else {
                return OpenOptions::new().append(true).mode(0o600).open(path)?.write_all(line.as_bytes());
            };
            told.insert(order, seq);
            write_whole(path, told)?;
            unwritten.remove(path);
            Ok(())
        })
        .await
    }

    async fn take_turn(&self, _: &str, _: Duration) -> Result<bool> {
        Ok(true) // nobody else uses the directory
    }

    async fn end_turn(&self, _: &str) -> Result<()> {
        Ok(())
    }
}

fn write_whole(path: &Path, told: &Told) -> io::Result<()> {
    make_directory(path.parent().unwrap_or(Path::new(".")))?;
    replace(path, write(told).as_bytes())
}

/// What a file tells, `None` if it is not of this format. Each line begins with the end of the one before, so that a line
/// that was cut off spoils only itself. Of an order the largest number counts.
fn read(text: &str) -> Option<Told> {
    let mut told = HashMap::new();
    for line in text.strip_prefix(HEAD)?.split('\n') {
        let Some((order, seq)) = line.split_once(' ') else { continue };
        if let (Ok(order), Ok(seq)) = (order.parse::<OrderId>(), seq.parse().map(EventSeq)) {
            let last = told.entry(order).or_insert(seq);
            *last = seq.max(*last);
        }
    }
    Some(told)
}

fn write(told: &Told) -> String {
    let mut text = HEAD.to_owned();
    for (order, EventSeq(seq)) in told {
        let _ = write!(text, "\n{order} {seq}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(number: u8) -> OrderId {
        OrderId::new(1_700_000_000_000, [number; 10])
    }

    #[tokio::test]
    async fn what_was_noted_is_there_for_the_next_life() {
        let dir = tempfile::tempdir().unwrap();
        let files = ToldFiles::new(dir.path().join("notices"));
        assert_eq!(files.find("one").await.unwrap(), None, "nothing was ever kept");
        files.replace("one", &HashMap::from([(order(1), EventSeq(4))])).await.unwrap();
        files.note("one", order(2), EventSeq(7)).await.unwrap();
        files.note("one", order(1), EventSeq(9)).await.unwrap();
        let again = ToldFiles::new(dir.path().join("notices"));
        let expected = HashMap::from([(order(1), EventSeq(9)), (order(2), EventSeq(7))]);
        assert_eq!(again.find("one").await.unwrap(), Some(expected));
        assert_eq!(again.find("other").await.unwrap(), None, "recipients are apart");
    }

    #[tokio::test]
    async fn what_could_not_be_written_whole_is_written_with_the_first_note_that_can() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("notices");
        fs::write(&place, "in the way").unwrap();
        let files = ToldFiles::new(place.clone());
        assert!(files.replace("one", &HashMap::from([(order(1), EventSeq(4))])).await.is_err());
        assert!(files.note("one", order(2), EventSeq(7)).await.is_err());
        fs::remove_file(&place).unwrap();
        files.note("one", order(3), EventSeq(2)).await.unwrap();
        files.note("one", order(3), EventSeq(5)).await.unwrap();
        let expected = [(order(1), EventSeq(4)), (order(2), EventSeq(7)), (order(3), EventSeq(5))];
        assert_eq!(ToldFiles::new(place).find("one").await.unwrap(), Some(HashMap::from(expected)));
    }

    #[test]
    fn a_file_that_is_cut_anywhere_forgets_its_last_line_at_most() {
        let told = HashMap::from([(order(1), EventSeq(4))]);
        let whole = format!("{}\n{} 7", write(&told), order(2));
        for end in write(&told).len()..whole.len() {
            // A number that was cut is smaller: it is told again.
            assert!(read(&whole[..end]).unwrap().get(&order(2)).is_none_or(|seq| *seq <= EventSeq(7)), "{end}");
            let again = format!("{}\n{} 8", &whole[..end], order(2));
            assert_eq!(read(&again).unwrap(), HashMap::from([(order(1), EventSeq(4)), (order(2), EventSeq(8))]));
        }
        assert_eq!(read(&write(&told)), Some(told));
        assert_eq!(read("awo-told 2\nx"), None);
        assert_eq!(read(""), None);
    }
}
