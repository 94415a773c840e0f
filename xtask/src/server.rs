//! One life of the server: started on a data directory, asked over HTTP, killed by a thread of its own.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Longest wait for anything that a server does at once.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server that was started. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Arc<Mutex<Child>>,
    process: u32,
    killed: Arc<AtomicBool>,
    killer: Option<JoinHandle<()>>,
    started: Instant,
    address: mpsc::Receiver<String>,
}

impl Server {
    /// Starts it; what it logs is added to a file.
    pub(crate) fn start(mut command: Command, log: File) -> Result<Self> {
        let started = Instant::now();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().context("the server cannot be started")?;
        let output = child.stdout.take().context("its output was asked for")?;
        let (tell, address) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(output).read_line(&mut line);
            if let (Ok(_), Some(address)) = (read, line.trim_end().strip_prefix("listening on http://")) {
                // Nobody may wait any more.
                let _ = tell.send(address.to_owned());
            }
        });
        let process = child.id();
        let child = Arc::new(Mutex::new(child));
        Ok(Self { child, process, killed: Arc::default(), killer: None, started, address })
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.process
    }

    /// When its process was started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Waits until it listens, and where; `None` if it ends before.
    pub(crate) fn listening(&self) -> Option<String> {
        self.address.recv_timeout(PATIENCE).ok()
    }

    /// Lets it be killed after a time, whatever it or we do then.
    pub(crate) fn kill_after(&mut self, delay: Duration) {
        let (child, killed) = (Arc::clone(&self.child), Arc::clone(&self.killed));
        self.killer = Some(thread::spawn(move || {
            thread::sleep(delay);
            // First the flag: an error that the kill causes must find it set.
            killed.store(true, Ordering::SeqCst);
            // It fails only if the process has ended, which whoever waits for it sees.
            let _ = lock(&child).kill();
        }));
    }

    /// Kills it now.
    pub(crate) fn kill(&mut self) {
        self.kill_after(Duration::ZERO);
        if let Some(killer) = self.killer.take() {
            let _ = killer.join();
        }
        let _ = lock(&self.child).wait();
    }

    /// Whether its end was chosen already.
    pub(crate) fn will_be_killed(&self) -> bool {
        self.killer.is_some()
    }

    /// Whether it was killed.
    pub(crate) fn was_killed(&self) -> bool {
        self.killed.load(Ordering::SeqCst)
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&self) -> Result<Option<ExitStatus>> {
        Ok(lock(&self.child).try_wait()?)
    }

    /// Asks it to end in order, and waits for that.
    pub(crate) fn terminate(&self) -> Result<ExitStatus> {
        let process = i32::try_from(self.process).ok().and_then(Pid::from_raw).context("a process number")?;
        kill_process(process, Signal::TERM).context("the server cannot be told to end")?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = lock(&self.child).try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        bail!("the server did not end within {} s after it was told to", PATIENCE.as_secs())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(killer) = self.killer.take() {
            let _ = killer.join();
        }
        let mut child = lock(&self.child);
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn lock(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes of memory that a server takes now.
pub(crate) fn resident(server: &Server) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().with_context(|| format!("VmRSS is {line:?}"))?;
    Ok(kilobytes * 1024.0)
}

/// Seconds of processors that a process has used.
pub(crate) fn processor_time(process: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let after = stat.rfind(')').map(|end| &stat[end + 1..]).context("no name in /proc")?;
    let ticks = after.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    // In hundredths, whatever the system counts in itself.
    Ok(f64::from(u32::try_from(ticks)?) / 100.0)
}

/// Sends one request on a connection of its own; the status and the body as JSON, or an error if nobody answers in full.
pub(crate) fn call(address: &str, request: &str, headers: &str, body: &str) -> io::Result<(u16, Value)> {
    let bytes = exchange(address, request, headers, body)?;
    parse(&bytes).ok_or_else(|| io::Error::other("the answer ended early"))
}

/// The answer to a request without a body: its status, its head, and its body as text.
pub(crate) fn answer(address: &str, request: &str, headers: &str) -> io::Result<(u16, String, String)> {
    let bytes = exchange(address, request, headers, "")?;
    take_apart(&bytes).ok_or_else(|| io::Error::other("the answer ended early"))
}

/// The answer to a request without a body, as text with its head.
pub(crate) fn text(address: &str, request: &str) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&exchange(address, request, "", "")?).into_owned())
}

fn exchange(address: &str, request: &str, headers: &str, body: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    let head = format!(
        "{request} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Status and body of an answer that is whole.
fn parse(bytes: &[u8]) -> Option<(u16, Value)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let status = std::str::from_utf8(&bytes[..end]).ok()?.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_slice(&bytes[end + 4..]).ok()?))
}

/// Status, head and body of an answer, of which the head is whole.
fn take_apart(bytes: &[u8]) -> Option<(u16, String, String)> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, head.to_owned(), body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart() {
        let whole = b"HTTP/1.1 304 Not Modified\r\netag: \"7\"\r\n\r\n";
        let head = "HTTP/1.1 304 Not Modified\r\netag: \"7\"".to_owned();
        assert_eq!(take_apart(whole), Some((304, head, String::new())));
        assert_eq!(take_apart(&whole[..whole.len() - 1]), None);
    }

    #[test]
    fn an_answer_that_was_cut_is_none() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"steps\": []}";
        assert_eq!(parse(whole), Some((200, serde_json::json!({"steps": []}))));
        for end in 0..whole.len() {
            assert_eq!(parse(&whole[..end]), None, "{end}");
        }
    }
}
