//! Owns the life of one program, an agent or one that is told of orders, from its start until nothing of it is left.

use std::io;
use std::path::Path;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::figures::{self, Running};

use super::child::{Child, Control, Ending, Input, NotStarted, Start};
use super::lines::Line;
use super::output::{Output, Tail};
use super::stop::{Rung, Stop};
use super::transcript::Transcript;
use super::{EndCause, Invocation, Purpose, RunEnd, RunError, RunLimits};

/// Bytes read at once.
const PIECE: usize = 64 << 10;
/// How long output is still read after the program ended, when somebody else holds its pipes open.
const DRAIN: Duration = Duration::from_millis(500);
/// How long the kernel is given to end a killed program, before its pipes are let go.
const KILL_GRACE: Duration = Duration::from_secs(2);

/// Runs a program to its end, and all that it started, and hands on its stdout line by line.
///
/// `spawned` is told the process as soon as it runs; what it answers is kept until all of it has been killed.
/// Output, as far as [`RunLimits::max_transcript`], also goes to `transcript`. The invocation's secrets are replaced by
/// their names before anything is done with it.
///
/// # Cancellation
/// When `cancel` fires or a limit is reached, the program is interrupted, then its group terminated, then all of it is
/// killed, with a grace between each. Dropping the future has it all killed.
pub async fn run(
    mut invocation: Invocation,
    limits: &RunLimits,
    transcript: Option<&Path>,
    cancel: &CancellationToken,
    spawned: &(dyn Fn(u32) -> io::Result<Box<dyn Send>> + Sync),
    on_line: &mut (dyn FnMut(Line) + Send),
) -> Result<RunEnd, RunError> {
    let copy = Transcript::create(transcript)
        .await
        .map_err(|source| RunError::Transcript { path: transcript.unwrap_or(Path::new("")).to_owned(), source })?;
    let (secrets, input) = (std::mem::take(&mut invocation.secrets), std::mem::take(&mut invocation.stdin));
    let stdin = if input.is_empty() { Input::Nothing } else { Input::Pipe };
    let kind = match invocation.purpose {
        Purpose::Agent => figures::AGENT,
        Purpose::Notice => figures::NOTICE,
    };
    let Child { pid, stdin, stdout, stderr, control, mut ending } = start(invocation, stdin).await?;
    let _running = Running::new(kind);
    // Locals are dropped in reverse: all is killed, then its record goes, then the child is reaped.
    let _record;
    let mut control = control;
    _record = match pid {
        Some(pid) => Some(spawned(pid).map_err(|source| RunError::Untracked { pid, source })?),
        None => None,
    };

    let mut streams = Streams {
        stdout,
        stderr,
        read: 0,
        last_sign: Instant::now(),
        output: Output::new(copy, limits, secrets.clone(), on_line),
        errors: Tail::new(secrets),
    };
    let feed = feed(stdin, input);
    let cause = attend(&mut streams, &mut control, &mut ending, feed, limits, cancel).await;
    // Whoever holds the pipes still does not hold us.
    let Streams { output, errors, .. } = streams;
    let dropped_bytes = output.finish().await;
    let exit = ending.gone(&control).await;
    Ok(RunEnd { exit, cause, stderr_tail: errors.into_text(), dropped_bytes })
}

async fn start(invocation: Invocation, stdin: Input) -> Result<Child, RunError> {
    let Invocation { program, args, env, working_dir, custody, walled, .. } = invocation;
    if !working_dir.is_dir() {
        return Err(RunError::WorkingDir { path: working_dir });
    }
    let start = Start {
        program: program.clone(),
        args,
        env: env.into_iter().collect(),
        working_dir,
        stdin,
        stdout: Stdio::piped(),
        walled,
    };
    Child::start(start, &custody).await.map_err(|error| match error {
        NotStarted::Program(source) => RunError::Start { program, source },
        NotStarted::Keeper(source) => {
            let keeper = custody.keeper.map(|keeper| keeper.program().to_owned()).unwrap_or_default();
            RunError::Keeper { keeper, program, source }
        }
    })
}

/// What a program writes, and what becomes of it.
struct Streams<'a> {
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    /// Bytes that were read of both.
    read: u64,
    /// When the last of them were.
    last_sign: Instant,
    output: Output<'a>,
    errors: Tail,
}

impl Streams<'_> {
    fn are_open(&self) -> bool {
        self.stdout.is_some() || self.stderr.is_some()
    }

    fn note(&mut self, count: usize) {
        self.read += count as u64;
        self.last_sign = Instant::now();
    }
}

/// Feeds and reads the program until it has ended and all of it has been killed, and stops it when it must.
async fn attend(
    streams: &mut Streams<'_>,
    control: &mut Control,
    ending: &mut Ending,
    feed: impl Future<Output = ()>,
    limits: &RunLimits,
    cancel: &CancellationToken,
) -> EndCause {
    let mut feed = pin!(feed);
    let mut end = pin!(ending.ended());
    let mut stdout_piece = vec![0; PIECE];
    let mut stderr_piece = vec![0; PIECE];

    let started = Instant::now();
    let mut stop: Option<Stop> = None;
    let (mut feeding, mut running) = (true, true);
    let mut drain_until = None;
    while running || streams.are_open() {
        if running && stop.is_none() && streams.read > limits.max_output {
            control.interrupt();
            stop = Some(Stop::begin(EndCause::OutputLimit, Instant::now(), limits));
        }
        let wake = match (&drain_until, &stop) {
            (Some(until), _) => *until,
            (None, Some(stop)) => stop.until,
            (None, None) => Stop::due(started, streams.last_sign, limits).0,
        };
        tokio::select! {
            () = &mut end, if running => {
                running = false;
                drain_until = Some(Instant::now() + DRAIN);
                // What is left would outlive the program, and may hold the pipes.
                control.kill();
            }
            () = cancel.cancelled(), if running && stop.is_none() => {
                control.interrupt();
                stop = Some(Stop::begin(EndCause::Cancelled, Instant::now(), limits));
            }
            () = sleep_until(wake) => match &mut stop {
                _ if drain_until.is_some() => break,
                None => {
                    control.interrupt();
                    let cause = Stop::due(started, streams.last_sign, limits).1;
                    stop = Some(Stop::begin(cause, Instant::now(), limits));
                }
                Some(stop) => match stop.climb(Instant::now(), limits) {
                    Rung::Interrupt => control.interrupt(),
                    Rung::Terminate => control.terminate(),
                    Rung::Kill => {
                        control.kill();
                        drain_until = Some(Instant::now() + KILL_GRACE);
                    }
                },
            },
            () = &mut feed, if feeding => feeding = false,
            read = read(&mut streams.stdout, &mut stdout_piece), if streams.stdout.is_some() => match read {
                0 => streams.stdout = None,
                count => {
                    streams.note(count);
                    // Nothing more is read meanwhile: a program that writes faster waits.
                    streams.output.push(&stdout_piece[..count]).await;
                }
            },
            read = read(&mut streams.stderr, &mut stderr_piece), if streams.stderr.is_some() => match read {
                0 => streams.stderr = None,
                count => {
                    streams.note(count);
                    streams.errors.push(&stderr_piece[..count]);
                }
            },
        }
    }
    control.kill();
    stop.map_or(EndCause::Own, |stop| stop.cause)
}

/// Writes all input, as fast as the program takes it. One that takes none of it is free not to.
async fn feed(pipe: Option<ChildStdin>, input: Vec<u8>) {
    if let Some(mut pipe) = pipe {
        let _ = pipe.write_all(&input).await;
    }
}

/// Reads a piece; 0 is the end, for which an error counts too.
async fn read<R: tokio::io::AsyncRead + Unpin>(pipe: &mut Option<R>, piece: &mut [u8]) -> usize {
    match pipe {
        Some(pipe) => pipe.read(piece).await.unwrap_or(0),
        None => 0,
    }
}
