//! Runs a prepared command: bounded output, deadline, nothing left behind.

#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use awo_engine::ports::Progress;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::timeout;

use super::command::{Git, GitOutput};
use super::error::GitError;
use super::progress::Teller;
use crate::figures::{self, Running};
use crate::process::{Child, Exit, NotStarted, ProcessTracker as _, Start};

/// How much of the error output is kept.
const COMPLAINT: usize = 8 * 1024;
/// How long the pipes may stay open after the program ended. Only a process that nobody could end can hold them.
const PIPES: Duration = Duration::from_secs(1);

/// How much a command may print, and what happens beyond that. It is then killed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    /// More is a failure.
    Refuse(usize),
    /// More is left out.
    Cut(usize),
}

pub(super) async fn run(
    start: Start,
    name: &'static str,
    git: &Git,
    limit: Limit,
    progress: &Progress,
) -> Result<GitOutput, GitError> {
    let started = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound if git.directory.is_dir() => GitError::Missing { program: git.program.clone() },
        _ => GitError::Start { name, source },
    };
    let custody = git.owner.as_ref().map(|(processes, order)| processes.custody(*order)).unwrap_or_default();
    let Child { pid, stdout, stderr, control, mut ending, .. } =
        Child::start(start, &custody).await.map_err(|error| match error {
            NotStarted::Program(source) => started(source),
            NotStarted::Keeper(source) => GitError::Start { name, source },
        })?;
    let _running = Running::new(figures::GIT);
    // Locals are dropped in reverse: all is killed, then its record goes, then the child is reaped.
    let _record;
    let mut control = control;
    _record = match git.owner.as_ref().zip(pid) {
        Some(((processes, order), pid)) => Some(processes.track(*order, pid).map_err(started)?),
        None => None,
    };
    // Without a pipe it prints into a file.
    let (mut out, mut err) = (stdout, stderr);

    let most = match limit {
        Limit::Refuse(most) | Limit::Cut(most) => most,
    };
    let (mut printed, mut complaint) = (Vec::new(), Vec::new());
    let full = {
        let reading = async {
            let printed = read_to(out.as_mut(), &mut printed, most);
            let said = read_end(err.as_mut(), &mut complaint, Teller::new(progress));
            tokio::try_join!(printed, said).is_err()
        };
        tokio::pin!(reading);
        let running = async {
            tokio::select! {
                full = &mut reading => {
                    if full {
                        control.kill();
                    }
                    ending.ended().await;
                    control.kill();
                    full
                }
                () = ending.ended() => {
                    control.kill();
                    matches!(timeout(PIPES, &mut reading).await, Ok(true))
                }
            }
        };
        let seconds = git.deadline.as_secs();
        timeout(git.deadline, running).await.map_err(|_| GitError::Deadline { name, seconds })?
    };
    let exit = ending.gone(&control).await;
    if full && matches!(limit, Limit::Refuse(_)) {
        return Err(GitError::TooMuch { name, most });
    }
    Ok(GitOutput {
        code: match exit {
            // Cut short by us; that it was killed is no news.
            _ if full => 0,
            Exit::Exited(code) => code,
            Exit::Signalled(signal) => 128 + signal,
        },
        stdout: printed,
        cut: full,
        stderr: complaint,
    })
}

/// There is more than may be.
#[derive(Debug)]
struct Full;

async fn read_to(pipe: Option<&mut (impl AsyncRead + Unpin)>, into: &mut Vec<u8>, most: usize) -> Result<(), Full> {
    let Some(pipe) = pipe else { return Ok(()) };
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        let room = most - into.len();
        into.extend_from_slice(&buffer[..count.min(room)]);
        if count > room {
            return Err(Full);
        }
    }
    Ok(())
}

async fn read_end(
    pipe: Option<&mut (impl AsyncRead + Unpin)>,
    into: &mut Vec<u8>,
    mut teller: Teller<'_>,
) -> Result<(), Full> {
    let Some(pipe) = pipe else { return Ok(()) };
    let mut buffer = vec![0; 4 * 1024];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        into.extend_from_slice(&buffer[..count]);
        teller.hear(&buffer[..count]);
        let surplus = into.len().saturating_sub(COMPLAINT);
        into.drain(..surplus);
    }
    Ok(())
}
