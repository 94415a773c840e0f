//! Owns what becomes of a program's output: without secrets it is copied, up to a budget, and cut into lines; and the
//! end of its errors.

use tokio_util::bytes::BytesMut;

use super::RunLimits;
use super::lines::{Line, LineCutter};
use super::transcript::Transcript;
use crate::Secrets;
use crate::redact::Redaction;

/// Bytes kept of the end of stderr.
const TAIL: usize = 16 << 10;

/// Stdout: copied to the transcript as far as the budget goes, and cut into lines to its end.
pub(super) struct Output<'a> {
    on_line: &'a mut (dyn FnMut(Line) + Send),
    redaction: Redaction,
    transcript: Transcript,
    cutter: LineCutter,
    buffer: BytesMut,
    /// Bytes that the transcript may still take.
    budget: u64,
    dropped: u64,
}

impl<'a> Output<'a> {
    pub(super) fn new(
        transcript: Transcript,
        limits: &RunLimits,
        secrets: Secrets,
        on_line: &'a mut (dyn FnMut(Line) + Send),
    ) -> Self {
        Self {
            on_line,
            redaction: Redaction::new(secrets),
            transcript,
            cutter: LineCutter::new(limits.max_line),
            buffer: BytesMut::new(),
            budget: limits.max_transcript,
            dropped: 0,
        }
    }

    pub(super) async fn push(&mut self, bytes: &[u8]) {
        let clean = self.redaction.push(bytes);
        self.take(&clean).await;
    }

    async fn take(&mut self, clean: &[u8]) {
        let fits = usize::try_from(self.budget).unwrap_or(usize::MAX).min(clean.len());
        self.budget -= fits as u64;
        self.dropped += (clean.len() - fits) as u64;
        if fits > 0 {
            self.transcript.write(&clean[..fits]).await;
        }
        self.buffer.extend_from_slice(clean);
        while let Some(line) = self.cutter.next_line(&mut self.buffer) {
            (self.on_line)(line);
        }
    }

    /// Hands on the last line and answers how many bytes were beyond the budget.
    pub(super) async fn finish(mut self) -> u64 {
        let held = self.redaction.finish();
        self.take(&held).await;
        if let Some(line) = self.cutter.last_line(&mut self.buffer) {
            (self.on_line)(line);
        }
        self.transcript.finish().await;
        self.dropped
    }
}

/// The last bytes of stderr. Secrets are gone before it is cut, so that no half of one stays at its beginning.
#[derive(Debug)]
pub(super) struct Tail {
    redaction: Redaction,
    bytes: Vec<u8>,
}

impl Tail {
    pub(super) fn new(secrets: Secrets) -> Self {
        Self { redaction: Redaction::new(secrets), bytes: Vec::new() }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(self.redaction.push(bytes));
        // Cut only now and then, so that many small writes do not move the tail each time.
        if self.bytes.len() > 8 * TAIL {
            self.cut();
        }
    }

    pub(super) fn into_text(mut self) -> String {
        self.bytes.extend(self.redaction.finish());
        self.cut();
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    fn cut(&mut self) {
        let excess = self.bytes.len().saturating_sub(TAIL);
        self.bytes.drain(..excess);
    }
}
