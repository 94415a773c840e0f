//! SIGTERM and Ctrl-C.

use anyhow::Context as _;
use tokio::signal::unix::{self, SignalKind};

/// Who wants this program to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// A person at the terminal, with Ctrl-C.
    Interrupt,
    /// The system, or a program.
    Terminate,
}

/// SIGTERM and Ctrl-C, caught from the moment this is made.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
}

impl Signals {
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let terminate = unix::signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
        let interrupt = unix::signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
        Ok(Self { terminate, interrupt })
    }

    /// Waits for the next of them.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.interrupt.recv() => Signal::Interrupt,
        }
    }
}
