//! Runs a prepared command: own process group, bounded output, deadline, nothing left behind.

#[cfg(test)]
mod tests;

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use super::command::{Git, GitOutput};
use super::error::GitError;
use crate::process_records::kill_group;

/// How much of the error output is kept.
const COMPLAINT: usize = 8 * 1024;
/// How long the pipes may stay open after the program ended. Only a process that left the group can hold them.
const PIPES: Duration = Duration::from_secs(1);

/// How much a command may print, and what happens beyond that. It is then killed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    /// More is a failure.
    Refuse(usize),
    /// More is left out.
    Cut(usize),
}

/// Kills the group when dropped. Must be dropped before its leader is collected, or right after.
struct Group(i32);

impl Drop for Group {
    fn drop(&mut self) {
        kill_group(self.0);
    }
}

pub(super) async fn run(
    mut command: Command,
    name: &'static str,
    git: &Git,
    limit: Limit,
) -> Result<GitOutput, GitError> {
    let started = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound if git.directory.is_dir() => GitError::Missing { program: git.program.clone() },
        _ => GitError::Start { name, source },
    };
    let mut child = command.stderr(Stdio::piped()).process_group(0).kill_on_drop(true).spawn().map_err(started)?;
    let pid = child.id().unwrap_or(0);
    let group = Group(i32::try_from(pid).unwrap_or(0));
    let _record = match &git.records {
        Some((records, order)) => Some(records.track(*order, pid).map_err(started)?),
        None => None,
    };
    // Without a pipe it prints into a file.
    let mut out = child.stdout.take();
    let Some(mut err) = child.stderr.take() else {
        return Err(started(io::Error::other("its output is not connected")));
    };

    let most = match limit {
        Limit::Refuse(most) | Limit::Cut(most) => most,
    };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (status, full) = {
        let printed = async {
            match &mut out {
                Some(out) => read_to(out, &mut stdout, most).await,
                None => Ok(()),
            }
        };
        let reading = async { tokio::try_join!(printed, read_end(&mut err, &mut stderr)) };
        tokio::pin!(reading);
        let ending = async {
            tokio::select! {
                read = &mut reading => {
                    if read.is_err() {
                        kill_group(group.0);
                    }
                    (child.wait().await, read.is_err())
                }
                status = child.wait() => {
                    kill_group(group.0);
                    (status, matches!(timeout(PIPES, &mut reading).await, Ok(Err(Full))))
                }
            }
        };
        timeout(git.deadline, ending).await.map_err(|_| GitError::Deadline { name, seconds: git.deadline.as_secs() })?
    };
    drop(group);
    if full && matches!(limit, Limit::Refuse(_)) {
        return Err(GitError::TooMuch { name, most });
    }
    let status = status.map_err(started)?;
    let by_signal = status.signal().map_or(128, |signal| 128 + signal);
    Ok(GitOutput {
        // Cut short by us; that it was killed is no news.
        code: if full { 0 } else { status.code().unwrap_or(by_signal) },
        stdout,
        cut: full,
        stderr,
    })
}

/// There is more than may be.
#[derive(Debug)]
struct Full;

async fn read_to(pipe: &mut (impl AsyncRead + Unpin), into: &mut Vec<u8>, most: usize) -> Result<(), Full> {
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

async fn read_end(pipe: &mut (impl AsyncRead + Unpin), into: &mut Vec<u8>) -> Result<(), Full> {
    let mut buffer = vec![0; 4 * 1024];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        into.extend_from_slice(&buffer[..count]);
        let surplus = into.len().saturating_sub(COMPLAINT);
        into.drain(..surplus);
    }
    Ok(())
}
