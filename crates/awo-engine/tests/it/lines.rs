//! The lines of the program's own log, where it matters how many there are.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber};

/// What was logged on this thread since it was made, without fields.
pub(crate) struct Lines {
    said: Arc<Mutex<Vec<String>>>,
    _until_dropped: DefaultGuard,
}

impl Lines {
    pub(crate) fn new() -> Self {
        let said = Arc::<Mutex<Vec<String>>>::default();
        let listener = Listener(Arc::clone(&said));
        Self { said, _until_dropped: tracing::subscriber::set_default(listener) }
    }

    /// How many lines begin so.
    pub(crate) fn count(&self, beginning: &str) -> usize {
        self.said.lock().unwrap().iter().filter(|line| line.starts_with(beginning)).count()
    }
}

struct Listener(Arc<Mutex<Vec<String>>>);

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Message(&self.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Message<'l>(&'l Mutex<Vec<String>>);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0.lock().unwrap().push(format!("{value:?}"));
        }
    }
}
