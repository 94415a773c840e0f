//! Listens to the program's log on the thread of a test.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::Level;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

/// What is written to the log on this thread, until it is dropped.
pub(crate) struct Log {
    written: Written,
    _until_dropped: DefaultGuard,
}

#[derive(Debug, Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn listen(level: Level) -> Self {
        let written = Written::default();
        let listener = tracing_subscriber::fmt().json().flatten_event(true).with_span_list(false);
        let listener = listener.with_max_level(level).with_writer(written.clone()).finish();
        Self { written, _until_dropped: tracing::subscriber::set_default(listener) }
    }

    /// All of it so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.written.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines so far that tell of something.
    pub(crate) fn told(&self, event: &str) -> Vec<Value> {
        let lines = self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
        lines.into_iter().filter(|line| line["message"] == event).collect()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Written {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
