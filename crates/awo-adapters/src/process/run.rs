//! Owns the life of one child process, from its start until nothing of its group is left.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::group::{Group, ended};
use super::lines::Line;
use super::output::{Output, Tail};
use super::stop::{Rung, Stop};
use super::transcript::Transcript;
use super::{EndCause, Exit, Invocation, RunEnd, RunError, RunLimits};

/// Bytes read at once.
const PIECE: usize = 64 << 10;
/// How long output is still read after the child ended, when somebody else holds its pipes open.
const DRAIN: Duration = Duration::from_millis(500);
/// How long the kernel is given to end a killed child, before we go on without knowing its exit.
const KILL_GRACE: Duration = Duration::from_secs(5);

/// Runs a program to its end, in a process group of its own, and hands on its stdout line by line.
///
/// `spawned` is told the process as soon as it runs; what it answers is kept until the group has been killed.
/// Output, as far as [`RunLimits::max_transcript`], also goes to `transcript`. The invocation's secrets are replaced by
/// their names before anything is done with it.
///
/// # Cancellation
/// When `cancel` fires or a time is over, the program is interrupted, then its group terminated, then killed, with a
/// grace between each. Dropping the future kills the group at once.
pub async fn run(
    invocation: Invocation,
    limits: &RunLimits,
    transcript: Option<&Path>,
    cancel: &CancellationToken,
    spawned: &(dyn Fn(u32) -> io::Result<Box<dyn Send>> + Sync),
    on_line: &mut (dyn FnMut(Line) + Send),
) -> Result<RunEnd, RunError> {
    let copy = Transcript::create(transcript)
        .await
        .map_err(|source| RunError::Transcript { path: transcript.unwrap_or(Path::new("")).to_owned(), source })?;
    // Locals are dropped in reverse: the group is killed, then its record goes, then the child is reaped.
    let mut child = start(&invocation)?;
    let _record;
    let pid = child.id().unwrap_or_default();
    let mut group = Group::of(pid).ok_or_else(|| RunError::Start {
        program: invocation.program,
        source: io::Error::other("it has no process number"),
    })?;
    _record = spawned(pid).map_err(|source| RunError::Untracked { pid, source })?;

    let mut output = Output::new(copy, limits, invocation.secrets.clone(), on_line);
    let mut errors = Tail::new(invocation.secrets);
    let cause = attend(&mut child, &mut group, invocation.stdin, limits, cancel, &mut output, &mut errors).await;
    let dropped_bytes = output.finish().await;
    let exit = match timeout(KILL_GRACE, child.wait()).await {
        Ok(Ok(status)) => exit_of(status),
        // It was killed, and will end when the kernel lets go of it.
        Ok(Err(_)) | Err(_) => Exit::Signalled(rustix::process::Signal::KILL.as_raw()),
    };
    group.gone().await;
    Ok(RunEnd { exit, cause, stderr_tail: errors.into_text(), dropped_bytes })
}

fn start(invocation: &Invocation) -> Result<Child, RunError> {
    if !invocation.working_dir.is_dir() {
        return Err(RunError::WorkingDir { path: invocation.working_dir.clone() });
    }
    Command::new(&invocation.program)
        .args(&invocation.args)
        .env_clear()
        .envs(&invocation.env)
        .current_dir(&invocation.working_dir)
        .stdin(if invocation.stdin.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| RunError::Start { program: invocation.program.clone(), source })
}

/// Feeds and reads the child until it has ended and its group has been killed, and stops it when it must.
async fn attend(
    child: &mut Child,
    group: &mut Group,
    input: Vec<u8>,
    limits: &RunLimits,
    cancel: &CancellationToken,
    output: &mut Output<'_>,
    errors: &mut Tail,
) -> EndCause {
    let mut stdout = child.stdout.take();
    let mut stderr = child.stderr.take();
    let mut feed = pin!(feed(child.stdin.take(), input));
    let mut leader = pin!(ended(child));
    let mut stdout_piece = vec![0; PIECE];
    let mut stderr_piece = vec![0; PIECE];

    let started = Instant::now();
    let mut last_sign = started;
    let mut stop: Option<Stop> = None;
    let (mut feeding, mut running) = (true, true);
    let mut drain_until = None;
    while running || stdout.is_some() || stderr.is_some() {
        let wake = match (&drain_until, &stop) {
            (Some(until), _) => *until,
            (None, Some(stop)) => stop.until,
            (None, None) => Stop::due(started, last_sign, limits).0,
        };
        tokio::select! {
            _ = &mut leader, if running => {
                running = false;
                drain_until = Some(Instant::now() + DRAIN);
                // What is left of the group would outlive its leader, and may hold the pipes.
                group.kill();
            }
            () = cancel.cancelled(), if running && stop.is_none() => {
                group.interrupt();
                stop = Some(Stop::begin(EndCause::Cancelled, Instant::now(), limits));
            }
            () = sleep_until(wake) => match &mut stop {
                _ if drain_until.is_some() => break,
                None => {
                    group.interrupt();
                    let cause = Stop::due(started, last_sign, limits).1;
                    stop = Some(Stop::begin(cause, Instant::now(), limits));
                }
                Some(stop) => match stop.climb(Instant::now(), limits) {
                    Rung::Interrupt => group.interrupt(),
                    Rung::Terminate => group.terminate(),
                    Rung::Kill => {
                        group.kill();
                        drain_until = Some(Instant::now() + KILL_GRACE);
                    }
                },
            },
            () = &mut feed, if feeding => feeding = false,
            read = read(&mut stdout, &mut stdout_piece), if stdout.is_some() => match read {
                0 => stdout = None,
                count => {
                    last_sign = Instant::now();
                    output.push(&stdout_piece[..count]).await;
                }
            },
            read = read(&mut stderr, &mut stderr_piece), if stderr.is_some() => match read {
                0 => stderr = None,
                count => {
                    last_sign = Instant::now();
                    errors.push(&stderr_piece[..count]);
                }
            },
        }
    }
    group.kill();
    stop.map_or(EndCause::Own, |stop| stop.cause)
}

/// Writes all input, as fast as the child takes it. A child that takes none of it is free not to.
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

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Exited(code),
        (None, signal) => Exit::Signalled(signal.unwrap_or_default()),
    }
}
