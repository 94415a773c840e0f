//! Owns the eye on a program at work: its lines are read as they come, its limits are counted, and it is stopped when it
//! has passed one, or has answered and does not end.

use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use awo_engine::ports::{AgentProgress, ProgressSink};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::caps::{Cap, Caps};
use super::driver::AgentParser;
use super::words::{LONGEST, clip_to};
use crate::Secrets;
use crate::process::{Invocation, Line, RunEnd, RunError, RunLimits, run};

/// Longest detail that is told of the use of a tool, and longest name, in characters.
const LONGEST_DETAIL: usize = 200;

/// A program at work.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) parser: Box<dyn AgentParser>,
    pub(super) caps: Caps,
    pub(super) progress: ProgressSink,
    pub(super) secrets: Secrets,
    /// How long it may go on after its answer.
    pub(super) linger: Duration,
}

/// Why we stopped a program that nobody cancelled and that had time left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It had answered and did not end.
    Lingered,
    /// It passed a limit.
    Over(Cap),
}

/// How far a program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Working,
    Answered,
    Over(Cap),
}

impl Watch {
    /// Runs the program to its end, and hands back the parser that has read it.
    pub(super) async fn run(
        self,
        invocation: Invocation,
        limits: &RunLimits,
        transcript: &Path,
        cancel: &CancellationToken,
        spawned: &(dyn Fn(u32) -> io::Result<Box<dyn Send>> + Sync),
    ) -> Result<(RunEnd, Option<Stopped>, Box<dyn AgentParser>), RunError> {
        let Self { mut parser, mut caps, progress, secrets, linger } = self;
        let (stage, seen) = watch::channel(Stage::Working);
        // What a program says because it is stopped must not replace the answer that it had given.
        let answer_stands = AtomicBool::new(false);
        let mut on_line = |line| {
            if answer_stands.load(Ordering::Relaxed) {
                return;
            }
            match line {
                Line::Text(line) => parser.feed(&line, &mut |happened| {
                    caps.count(&happened);
                    if progress.listens() {
                        progress.tell(bounded(happened, &secrets));
                    }
                }),
                Line::TooLong { .. } => parser.skip(),
            }
            let now = match caps.passed() {
                _ if parser.has_answered() => Stage::Answered,
                Some(cap) => Stage::Over(cap),
                None => Stage::Working,
            };
            stage.send_if_modified(|before| std::mem::replace(before, now) != now);
        };
        let stop = cancel.child_token();
        let (end, stopped) = {
            let mut running = pin!(run(invocation, limits, Some(transcript), &stop, spawned, &mut on_line));
            tokio::select! {
                biased;
                end = &mut running => (end?, None),
                stopped = must_stop(seen, linger) => {
                    answer_stands.store(stopped == Stopped::Lingered, Ordering::Relaxed);
                    stop.cancel();
                    (running.await?, Some(stopped))
                }
            }
        };
        Ok((end, stopped, parser))
    }
}

/// Ends when the program must be stopped.
async fn must_stop(mut stage: watch::Receiver<Stage>, linger: Duration) -> Stopped {
    loop {
        let now = *stage.borrow_and_update();
        let changed = match now {
            Stage::Over(cap) => return Stopped::Over(cap),
            Stage::Working => stage.changed().await,
            Stage::Answered => match tokio::time::timeout(linger, stage.changed()).await {
                Ok(changed) => changed,
                Err(_) => return Stopped::Lingered,
            },
        };
        if changed.is_err() {
            // Nothing more will be read: the program is about to end.
            std::future::pending::<()>().await;
        }
    }
}

/// What is told of it: bounded, and without secrets that showed only when it was decoded.
fn bounded(progress: AgentProgress, secrets: &Secrets) -> AgentProgress {
    let clean = |text: Arc<str>, longest| -> Arc<str> { secrets.redact(clip_to(&text, longest)).into() };
    match progress {
        AgentProgress::Text(text) => AgentProgress::Text(clean(text, LONGEST)),
        AgentProgress::ToolStarted { tool, detail } => {
            AgentProgress::ToolStarted { tool: clean(tool, LONGEST_DETAIL), detail: clean(detail, LONGEST_DETAIL) }
        }
        AgentProgress::ToolEnded { tool, success } => {
            AgentProgress::ToolEnded { tool: tool.map(|tool| clean(tool, LONGEST_DETAIL)), success }
        }
        AgentProgress::Retry { reason } => AgentProgress::Retry { reason: clean(reason, LONGEST_DETAIL) },
        other => other,
    }
}
